import type { NotebookPanel } from '@jupyterlab/notebook';
import { NotebookActions } from '@jupyterlab/notebook';

import type { FinetuneCell } from '../tracker';
import { CellTracker } from '../tracker';
import { focus, openNotebook, sources, track } from './notebooks';

const RUN = '%%finetune run\nmodel: X   # small\ndata: $df\n';
const RATE = ['training', 'learning_rate'];

describe('CellTracker', () => {
  // JupyterLab fills cells before they belong to a document, of which yjs warns each time.
  beforeAll(() => {
    jest.spyOn(console, 'warn').mockImplementation();
    jest.spyOn(console, 'debug').mockImplementation();
  });
  afterAll(() => jest.restoreAllMocks());

  let panel: NotebookPanel;
  let cells: CellTracker;
  let seen: (FinetuneCell | null)[];

  beforeEach(async () => {
    panel = await openNotebook(['import pandas', RUN, '# text']);
    cells = new CellTracker(await track(panel));
    seen = [];
    cells.currentChanged.connect((_, cell) => seen.push(cell));
  });

  afterEach(() => {
    cells.dispose();
    panel.dispose();
  });

  const choose = (index: number) => {
    panel.content.activeCellIndex = index;
    return cells.current;
  };
  const shared = (index: number) => panel.model!.sharedModel.getCell(index);

  it('has the active cell if it is a %%finetune cell', () => {
    expect(cells.current).toBeNull();
    const cell = choose(1)!;
    expect(cell.id).toBe(shared(1).getId());
    expect(cell.header.name).toBe('run');
    expect(cell.text).toBe('model: X   # small\ndata: $df\n');
    expect(choose(2)).toBeNull();
    expect(cell.isDisposed).toBe(true);
    expect(seen).toEqual([cell, null]);
  });

  it('sees a cell become one while it is typed, and stop being one', () => {
    choose(0);
    shared(0).setSource('%%finetune r');
    const cell = cells.current!;
    expect(cell.header.name).toBe('r');
    shared(0).updateSource(12, 12, 'un');
    expect(cells.current).toBe(cell);
    expect(cell.header.name).toBe('run');
    shared(0).setSource('print(1)');
    expect(cells.current).toBeNull();
    expect(cell.isDisposed).toBe(true);
  });

  it('says when the cell changes, by the form, the user or undo', () => {
    const cell = choose(1)!;
    const texts: string[] = [];
    cell.changed.connect(() => texts.push(cell.text));
    cell.edit([{ path: RATE, value: 0.001 }]);
    shared(1).updateSource(22, 23, 'Y');
    shared(1).undo();
    expect(texts).toHaveLength(3);
    expect(texts[0]).toBe(
      'model: X   # small\ndata: $df\ntraining:\n  learning_rate: 0.001\n'
    );
    expect(texts[1]).toContain('model: Y');
    expect(texts[2]).toBe(texts[0]);
  });

  it('undoes one edit of the form at a time', () => {
    const cell = choose(1)!;
    shared(1).updateSource(RUN.length, RUN.length, '# typed\n');
    const typed = shared(1).getSource();
    cell.edit([
      { path: ['model', 'dtype'], value: 'float16' },
      { path: RATE, value: 0.001 }
    ]);
    const first = shared(1).getSource();
    cell.edit([{ path: RATE, value: 0.002 }]);
    cell.replace('data: $other');
    expect(shared(1).getSource()).toBe('%%finetune run\ndata: $other');
    shared(1).undo();
    shared(1).undo();
    expect(shared(1).getSource()).toBe(first);
    shared(1).undo();
    expect(shared(1).getSource()).toBe(typed);
    shared(1).redo();
    expect(shared(1).getSource()).toBe(first);
  });

  it('makes one change of one edit', () => {
    const cell = choose(1)!;
    let changes = 0;
    cell.changed.connect(() => changes++);
    cell.edit([
      { path: ['model', 'dtype'], value: 'float16' },
      { path: ['method', 'r'], value: 8 }
    ]);
    expect(changes).toBe(1);
    cell.edit([{ path: ['method', 'r'], value: 8 }]);
    expect(changes).toBe(1);
  });

  it('starts the YAML of a cell that is only a header on its own line', () => {
    shared(2).setSource('%%finetune');
    choose(2)!.edit([{ path: ['data', 'train'], value: '$df' }]);
    expect(shared(2).getSource()).toBe('%%finetune\ndata: $df');
    expect(cells.current!.text).toBe('data: $df');
  });

  it('lets go of a deleted cell', () => {
    const cell = choose(1)!;
    NotebookActions.deleteCells(panel.content);
    expect(cell.isDisposed).toBe(true);
    expect(cells.current).toBeNull();
    const before = sources(panel);
    cell.edit([{ path: ['model'], value: 'Y' }]);
    expect(sources(panel)).toEqual(before);
  });

  it('finds a moved cell again', () => {
    const { id } = choose(1)!;
    NotebookActions.moveUp(panel.content);
    expect(sources(panel)[0]).toBe(RUN);
    const moved = cells.current!;
    expect(moved.id).toBe(id);
    expect(moved.isDisposed).toBe(false);
    moved.edit([{ path: ['model', 'name_or_path'], value: 'Y' }]);
    expect(sources(panel)[0]).toContain('model: Y   # small');
  });

  it('has none while the cell is Markdown', () => {
    const cell = choose(1)!;
    NotebookActions.changeCellType(panel.content, 'markdown');
    expect(cells.current).toBeNull();
    expect(cell.isDisposed).toBe(true);
    NotebookActions.changeCellType(panel.content, 'code');
    expect(cells.current?.text).toBe(cell.text);
  });

  it('follows a pasted copy and leaves the original alone', () => {
    choose(1);
    NotebookActions.duplicate(panel.content, 'belowSelected');
    expect(panel.content.activeCellIndex).toBe(2);
    cells.current!.edit([{ path: ['model', 'name_or_path'], value: 'Y' }]);
    expect(sources(panel)[1]).toBe(RUN);
    expect(sources(panel)[2]).toContain('model: Y');
  });

  it('is right about both halves of a split cell', () => {
    choose(1);
    panel.content.activeCell!.editor!.setCursorPosition({ line: 2, column: 0 });
    NotebookActions.splitCell(panel.content);
    expect(sources(panel).slice(1, 3)).toEqual([
      '%%finetune run\nmodel: X   # small',
      'data: $df'
    ]);
    expect(choose(2)).toBeNull();
    expect(choose(1)!.text).toBe('model: X   # small');
  });

  it('leaves alone what may not be edited, and says when that changes', () => {
    const cell = choose(1)!;
    let changes = 0;
    cell.changed.connect(() => changes++);
    shared(1).setMetadata('editable', false);
    expect(cell.isEditable).toBe(false);
    expect(changes).toBe(1);
    cell.replace('data: $other\n');
    cell.edit([{ path: RATE, value: 0.1 }]);
    cell.rename('other');
    expect(shared(1).getSource()).toBe(RUN);
  });

  it('gives the run another name, as one step to undo', () => {
    const cell = choose(1)!;
    cell.rename('other');
    expect(shared(1).getSource()).toBe(RUN.replace('run', 'other'));
    expect(cell.header.name).toBe('other');
    expect(cell.text).toBe('model: X   # small\ndata: $df\n');
    shared(1).undo();
    expect(shared(1).getSource()).toBe(RUN);
  });
});

describe('CellTracker of two notebooks', () => {
  beforeAll(() => {
    jest.spyOn(console, 'warn').mockImplementation();
    jest.spyOn(console, 'debug').mockImplementation();
  });
  afterAll(() => jest.restoreAllMocks());

  it('follows the current notebook', async () => {
    const first = await openNotebook(['%%finetune a\ndata: $a']);
    const second = await openNotebook(['%%finetune b\ndata: $b', 'print(1)']);
    const cells = new CellTracker(await track(first, second));
    expect(cells.current?.header.name).toBe('a');
    focus(second);
    expect(cells.panel).toBe(second);
    expect(cells.current?.header.name).toBe('b');
    second.content.activeCellIndex = 1;
    expect(cells.current).toBeNull();
    focus(first);
    expect(cells.current?.header.name).toBe('a');
    first.dispose();
    second.dispose();
    expect(cells.current).toBeNull();
  });
});
