import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ILabShell, ILayoutRestorer } from '@jupyterlab/application';
import { IDefaultFileBrowser } from '@jupyterlab/filebrowser';
import { INotebookTracker } from '@jupyterlab/notebook';
import { IStateDB } from '@jupyterlab/statedb';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { fineTuneIcon } from '../icons';
import {
  CommandIDs,
  IConfigurationForm,
  IKernelClients,
  IUserSettings,
  TRANSLATION_DOMAIN
} from '../tokens';
import { addDeeds } from './commands';
import type { IDragEvent } from './dragged';
import { draggedPaths } from './dragged';
import { Sidebar } from './sidebar';

/**
 * The sidebar; its sections are loaded when it is first shown.
 */
export const sidebarPlugin: JupyterFrontEndPlugin<IConfigurationForm> = {
  id: 'jupyterlab-llmtune:sidebar',
  description: 'Configures, follows and steers fine-tuning runs in a sidebar.',
  autoStart: true,
  provides: IConfigurationForm,
  requires: [IKernelClients, INotebookTracker],
  optional: [
    IDefaultFileBrowser,
    ILabShell,
    ILayoutRestorer,
    IStateDB,
    ITranslator,
    IUserSettings
  ],
  activate: (
    app,
    clients: IKernelClients,
    notebooks: INotebookTracker,
    fileBrowser: IDefaultFileBrowser | null,
    labShell: ILabShell | null,
    restorer: ILayoutRestorer | null,
    state: IStateDB | null,
    translator: ITranslator | null,
    userSettings: IUserSettings | null
  ) => {
    const trans = (translator ?? nullTranslator).load(TRANSLATION_DOMAIN);
    const sidebar = new Sidebar({
      app,
      clients,
      notebooks,
      fileBrowser,
      state,
      translator: translator ?? nullTranslator,
      trans,
      loadSettings: async () => userSettings?.load() ?? null
    });
    sidebar.title.icon = fineTuneIcon;
    sidebar.title.caption = trans.__('Fine-tuning');
    // Notebook 7 has no left side bar of tabs; its right one is opened from the View menu.
    app.shell.add(sidebar, labShell ? 'left' : 'right', {
      rank: 700,
      type: 'Fine-tuning'
    });
    restorer?.add(sidebar, sidebar.id);
    // The file browser may stand in its place: what is dragged over the tab opens it, to be dropped there.
    document.addEventListener('lm-dragenter', event => {
      const tab = (event.target as Element).closest('.lm-TabBar-tab');
      const isOurs = tab?.getAttribute('data-id') === sidebar.id;
      if (isOurs && draggedPaths(event as IDragEvent).length > 0) {
        app.shell.activateById(sidebar.id);
      }
    });

    app.commands.addCommand(CommandIDs.showSidebar, {
      label: trans.__('Show the Fine-tuning Sidebar'),
      caption: trans.__('Configure, follow and steer fine-tuning runs'),
      icon: fineTuneIcon,
      describedBy: { args: null },
      execute: () => app.shell.activateById(sidebar.id)
    });
    app.commands.addCommand(CommandIDs.ask, {
      label: trans.__('Ask in the Playground'),
      caption: trans.__('Go to the box for a question to models and runs'),
      describedBy: { args: null },
      isEnabled: () => notebooks.currentWidget !== null,
      execute: () => {
        app.shell.activateById(sidebar.id);
        return sidebar.reveal('jp-llmtune-playground');
      }
    });
    addDeeds(app.commands, {
      clients,
      notebooks,
      deeds: () => sidebar.deeds,
      load: async () => (await sidebar.load()).deeds,
      trans
    });
    return { load: async () => (await sidebar.load()).configuration };
  }
};
