import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import type { NotebookPanel } from '@jupyterlab/notebook';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { IKernelClients, ISnapshotWriter, TRANSLATION_DOMAIN } from '../tokens';
import { followLeftovers } from './leftovers';
import { replaceOutputs } from './outputs';

/**
 * Writes snapshots into open notebooks, also into those still being read from disk.
 */
export const snapshotPlugin: JupyterFrontEndPlugin<ISnapshotWriter> = {
  id: 'jupyterlab-llmtune:snapshot',
  description:
    'Replaces the live outputs of a finished run by a static snapshot.',
  autoStart: true,
  requires: [INotebookTracker, IKernelClients],
  optional: [ITranslator],
  provides: ISnapshotWriter,
  activate: (
    _,
    notebooks: INotebookTracker,
    clients: IKernelClients,
    translator: ITranslator | null
  ) => {
    const trans = (translator ?? nullTranslator).load(TRANSLATION_DOMAIN);
    const follow = (panel: NotebookPanel) => {
      const client = clients.of(panel);
      if (client) {
        followLeftovers(panel, client, trans);
      }
    };
    notebooks.forEach(follow);
    notebooks.widgetAdded.connect((_, panel) => follow(panel));
    return {
      write: snapshot =>
        notebooks.forEach(panel => {
          void panel.context.ready.then(() => {
            replaceOutputs(panel.context.model, snapshot);
          });
        })
    };
  }
};
