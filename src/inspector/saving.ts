import { Dialog, InputDialog, showDialog } from '@jupyterlab/apputils';
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { JSONValue } from '@lumino/coreutils';
import { JSONExt } from '@lumino/coreutils';

import { freeRunName, insertCell } from '../cell/actions';
import { ConfigDocument } from '../cell/document';
import type { SharedCodeCell } from '../cell/finetuneCell';
import { FinetuneCell } from '../cell/finetuneCell';
import { parseCell } from '../cell/source';
import { KernelRequestError } from '../kernel/error';
import type { ISavedView, ITableSource } from '../kernel/protocol';
import { count } from '../numbers';
import type { InspectorModel } from './model';

/**
 * Ask for a name, save the rows that are shown under it, and offer to train on them.
 *
 * @param use - called with what names them in `data.train`.
 */
export async function saveRows(
  model: InspectorModel,
  kind: 'variable' | 'file',
  trans: TranslationBundle,
  use: (source: ISavedView['source']) => void
): Promise<void> {
  const saved = await askAndSave(model, kind, trans);
  if (!saved) {
    return;
  }
  const name =
    typeof saved.source === 'string'
      ? saved.source
      : String(saved.source.source);
  const { button } = await showDialog({
    title: trans.__('Saved %1 rows as %2', count(saved.rows), name),
    body: trans.__('Train on these rows in place of all?'),
    buttons: [
      Dialog.cancelButton({ label: trans.__('Not Now') }),
      Dialog.okButton({ label: trans.__('Use in the Cell') })
    ]
  });
  if (button.accept) {
    use(saved.source);
  }
}

/** Ask again, with the reason, until it can be saved or the user gives up. */
async function askAndSave(
  model: InspectorModel,
  kind: 'variable' | 'file',
  trans: TranslationBundle
): Promise<ISavedView | null> {
  let text = kind === 'variable' ? 'chosen_rows' : 'chosen-rows.jsonl';
  let label =
    kind === 'variable'
      ? trans.__('Name of the variable')
      : trans.__('Path, ending with .jsonl, .parquet or .arrow');
  for (;;) {
    const { button, value } = await InputDialog.getText({
      title:
        kind === 'variable'
          ? trans.__('Save as Variable')
          : trans.__('Save as File'),
      label,
      text,
      required: true,
      okLabel: trans.__('Save'),
      cancelLabel: trans.__('Cancel')
    });
    if (!button.accept || !value) {
      return null;
    }
    text = value.trim();
    try {
      return await model.save(
        kind === 'variable' ? { variable: text } : { file: text }
      );
    } catch (error) {
      if (!(error instanceof KernelRequestError)) {
        throw error;
      }
      label = [error.what, error.fix].filter(Boolean).join(' ');
    }
  }
}

/**
 * Train on a source: in the chosen `%%finetune` cell, or in one that trains on what was inspected, or in a new one.
 *
 * @param inspected - what the source was chosen from.
 */
export function useInCell(
  panel: NotebookPanel,
  inspected: ITableSource,
  source: ISavedView['source']
): void {
  const { content } = panel;
  const change = [{ path: ['data', 'train'], value: source as JSONValue }];
  const cell = findCell(panel, inspected);
  if (cell) {
    const { index, shared } = cell;
    const finetune = new FinetuneCell(shared);
    finetune.edit(change);
    finetune.dispose();
    content.activeCellIndex = index;
    void content.scrollToItem(index);
  } else {
    const body = new ConfigDocument('').apply(change);
    insertCell(panel, freeRunName(panel, []), body, { load: true });
  }
}

/** The cell to change; null if there is none. */
function findCell(
  panel: NotebookPanel,
  inspected: ITableSource
): { index: number; shared: SharedCodeCell } | null {
  const { activeCellIndex, model } = panel.content;
  const found = [];
  for (const [index, shared] of (model?.sharedModel.cells ?? []).entries()) {
    const parts =
      shared.cell_type === 'code' ? parseCell(shared.getSource()) : null;
    if (!parts || shared.getMetadata('editable') === false) {
      continue;
    }
    const { problem, expanded } = new ConfigDocument(parts.body);
    const train = (expanded.data as { train?: JSONValue } | undefined)?.train;
    const isOfIt = JSONExt.deepEqual(train ?? null, inspected.source);
    if (!problem) {
      const isActive = index === activeCellIndex;
      const cell = { index, shared: shared as SharedCodeCell };
      found.push({ cell, rank: isActive ? 2 : isOfIt ? 1 : 0 });
    }
  }
  const [best] = found
    .filter(({ rank }) => rank > 0)
    .sort((one, other) => other.rank - one.rank);
  return best?.cell ?? null;
}
