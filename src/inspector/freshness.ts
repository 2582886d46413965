import type { NotebookPanel } from '@jupyterlab/notebook';
import { NotebookActions } from '@jupyterlab/notebook';

import type { Widget } from '@lumino/widgets';

import { onTurnedTo } from '../turning';
import type { InspectorModel } from './model';

/**
 * Look whether the source of a view has changed when a user turns to it, or has run a cell. It is read again where
 * nothing of the user's would be lost; else the view tells so.
 */
export function keepFresh(options: {
  view: Widget;
  model: InspectorModel;
  /** The notebook whose kernel has the data. */
  panel: () => NotebookPanel | null;
  /** Whether nothing is chosen, left out or scrolled to. */
  isUntouched: () => boolean;
}): void {
  const { isUntouched, model, panel, view } = options;
  const check = () =>
    void model.check().then(() => {
      if (model.isUnread || (model.hasChanged && isUntouched())) {
        model.reload();
      }
    });
  const onExecuted = (
    _: unknown,
    { notebook }: { notebook: NotebookPanel['content'] }
  ) => {
    if (view.isVisible && notebook.model === panel()?.content.model) {
      check();
    }
  };
  onTurnedTo(view, check);
  NotebookActions.executed.connect(onExecuted);
  view.disposed.connect(() => NotebookActions.executed.disconnect(onExecuted));
}
