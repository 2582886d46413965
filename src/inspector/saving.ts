import { Dialog, InputDialog, showDialog } from '@jupyterlab/apputils';
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { JSONObject, JSONValue } from '@lumino/coreutils';
import { JSONExt } from '@lumino/coreutils';

import { freeRunName, insertCell } from '../cell/actions';
import { ConfigDocument } from '../cell/document';
import type { SharedCodeCell } from '../cell/finetuneCell';
import { FinetuneCell } from '../cell/finetuneCell';
import { parseCell } from '../cell/source';
import { faultText, KernelRequestError } from '../kernel/error';
import type { ISavedView, ITableSource } from '../kernel/protocol';
import { count } from '../numbers';
import type { InspectorModel } from './model';
import { nameOf } from './source';

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
    title: trans._n(
      'Saved %2 row as %3',
      'Saved %2 rows as %3',
      saved.rows,
      count(saved.rows),
      name
    ),
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
      label = faultText(error);
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
  const change = (value: JSONValue) => [{ path: ['data', 'train'], value }];
  const cell = findCell(panel, inspected);
  if (cell) {
    const { index, shared, train } = cell;
    const finetune = new FinetuneCell(shared);
    finetune.edit(change(inPlaceOf(train, inspected, source as JSONValue)));
    finetune.dispose();
    content.activeCellIndex = index;
    void content.scrollToItem(index);
  } else {
    const body = new ConfigDocument('').apply(change(source as JSONValue));
    insertCell(panel, freeRunName(panel, []), body, { load: true });
  }
}

/** Training data in which a source stands in the place of the inspected one; the source alone if that is not there. */
function inPlaceOf(
  train: JSONValue,
  inspected: ITableSource,
  source: JSONValue
): JSONValue {
  const isMeant = isOf(inspected);
  if (!Array.isArray(train)) {
    return isMeant(train) ? withSettings(source, train) : source;
  }
  return train.some(isMeant)
    ? train.map(item => (isMeant(item) ? withSettings(source, item) : item))
    : source;
}

function isOf(inspected: ITableSource): (item: JSONValue) => boolean {
  const name = nameOf(inspected.source);
  return item => nameOf(item as ITableSource['source']) === name;
}

/** A source with what another one sets, but for what names a part of it. */
function withSettings(source: JSONValue, other: JSONValue): JSONValue {
  if (!JSONExt.isObject(other)) {
    return source;
  }
  const kept = Object.entries(other).filter(([key]) => !PARTS.includes(key));
  return {
    ...(Object.fromEntries(kept) as JSONObject),
    ...(JSONExt.isObject(source) ? source : { source })
  };
}

/** What names a part of a source. */
const PARTS = ['subset', 'split', 'folder', 'revision'];

/** The cell to change; null if there is none. */
function findCell(
  panel: NotebookPanel,
  inspected: ITableSource
): { index: number; shared: SharedCodeCell; train: JSONValue } | null {
  const { activeCellIndex, model } = panel.content;
  const found = [];
  for (const [index, shared] of (model?.sharedModel.cells ?? []).entries()) {
    const parts =
      shared.cell_type === 'code' ? parseCell(shared.getSource()) : null;
    if (!parts || shared.getMetadata('editable') === false) {
      continue;
    }
    const { problem, expanded } = new ConfigDocument(parts.body);
    const data = expanded.data as { train?: JSONValue } | undefined;
    const train = data?.train ?? '';
    const isOfIt = (Array.isArray(train) ? train : [train]).some(
      isOf(inspected)
    );
    if (!problem) {
      const isActive = index === activeCellIndex;
      const cell = { index, shared: shared as SharedCodeCell, train };
      found.push({ cell, rank: isActive ? 2 : isOfIt ? 1 : 0 });
    }
  }
  const [best] = found
    .filter(({ rank }) => rank > 0)
    .sort((one, other) => other.rank - one.rank);
  return best?.cell ?? null;
}
