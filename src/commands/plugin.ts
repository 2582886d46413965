import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { IDefaultFileBrowser } from '@jupyterlab/filebrowser';
import { ILauncher } from '@jupyterlab/launcher';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { freeRunName, insertCell } from '../cell/actions';
import { fineTuneIcon } from '../icons';
import { CommandIDs, TRANSLATION_DOMAIN } from '../tokens';
import { copyQuickstart } from './quickstart';

/**
 * Commands, their palette entries and the launcher card.
 */
export const commandsPlugin: JupyterFrontEndPlugin<void> = {
  id: 'jupyterlab-llmtune:commands',
  description: 'Opens the quickstart notebook and inserts fine-tuning cells.',
  autoStart: true,
  requires: [INotebookTracker],
  optional: [ICommandPalette, IDefaultFileBrowser, ILauncher, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    notebooks: INotebookTracker,
    palette: ICommandPalette | null,
    fileBrowser: IDefaultFileBrowser | null,
    launcher: ILauncher | null,
    translator: ITranslator | null
  ) => {
    const { commands, serviceManager } = app;
    const trans = (translator ?? nullTranslator).load(TRANSLATION_DOMAIN);
    const category = trans.__('Fine-tuning');
    const icon = fineTuneIcon;

    commands.addCommand(CommandIDs.openQuickstart, {
      label: args =>
        args.isPalette
          ? trans.__('Open the Quickstart Notebook')
          : trans.__('Fine-tune a model'),
      caption: trans.__('Open a notebook that fine-tunes a small model'),
      icon,
      describedBy: {
        args: {
          type: 'object',
          properties: {
            cwd: {
              type: 'string',
              description: trans.__('Folder that the notebook is copied into')
            }
          }
        }
      },
      execute: async args => {
        const folder = args.cwd ?? fileBrowser?.model.path ?? '';
        const path = await copyQuickstart(
          serviceManager.contents,
          folder as string
        );
        return commands.execute('docmanager:open', { path });
      }
    });

    commands.addCommand(CommandIDs.insertCell, {
      label: trans.__('Insert a Fine-tuning Cell'),
      caption: trans.__('Insert a %1 cell below the active cell', '%%finetune'),
      icon,
      describedBy: { args: null },
      isEnabled: () => notebooks.currentWidget !== null,
      execute: () => {
        const panel = notebooks.currentWidget;
        if (panel) {
          insertCell(panel, freeRunName(panel, []), STARTER, { load: true });
        }
      }
    });

    for (const command of PALETTE) {
      // With arguments the palette would not show the keys of a command.
      const args = { isPalette: true };
      const isCard = command === CommandIDs.openQuickstart;
      palette?.addItem({ command, category, ...(isCard ? { args } : {}) });
    }
    launcher?.add({
      command: CommandIDs.openQuickstart,
      category,
      rank: 0
    });
  }
};

/** All but the one that other parts call with names of runs. */
const PALETTE = Object.values(CommandIDs).filter(
  id => id !== CommandIDs.openRuns
);

const STARTER = `model: smollm2-135m
data: my-data.jsonl`;
