import type { Notebook, NotebookPanel } from '@jupyterlab/notebook';
import { NotebookActions } from '@jupyterlab/notebook';

import { DockPanel } from '@lumino/widgets';

import { composeCell, parseCell } from './source';

/**
 * Insert a `%%finetune` cell below the active cell, and choose it.
 *
 * @param load - whether to insert a cell that loads the extension before it, if the notebook has none.
 * @returns its id; null if the notebook is not ready.
 */
export function insertCell(
  panel: NotebookPanel,
  name: string | null,
  body: string,
  { load }: { load: boolean }
): string | null {
  const notebook = panel.content;
  const needsLoad = load && findLoadCell(notebook) === -1;
  const sources = needsLoad ? [LOAD_EXTENSION] : [];
  bringToFront(panel);
  return insertSources(notebook, [...sources, composeCell(name, body)]);
}

/**
 * Insert a code cell below the active cell, and choose it.
 *
 * @returns its id; null if the notebook is not ready.
 */
export async function insertCodeCell(
  panel: NotebookPanel,
  source: string,
  { run }: { run: boolean }
): Promise<string | null> {
  const id = insertSources(panel.content, [source]);
  if (!run) {
    bringToFront(panel);
  } else if (id !== null) {
    await runSelected(panel, [panel.content.activeCellIndex]);
  }
  return id;
}

/**
 * Run a cell as if the user did.
 *
 * @param load - run the cell that loads the extension before it, for a kernel that has not loaded it.
 * @returns whether it ran without error.
 */
export async function runCell(
  panel: NotebookPanel,
  id: string,
  { load }: { load: boolean } = { load: false }
): Promise<boolean> {
  const notebook = panel.content;
  const index = indexOf(notebook, id);
  if (index === -1) {
    return false;
  }
  const loader = load ? findLoadCell(notebook) : -1;
  notebook.activeCellIndex = index;
  notebook.deselectAll();
  const isNeeded = loader !== -1 && loader !== index;
  return runSelected(panel, isNeeded ? [loader, index] : [index]);
}

/**
 * Load the extension: with the cell of the notebook that does so, or a new one above the active cell, which stays chosen.
 *
 * @param before - the id of a cell that the new one is to stand above instead.
 * @returns whether it was loaded.
 */
export async function loadExtension(
  panel: NotebookPanel,
  before?: string
): Promise<boolean> {
  const notebook = panel.content;
  const chosen = notebook.activeCell;
  if (findLoadCell(notebook) === -1) {
    const at = before === undefined ? -1 : indexOf(notebook, before);
    insertSources(
      notebook,
      [LOAD_EXTENSION],
      at === -1 ? Math.max(notebook.activeCellIndex, 0) : at
    );
    notebook.activeCellIndex = chosen ? notebook.widgets.indexOf(chosen) : 0;
  }
  const loader = findLoadCell(notebook);
  return loader !== -1 && runSelected(panel, [loader]);
}

/**
 * A name for a run that is neither in the notebook nor among the known runs: run, run2, run3, …
 *
 * @param like - a name to number on.
 */
export function freeRunName(
  panel: NotebookPanel,
  known: readonly string[],
  like = 'run'
): string {
  const cells = panel.content.model?.sharedModel.cells ?? [];
  const taken = new Set<string | null | undefined>([
    ...known,
    ...cells.map(cell => parseCell(cell.getSource())?.header.name)
  ]);
  const [, stem, count] = /^(.+?)_?(\d+)$/.exec(like) ?? ['', '', ''];
  // The number of x2 counts where there is an x; that of llama3 is a part of the name.
  const isCounted = stem !== '' && taken.has(stem);
  const base = isCounted ? stem : like;
  const start = /\d$/.test(base) ? `${base}_` : base;
  let name = like;
  for (let number = isCounted ? Number(count) : 2; taken.has(name); number++) {
    name = `${start}${number}`;
  }
  return name;
}

/** Show a notebook that lies behind another tab. */
function bringToFront(panel: NotebookPanel): void {
  if (panel.parent instanceof DockPanel) {
    panel.parent.selectWidget(panel);
  }
}

/** The index of the cell that loads the extension; -1 if there is none. */
function findLoadCell(notebook: Notebook): number {
  const cells = notebook.model?.sharedModel.cells ?? [];
  return cells.findIndex(
    cell => cell.cell_type === 'code' && LOADS.test(cell.getSource())
  );
}

function indexOf(notebook: Notebook, id: string): number {
  return notebook.widgets.findIndex(
    cell => cell.model.sharedModel.getId() === id
  );
}

/**
 * Insert code cells, by default below the active one, as one step to undo, and choose the last.
 *
 * Magics of ours stand below the cell that loads the extension, so that all cells can be run from the top.
 */
function insertSources(
  notebook: Notebook,
  sources: string[],
  at = placeFor(notebook, sources)
): string | null {
  const shared = notebook.model?.sharedModel;
  if (!shared) {
    return null;
  }
  leaveFocus(notebook);
  const cells = shared.insertCells(
    at,
    // What the user makes here may show its output.
    sources.map(source => ({
      cell_type: 'code',
      metadata: { trusted: true },
      source
    }))
  );
  notebook.activeCellIndex = at + sources.length - 1;
  notebook.deselectAll();
  // `scrollToCell` would take the keyboard there, too.
  void notebook.scrollToItem(notebook.activeCellIndex);
  return cells[cells.length - 1].getId();
}

function placeFor(notebook: Notebook, sources: string[]): number {
  const loader = sources.some(source => source.startsWith('%%'))
    ? findLoadCell(notebook)
    : -1;
  return Math.max(notebook.activeCellIndex, loader) + 1;
}

/** In edit mode, JupyterLab would take the keyboard from where the user is to the editor of the cell. */
function leaveFocus(notebook: Notebook): void {
  const focused = document.activeElement;
  if (notebook.mode === 'edit' && !notebook.node.contains(focused)) {
    // This takes it to the cell, once.
    notebook.mode = 'command';
    if (focused instanceof HTMLElement) {
      focused.focus({ preventScroll: true });
    }
  }
}

async function runSelected(
  panel: NotebookPanel,
  indices: number[]
): Promise<boolean> {
  const { content: notebook, sessionContext } = panel;
  leaveFocus(notebook);
  const cells = indices.map(index => notebook.widgets[index]);
  const [first, ...others] = cells;
  if (others.length && sessionContext.hasNoKernel) {
    // JupyterLab starts a kernel for each, and those after the first find none.
    const isRun = await NotebookActions.runCells(
      notebook,
      [first],
      sessionContext
    );
    return isRun && NotebookActions.runCells(notebook, others, sessionContext);
  }
  return NotebookActions.runCells(notebook, cells, sessionContext);
}

const LOAD_EXTENSION = '%load_ext llmtune_kernel';

// IPython takes the names of line magics without their sign, too.
const LOADS = /^\s*%?(load_ext|reload_ext)[ \t]+llmtune_kernel\b/m;
