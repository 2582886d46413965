import type { NotebookPanel } from '@jupyterlab/notebook';

import { openNotebook, sources } from '../../cell/__tests__/notebooks';
import { useInCell } from '../saving';

const INSPECTED = { source: 'rows.jsonl', dataset_dir: 'data' };
const CELL = '%%finetune run\n# mine\ndata: rows.jsonl';

describe('useInCell', () => {
  let panel: NotebookPanel;

  afterEach(() => panel.dispose());

  it('trains on the rows in the chosen cell, whatever it trained on', async () => {
    panel = await openNotebook([CELL, '%%finetune other\ndata: $df']);
    panel.content.activeCellIndex = 1;
    useInCell(panel, INSPECTED, '$chosen');
    expect(sources(panel)).toEqual([CELL, '%%finetune other\ndata: $chosen']);
  });

  it('finds the cell that trains on what was inspected, and leaves the rest of it as it is', async () => {
    panel = await openNotebook(['1 + 1', '%%finetune other\ndata: $df', CELL]);
    useInCell(panel, INSPECTED, '$chosen');
    expect(sources(panel)[2]).toBe('%%finetune run\n# mine\ndata: $chosen');
    expect(sources(panel)[1]).toBe('%%finetune other\ndata: $df');
    expect(panel.content.activeCellIndex).toBe(2);
  });

  it('keeps how the rows are read', async () => {
    panel = await openNotebook([CELL]);
    const columns = { instruction: 'ask', output: 'say' };
    useInCell(panel, INSPECTED, {
      source: '$chosen',
      format: 'alpaca',
      columns
    });
    expect(sources(panel)[0]).toContain('source: $chosen');
    expect(sources(panel)[0]).toContain('instruction: ask');
  });

  it('leaves the other sources as they are, and what is set of this one', async () => {
    panel = await openNotebook([
      '%%finetune run\ndata:\n  train:\n    - a.json   # keep me\n    - {source: rows.jsonl, split: x, weight: 3}\n    - $b\n  mix: concat'
    ]);
    useInCell(panel, INSPECTED, '$chosen');
    expect(sources(panel)[0]).toBe(
      '%%finetune run\ndata:\n  train:\n    - a.json   # keep me\n    - {source: $chosen, weight: 3}\n    - $b\n  mix: concat'
    );
  });

  it('writes a new cell where none is meant', async () => {
    panel = await openNotebook(['%load_ext llmtune_kernel']);
    useInCell(panel, INSPECTED, '$chosen');
    expect(sources(panel)[1]).toMatch(/^%%finetune run\n[^]*\$chosen/);
  });
});
