import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ILabShell, ILayoutRestorer } from '@jupyterlab/application';
import type { MainAreaWidget } from '@jupyterlab/apputils';
import { WidgetTracker } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { JSONExt } from '@lumino/coreutils';

import {
  CommandIDs,
  IKernelClients,
  IUserSettings,
  TRANSLATION_DOMAIN
} from '../tokens';
import type { IRunTabArgs, RunTab } from './tab';

/**
 * Opens runs in tabs of the main area; the tabs are there again after a reload.
 */
export const runsPlugin: JupyterFrontEndPlugin<void> = {
  id: 'jupyterlab-llmtune:runs',
  description: 'Shows fine-tuning runs in tabs of the main area.',
  autoStart: true,
  requires: [IKernelClients, INotebookTracker],
  optional: [ILabShell, ILayoutRestorer, IUserSettings, ITranslator],
  activate: (
    app,
    clients: IKernelClients,
    notebooks: INotebookTracker,
    labShell: ILabShell | null,
    restorer: ILayoutRestorer | null,
    userSettings: IUserSettings | null,
    translator: ITranslator | null
  ) => {
    const trans = (translator ?? nullTranslator).load(TRANSLATION_DOMAIN);
    // The main area of Notebook 7 is for the notebook alone.
    const area = labShell ? 'main' : 'down';
    const tracker = new WidgetTracker<MainAreaWidget<RunTab>>({
      namespace: 'llmtune-runs'
    });

    app.commands.addCommand(CommandIDs.openRuns, {
      label: trans.__('Open Runs'),
      caption: trans.__('Show a run in a tab, or compare several'),
      describedBy: {
        args: {
          type: 'object',
          required: ['runs', 'notebook'],
          properties: {
            runs: {
              type: 'array',
              items: { type: 'string' },
              description: trans.__('Names of the runs')
            },
            notebook: {
              type: 'string',
              description: trans.__(
                'Path of the notebook whose kernel tells about them'
              )
            }
          }
        }
      },
      execute: async args => {
        const wanted = args as unknown as IRunTabArgs;
        const open = tracker.find(tab =>
          JSONExt.deepEqual(asJSON(tab.content.args), asJSON(wanted))
        );
        const tab = open ?? (await create(wanted));
        tab.toggleClass('jp-mod-below', area === 'down');
        if (!tab.isAttached) {
          app.shell.add(tab, area, { type: 'Fine-tuning run' });
        }
        app.shell.activateById(tab.id);
      }
    });

    const create = async (wanted: IRunTabArgs) => {
      const [
        { createRunTab },
        { freeRunName, insertCell, insertCodeCell },
        settings
      ] = await Promise.all([
        import('./index'),
        import('../cell/actions'),
        userSettings?.load() ?? null
      ]);
      const tab = createRunTab({
        ...wanted,
        clients,
        notebooks,
        settings,
        trans,
        insertCell: (panel, source, run) => {
          app.shell.activateById(panel.id);
          void insertCodeCell(panel, source, { run });
        },
        insertRun: (panel, text, known) => {
          app.shell.activateById(panel.id);
          const name = freeRunName(panel, known);
          insertCell(panel, name, text.trimEnd(), { load: true });
        }
      });
      await tracker.add(tab);
      tab.content.argsChanged.connect(() => void tracker.save(tab));
      return tab;
    };

    void restorer?.restore(tracker, {
      command: CommandIDs.openRuns,
      args: tab => asJSON(tab.content.args),
      name: tab => JSON.stringify(tab.content.args)
    });
  }
};

function asJSON({ runs, notebook }: IRunTabArgs) {
  return { runs, notebook };
}
