import type { NotebookPanel } from '@jupyterlab/notebook';
import { NotebookActions } from '@jupyterlab/notebook';

import {
  freeRunName,
  insertCell,
  insertCodeCell,
  loadExtension,
  runCell
} from '../actions';
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

  it('runs the cell by its id, and the one that loads the extension only for a kernel that has not loaded it', async () => {
    await open([LOAD, 'b'], true);
    const ran: string[] = [];
    const record = (_: unknown, { cell }: any) =>
      ran.push(cell.model.sharedModel.getSource());
    NotebookActions.executionScheduled.connect(record);
    panel.content.activeCellIndex = 1;
    const id = insertCell(panel, 'run', 'model: X', { load: true })!;
    panel.content.activeCellIndex = 0;
    await runCell(panel, id, { load: true });
    expect(ran).toEqual([LOAD, '%%finetune run\nmodel: X']);
    expect(panel.content.activeCellIndex).toBe(2);
    await runCell(panel, id);
    expect(ran.slice(2)).toEqual(['%%finetune run\nmodel: X']);
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

  it('numbers a name on', async () => {
    await open(['%%finetune captain\n', '%%finetune captain2\n']);
    expect(freeRunName(panel, [], 'captain')).toBe('captain3');
    expect(freeRunName(panel, [], 'captain2')).toBe('captain3');
    expect(freeRunName(panel, ['llama3'], 'llama3')).toBe('llama3_2');
    expect(freeRunName(panel, ['llama3', 'llama3_2'], 'llama3_2')).toBe(
      'llama3_3'
    );
  });

  it('loads the extension with the cell that does so, and leaves the chosen cell chosen', async () => {
    await open(['a', `import os\n${LOAD}`], true);
    const ran: string[] = [];
    const record = (_: unknown, { cell }: any) =>
      ran.push(cell.model.sharedModel.getSource());
    NotebookActions.executionScheduled.connect(record);
    await loadExtension(panel);
    expect(ran).toEqual([`import os\n${LOAD}`]);
    expect(sources(panel)).toHaveLength(2);
    expect(panel.content.activeCellIndex).toBe(0);
    NotebookActions.executionScheduled.disconnect(record);
  });

  it('loads the extension with a new cell where there is none', async () => {
    await open(['a', 'b'], true);
    panel.content.activeCellIndex = 1;
    await loadExtension(panel);
    expect(sources(panel)).toEqual(['a', LOAD, 'b']);
    expect(panel.content.activeCellIndex).toBe(2);
  });

  it('inserts no cell above the one that loads the extension', async () => {
    await open(['a', LOAD, 'b']);
    insertCell(panel, 'run', 'model: X\n', { load: true });
    expect(sources(panel).slice(0, 2)).toEqual(['a', LOAD]);
    expect(sources(panel)[2]).toContain('%%finetune run');
  });

  it('takes the keyboard from nobody', async () => {
    await open(['a'], true);
    panel.content.mode = 'edit';
    const button = document.createElement('button');
    document.body.appendChild(button);
    button.focus();
    panel.content.mode = 'edit';
    const id = insertCell(panel, 'run', 'model: X', { load: true })!;
    await runCell(panel, id);
    await new Promise(resolve => setTimeout(resolve, 50));
    expect(panel.content.mode).toBe('command');
    expect(document.activeElement).toBe(button);
    button.remove();
  });
});
