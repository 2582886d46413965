import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { IKernelClients, TRANSLATION_DOMAIN } from '../tokens';
import { VERSION } from '../version';
import { KernelClient } from './client';
import { KernelClients } from './clients';

/**
 * Gives each open notebook a client of its kernel.
 */
export const kernelPlugin: JupyterFrontEndPlugin<IKernelClients> = {
  id: 'jupyterlab-llmtune:kernel',
  description: 'Talks to the kernel half of jupyterlab-llmtune.',
  autoStart: true,
  requires: [INotebookTracker],
  optional: [ITranslator],
  provides: IKernelClients,
  activate: (
    _,
    notebooks: INotebookTracker,
    translator: ITranslator | null
  ) => {
    const trans = (translator ?? nullTranslator).load(TRANSLATION_DOMAIN);
    return new KernelClients(
      notebooks,
      panel =>
        new KernelClient({
          sessionContext: panel.sessionContext,
          version: VERSION,
          trans
        })
    );
  }
};
