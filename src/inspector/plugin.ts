import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ILabShell, ILayoutRestorer } from '@jupyterlab/application';
import type { MainAreaWidget } from '@jupyterlab/apputils';
import { InputDialog, WidgetTracker } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { IStateDB } from '@jupyterlab/statedb';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import type { ReadonlyJSONObject } from '@lumino/coreutils';
import { JSONExt } from '@lumino/coreutils';

import {
  CommandIDs,
  IConfigurationForm,
  IKernelClients,
  TRANSLATION_DOMAIN
} from '../tokens';
import type { IInspectorArgs, InspectorTab } from './tab';

/**
 * Opens data in tabs of the main area; the tabs are there again after a reload.
 */
export const inspectorPlugin: JupyterFrontEndPlugin<void> = {
  id: 'jupyterlab-llmtune:inspector',
  description: 'Shows the rows of data sets in tabs of the main area.',
  autoStart: true,
  requires: [IKernelClients, INotebookTracker],
  optional: [
    IConfigurationForm,
    ILabShell,
    ILayoutRestorer,
    IStateDB,
    ITranslator
  ],
  activate: (
    app,
    clients: IKernelClients,
    notebooks: INotebookTracker,
    form: IConfigurationForm | null,
    labShell: ILabShell | null,
    restorer: ILayoutRestorer | null,
    store: IStateDB | null,
    translator: ITranslator | null
  ) => {
    const trans = (translator ?? nullTranslator).load(TRANSLATION_DOMAIN);
    // The main area of Notebook 7 is for the notebook alone.
    const area = labShell ? 'main' : 'down';
    const tracker = new WidgetTracker<MainAreaWidget<InspectorTab>>({
      namespace: 'llmtune-data'
    });

    app.commands.addCommand(CommandIDs.inspectData, {
      label: trans.__('Inspect Data…'),
      caption: trans.__(
        'Look through the rows of data, search and filter them'
      ),
      describedBy: {
        args: {
          type: 'object',
          properties: {
            source: {
              type: ['string', 'object'],
              description: trans.__('As in data.train; asked for if left out')
            },
            dataset_dir: {
              type: 'string',
              description: trans.__('Folder of dataset_info.json')
            },
            notebook: {
              type: 'string',
              description: trans.__(
                'Path of the notebook whose kernel reads the data'
              )
            }
          }
        }
      },
      isEnabled: () => notebooks.currentWidget !== null,
      execute: async args => {
        const wanted = await complete(args as Partial<IInspectorArgs>);
        if (!wanted) {
          return;
        }
        const open = tracker.find(tab =>
          JSONExt.deepEqual(asJSON(tab.content.args), asJSON(wanted))
        );
        // The data may be others by now.
        open?.content.model.reload();
        const tab = open ?? (await create(wanted));
        tab.toggleClass('jp-mod-below', area === 'down');
        if (!tab.isAttached) {
          app.shell.add(tab, area, { type: 'Data' });
        }
        app.shell.activateById(tab.id);
      }
    });

    /** What is left out is asked for, or is that of the current notebook; null if the user gives up. */
    const complete = async (
      args: Partial<IInspectorArgs>
    ): Promise<IInspectorArgs | null> => {
      const notebook =
        args.notebook ?? notebooks.currentWidget?.context.path ?? '';
      let { source } = args;
      if (source === undefined) {
        const { value } = await InputDialog.getText({
          title: trans.__('Inspect Data'),
          label: trans.__('A file, a folder, a $variable or a name'),
          okLabel: trans.__('Inspect'),
          cancelLabel: trans.__('Cancel')
        });
        source = value?.trim();
      }
      const { dataset_dir = 'data' } = args;
      return source ? { source, dataset_dir, notebook } : null;
    };

    const create = async (wanted: IInspectorArgs) => {
      const { createInspectorTab } = await import('./index');
      const tab = createInspectorTab({
        ...wanted,
        clients,
        notebooks,
        trans,
        configuration: form?.load() ?? null,
        store,
        show: panel => app.shell.activateById(panel.id)
      });
      await tracker.add(tab);
      tab.content.argsChanged.connect(() => void tracker.save(tab));
      return tab;
    };

    void restorer?.restore(tracker, {
      command: CommandIDs.inspectData,
      args: tab => asJSON(tab.content.args),
      name: tab => JSON.stringify(asJSON(tab.content.args))
    });
  }
};

function asJSON({ source, dataset_dir, notebook }: IInspectorArgs) {
  return { source, dataset_dir, notebook } as ReadonlyJSONObject;
}
