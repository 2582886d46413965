import type { INotebookTracker } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { CommandRegistry } from '@lumino/commands';

import type { IKernelClients } from '../tokens';
import { CommandIDs } from '../tokens';
import type { Deeds } from './deeds';

/**
 * Commands for what can be done in the sidebar. They are enabled unless it is known that they make no sense; the caption
 * says why.
 */
export function addDeeds(
  commands: CommandRegistry,
  { clients, deeds, load, notebooks, trans }: addDeeds.IOptions
): void {
  const add = (
    id: keyof Deeds,
    label: string,
    caption: string,
    unknown: () => string
  ) => {
    const obstacle = () =>
      notebooks.currentWidget
        ? (deeds()?.[id].obstacle() ?? unknown())
        : trans.__('Open a notebook with a Python kernel.');
    commands.addCommand(id, {
      label,
      caption: () => obstacle() || caption,
      describedBy: { args: null },
      isEnabled: () => obstacle() === '',
      execute: async () => (await load())[id].execute()
    });
  };
  const nothing = () => '';
  const kernel = () => kernelObstacle(clients);
  add(
    CommandIDs.runConfiguration,
    trans.__('Run the Configuration'),
    trans.__('Run the chosen fine-tuning cell, or one with the draft'),
    nothing
  );
  add(
    CommandIDs.insertConfiguration,
    trans.__('Insert the Configuration as a Cell'),
    trans.__('Insert a cell with the draft below the active cell'),
    nothing
  );
  add(
    CommandIDs.applyPreset,
    trans.__('Apply a Preset…'),
    trans.__('Choose a preset, or a configuration that you saved'),
    kernel
  );
  add(
    CommandIDs.openRun,
    trans.__('Open the Current Run'),
    trans.__('The current run of the list, or the newest'),
    kernel
  );
  add(
    CommandIDs.compareRuns,
    trans.__('Compare the Selected Runs'),
    trans.__('Curves, configurations and samples side by side'),
    () => trans.__('Select two runs in the list first.')
  );
  const which = trans.__(
    'The current run of the list, or the newest that can be told so'
  );
  add(CommandIDs.pauseRun, trans.__('Pause the Run'), which, kernel);
  add(CommandIDs.resumeRun, trans.__('Resume the Run'), which, kernel);
  add(CommandIDs.stopRun, trans.__('Stop the Run'), which, kernel);
  add(
    CommandIDs.sampleRun,
    trans.__('Let the Run Answer Its Prompts'),
    which,
    kernel
  );
}

export namespace addDeeds {
  export interface IOptions {
    clients: IKernelClients;
    notebooks: INotebookTracker;
    /** Null until the sidebar is loaded. */
    deeds: () => Deeds | null;
    /** Load it. */
    load: () => Promise<Deeds>;
    trans: TranslationBundle;
  }
}

/** Why the current kernel does not answer, unless that may go by itself; empty if it may. */
export function kernelObstacle(clients: IKernelClients): string {
  const status = clients.current?.status;
  return status &&
    'message' in status &&
    !['connecting', 'busy'].includes(status.kind)
    ? status.message
    : '';
}
