import { Notification } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';

import { faultText } from '../../kernel/error';
import type { IRunSummary } from '../../kernel/protocol';
import { canBeTold, canSample } from '../../runs/wording';
import { CommandIDs } from '../../tokens';
import type { Deeds, IDeed, RunCommandID } from '../deeds';
import type { RunActions } from './actions';
import type { RunsModel } from './model';

/**
 * What can be done to runs from wherever the user is: to the current one of the list, else to the newest that can be told so.
 */
export function runDeeds(
  model: RunsModel,
  actions: RunActions,
  { isCurrent, isShown, look, obstacle, trans }: runDeeds.IOptions
): Pick<Deeds, RunCommandID> {
  const deed = (
    can: (run: IRunSummary) => boolean,
    act: (run: IRunSummary) => unknown,
    none: string
  ): IDeed => ({
    obstacle: () =>
      obstacle() ||
      (isCurrent() && model.isUpToDate && !model.find(can) ? none : ''),
    execute: async () => {
      const leave = look();
      try {
        const { client } = model;
        await model.until(
          () => model.isUpToDate || model.fault !== null || obstacle() !== ''
        );
        if (client !== model.client) {
          return;
        }
        const run = model.isUpToDate ? model.find(can) : null;
        if (run) {
          await act(run);
        }
        if (model.fault && !isShown()) {
          tell(faultText(model.fault));
        } else if (!run) {
          tell(model.notice || none);
        }
      } finally {
        leave();
      }
    }
  });
  const isUnderWay = trans.__('No run is under way.');
  return {
    [CommandIDs.openRun]: deed(
      () => true,
      ({ name }) => actions.open([name]),
      trans.__('There are no runs yet.')
    ),
    [CommandIDs.compareRuns]: {
      obstacle: () =>
        isCurrent() && model.selected.length > 1
          ? ''
          : trans.__('Select two runs in the list first.'),
      execute: async () => actions.open(model.selected)
    },
    [CommandIDs.pauseRun]: deed(
      ({ state }) => canBeTold(state).pause,
      ({ name }) => model.control(name, 'pause'),
      trans.__('No run is training.')
    ),
    [CommandIDs.resumeRun]: deed(
      ({ state }) => canBeTold(state).resume,
      ({ name }) => model.control(name, 'resume'),
      trans.__('No run is paused.')
    ),
    [CommandIDs.stopRun]: deed(
      ({ state }) => canBeTold(state).stop,
      run => actions.stop(run),
      isUnderWay
    ),
    [CommandIDs.sampleRun]: deed(
      canSample,
      ({ name }) => model.sample(name),
      trans.__('No run under way has prompts.')
    )
  };
}

export namespace runDeeds {
  export interface IOptions {
    /** Whether the list is that of the current notebook. */
    isCurrent: () => boolean;
    /** Whether the user sees the list, which says what went wrong. */
    isShown: () => boolean;
    /** Bring the list of the current notebook up to date, and keep it so until the function returned is called. */
    look: () => () => void;
    /** Why the current kernel does not answer; empty if it may. */
    obstacle: () => string;
    trans: TranslationBundle;
  }
}

function tell(message: string): void {
  Notification.warning(message, { autoClose: 8000 });
}
