import type { ICell } from '@jupyterlab/nbformat';
import type { NotebookPanel } from '@jupyterlab/notebook';
import { NotebookTracker } from '@jupyterlab/notebook';
import { NBTestUtils } from '@jupyterlab/notebook/lib/testutils';

import { Widget } from '@lumino/widgets';

/**
 * An open notebook with code cells of the given sources.
 */
export async function openNotebook(
  sources: string[],
  { kernel }: { kernel: boolean } = { kernel: false }
): Promise<NotebookPanel> {
  const context = await NBTestUtils.createMockContext(kernel);
  const panel = NBTestUtils.createNotebookPanel(context);
  const shared = context.model.sharedModel;
  shared.fromJSON({
    cells: sources.map((source): ICell => ({
      cell_type: 'code',
      source,
      metadata: {},
      outputs: [],
      execution_count: null
    })),
    metadata: {},
    nbformat: 4,
    nbformat_minor: 5
  });
  shared.clearUndoHistory();
  Widget.attach(panel, document.body);
  panel.content.activeCellIndex = 0;
  return panel;
}

/**
 * The tracker of JupyterLab, with some notebooks open and the first of them current.
 */
export async function track(
  ...panels: NotebookPanel[]
): Promise<NotebookTracker> {
  const tracker = new NotebookTracker({ namespace: 'notebook' });
  for (const panel of panels) {
    await tracker.add(panel);
  }
  focus(panels[0]);
  return tracker;
}

/**
 * Make a notebook the current one.
 */
export function focus(panel: NotebookPanel): void {
  panel.node.tabIndex = -1;
  panel.node.focus();
}

export function sources(panel: NotebookPanel): string[] {
  return panel.content.model!.sharedModel.cells.map(cell => cell.getSource());
}
