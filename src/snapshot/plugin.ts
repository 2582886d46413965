import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { INotebookTracker } from '@jupyterlab/notebook';

import { ISnapshotWriter } from '../tokens';
import { replaceOutputs } from './replaceOutputs';

/**
 * Writes snapshots into open notebooks, also into those still being read from disk.
 */
export const snapshotPlugin: JupyterFrontEndPlugin<ISnapshotWriter> = {
  id: 'jupyterlab-llmtune:snapshot',
  description:
    'Replaces the live outputs of a finished run by a static snapshot.',
  autoStart: true,
  requires: [INotebookTracker],
  provides: ISnapshotWriter,
  activate: (_, notebooks: INotebookTracker) => ({
    write: snapshot =>
      notebooks.forEach(panel => {
        void panel.context.ready.then(() => {
          replaceOutputs(panel.context.model, snapshot);
        });
      })
  })
};
