import type { ICodeCellModel } from '@jupyterlab/cells';
import type { NotebookPanel } from '@jupyterlab/notebook';
import { NotebookActions } from '@jupyterlab/notebook';

import { freeRunName, insertCell, insertCodeCell, runCell } from '../actions';
import { openNotebook, sources } from './notebooks';

const LOAD = '%load_ext llmtune_kernel';

describe('actions', () => {
  beforeAll(() => {
    jest.spyOn(console, 'warn').mockImplementation();
    jest.spyOn(console, 'debug').mockImplementation();
  });
  afterAll(() => jest.restoreAllMocks());

  let panel: NotebookPanel;
  const open = async (cells: string[], kernel = false) => {
    panel = await openNotebook(cells, { kernel });
  };
  afterEach(() => panel.dispose());

  it('inserts a cell below the active one, with one that loads the extension', async () => {
    await open(['a', 'b']);
    const id = insertCell(panel, 'run', 'model: X\n', { load: true });
    expect(sources(panel)).toEqual([
      'a',
      LOAD,
      '%%finetune run\nmodel: X',
      'b'
    ]);
    expect(panel.content.activeCell!.model.sharedModel.getId()).toBe(id);
    panel.content.model!.sharedModel.undo();
    expect(sources(panel)).toEqual(['a', 'b']);
  });

  it('loads the extension only once', async () => {
    await open([`import os\n${LOAD}`, 'b']);
    insertCell(panel, 'run', 'model: X', { load: true });
    expect(sources(panel)).toHaveLength(3);
  });

  it('inserts no such cell if not asked to', async () => {
    await open(['a']);
    insertCell(panel, null, 'model: X', { load: false });
    expect(sources(panel)).toEqual(['a', '%%finetune\nmodel: X']);
  });

  it('runs the cell by its id, after the extension is loaded', async () => {
    await open([LOAD, 'b'], true);
    const ran: string[] = [];
    const record = (_: unknown, { cell }: any) =>
      ran.push(cell.model.sharedModel.getSource());
    NotebookActions.executionScheduled.connect(record);
    panel.content.activeCellIndex = 1;
    const id = insertCell(panel, 'run', 'model: X', { load: true })!;
    panel.content.activeCellIndex = 0;
    await runCell(panel, id);
    expect(ran).toEqual([LOAD, '%%finetune run\nmodel: X']);
    expect(panel.content.activeCellIndex).toBe(2);

    const loader = panel.content.widgets[0].model as ICodeCellModel;
    loader.executionCount = 1;
    await runCell(panel, id);
    expect(ran.slice(2)).toEqual(['%%finetune run\nmodel: X']);
    await runCell(panel, id, { load: true });
    expect(ran.slice(3)).toEqual([LOAD, '%%finetune run\nmodel: X']);
    expect(await runCell(panel, 'gone')).toBe(false);
    NotebookActions.executionScheduled.disconnect(record);
  });

  it('inserts any code', async () => {
    await open(['a']);
    const id = await insertCodeCell(panel, '%pip list', { run: false });
    expect(sources(panel)).toEqual(['a', '%pip list']);
    expect(panel.content.activeCell!.model.sharedModel.getId()).toBe(id);
  });

  it('finds a name that no run has', async () => {
    await open(['%%finetune run\n', '%%finetune run3 --wait\n']);
    expect(freeRunName(panel, [])).toBe('run2');
    expect(freeRunName(panel, ['run2'])).toBe('run4');
  });
});
