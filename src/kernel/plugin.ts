import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { IKernelClients, IUserSettings, TRANSLATION_DOMAIN } from '../tokens';
import { VERSION } from '../version';
import { KernelClient } from './client';
import { KernelClients } from './clients';
import { Preferences } from './preferences';
import { helpUnloaded } from './unloaded';

/**
 * Gives each open notebook a client of its kernel.
 */
export const kernelPlugin: JupyterFrontEndPlugin<IKernelClients> = {
  id: 'jupyterlab-llmtune:kernel',
  description: 'Talks to the kernel half of jupyterlab-llmtune.',
  autoStart: true,
  requires: [INotebookTracker],
  optional: [ITranslator, IUserSettings],
  provides: IKernelClients,
  activate: (
    _,
    notebooks: INotebookTracker,
    translator: ITranslator | null,
    userSettings: IUserSettings | null
  ) => {
    const { languageCode } = translator ?? nullTranslator;
    const trans = (translator ?? nullTranslator).load(TRANSLATION_DOMAIN);
    const preferences = new Preferences({
      language: languageCode,
      settings: userSettings?.load()
    });
    const clients = new KernelClients(
      notebooks,
      (panel, borrow) =>
        new KernelClient({
          sessionContext: panel.sessionContext,
          version: VERSION,
          trans,
          greeting: () => preferences.greeting(),
          borrow
        })
    );
    preferences.changed.connect(() => clients.greet());
    helpUnloaded(notebooks, trans);
    return clients;
  }
};
