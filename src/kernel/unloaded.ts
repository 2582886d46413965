import { Notification } from '@jupyterlab/apputils';
import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { NotebookActions } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';

import { loadExtension, runCell } from '../cell/actions';

/**
 * Help where a cell with one of our magics fails because its kernel has not loaded the extension: IPython only says that it
 * does not know the magic.
 */
export function helpUnloaded(
  notebooks: INotebookTracker,
  trans: TranslationBundle
): void {
  NotebookActions.executed.connect((_, { notebook, cell, error }) => {
    const { sharedModel } = cell.model;
    const magic = MAGIC.exec(sharedModel.getSource())?.[1];
    const panel = notebooks.find(({ content }) => content === notebook);
    const isUnknown =
      error?.errorName === 'UsageError' && /not found/.test(error.errorValue);
    if (panel && magic && isUnknown) {
      offerToLoad(panel, sharedModel.getId(), magic, trans);
    }
  });
}

function offerToLoad(
  panel: NotebookPanel,
  cell: string,
  magic: string,
  trans: TranslationBundle
): void {
  const load = async () => {
    await loadExtension(panel, cell);
    await runCell(panel, cell);
  };
  Notification.error(
    trans.__(
      'This kernel has not loaded llmtune_kernel, and so does not know %1.',
      magic
    ),
    {
      autoClose: false,
      actions: [
        {
          label: trans.__('Load it and run again'),
          callback: () => void load()
        }
      ]
    }
  );
}

const MAGIC = /^\s*(%%?(?:finetune|sample|runs|attach|dataset))\b/m;
