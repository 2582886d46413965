import { isCode } from '@jupyterlab/nbformat';
import type { Notebook } from '@jupyterlab/notebook';
import { NotebookActions } from '@jupyterlab/notebook';

/**
 * Insert a cell that starts a run below the active cell, after one that loads the extension if the notebook has none.
 */
export function insertStarterCell(notebook: Notebook): void {
  const cells = notebook.model?.sharedModel.cells ?? [];
  const loads = cells.some(
    cell => isCode(cell.toJSON()) && LOADS.test(cell.getSource())
  );
  if (!loads) {
    insertBelow(notebook, LOAD_EXTENSION);
  }
  insertBelow(notebook, STARTER);
}

/** A new cell takes the type of the notebook's default cell, which can be Markdown. */
function insertBelow(notebook: Notebook, source: string): void {
  NotebookActions.insertBelow(notebook);
  NotebookActions.changeCellType(notebook, 'code');
  notebook.activeCell?.model.sharedModel.setSource(source);
}

const LOAD_EXTENSION = '%load_ext llmtune_kernel';

const LOADS = /^\s*%(load_ext|reload_ext) llmtune_kernel\b/m;

const STARTER = `%%finetune run
model: smollm2-135m
data: my-data.jsonl`;
