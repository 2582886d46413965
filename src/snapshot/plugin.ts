import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import type { NotebookPanel } from '@jupyterlab/notebook';
import { INotebookTracker } from '@jupyterlab/notebook';

import { IKernelClients, ISnapshotWriter } from '../tokens';
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
  provides: ISnapshotWriter,
  activate: (_, notebooks: INotebookTracker, clients: IKernelClients) => {
    const follow = (panel: NotebookPanel) => {
      const client = clients.of(panel);
      if (client) {
        followLeftovers(panel, client);
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
