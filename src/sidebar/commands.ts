import type { CommandRegistry } from '@lumino/commands';
import type { TranslationBundle } from '@jupyterlab/translation';

import { CommandIDs } from '../tokens';
import type { Deeds } from './deeds';

/**
 * Commands for what can be done in the sidebar. They are enabled once it was shown and where they make sense.
 *
 * @param deeds - null until the sidebar was shown.
 */
export function addDeeds(
  commands: CommandRegistry,
  deeds: () => Deeds | null,
  trans: TranslationBundle
): void {
  const add = (id: keyof Deeds, label: string, caption: string) =>
    commands.addCommand(id, {
      label,
      caption,
      describedBy: { args: null },
      isEnabled: () => deeds()?.[id].isEnabled() ?? false,
      execute: () => deeds()?.[id].execute()
    });
  const which = trans.__(
    'The current run of the list, or the newest that can be told so'
  );
  add(
    CommandIDs.runConfiguration,
    trans.__('Run the Configuration'),
    trans.__('Run the chosen fine-tuning cell, or one with the draft')
  );
  add(
    CommandIDs.insertConfiguration,
    trans.__('Insert the Configuration as a Cell'),
    trans.__('Insert a cell with the draft below the active cell')
  );
  add(
    CommandIDs.openRun,
    trans.__('Open the Current Run'),
    trans.__('The current run of the list, or the newest')
  );
  add(
    CommandIDs.compareRuns,
    trans.__('Compare the Selected Runs'),
    trans.__('Curves, configurations and samples side by side')
  );
  add(CommandIDs.pauseRun, trans.__('Pause the Run'), which);
  add(CommandIDs.resumeRun, trans.__('Resume the Run'), which);
  add(CommandIDs.stopRun, trans.__('Stop the Run'), which);
  add(CommandIDs.sampleRun, trans.__('Let the Run Answer Its Prompts'), which);
}
