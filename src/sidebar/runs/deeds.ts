import { Notification } from '@jupyterlab/apputils';

import type { IRunSummary } from '../../kernel/protocol';
import { canBeTold } from '../../runs/wording';
import { CommandIDs } from '../../tokens';
import type { Deeds, IDeed, RunCommandID } from '../deeds';
import type { RunActions } from './actions';
import type { RunsModel } from './model';

/**
 * What can be done to runs from wherever the user is: to the current one of the list, else to the newest that can be told so.
 *
 * @param isCurrent - whether the list is that of the current notebook.
 * @param isShown - whether the user sees the list, which says what went wrong.
 */
export function runDeeds(
  model: RunsModel,
  actions: RunActions,
  { isCurrent, isShown }: { isCurrent: () => boolean; isShown: () => boolean }
): Pick<Deeds, RunCommandID> {
  const deed = (
    can: (run: IRunSummary) => boolean,
    act: (run: IRunSummary) => unknown
  ): IDeed => {
    const target = () => (isCurrent() ? model.find(can) : null);
    return {
      isEnabled: () => target() !== null,
      execute: async () => {
        const run = target();
        if (!run) {
          return;
        }
        await act(run);
        if (model.fault && !isShown()) {
          const { what, fix } = model.fault;
          Notification.error([what, fix].join(' '), { autoClose: 8000 });
        }
      }
    };
  };
  return {
    [CommandIDs.openRun]: deed(
      () => true,
      ({ name }) => actions.open([name])
    ),
    [CommandIDs.compareRuns]: {
      isEnabled: () => isCurrent() && model.selected.length > 1,
      execute: () => actions.open(model.selected)
    },
    [CommandIDs.pauseRun]: deed(
      ({ state }) => canBeTold(state).pause,
      ({ name }) => model.control(name, 'pause')
    ),
    [CommandIDs.resumeRun]: deed(
      ({ state }) => canBeTold(state).resume,
      ({ name }) => model.control(name, 'resume')
    ),
    [CommandIDs.stopRun]: deed(
      ({ state }) => canBeTold(state).stop,
      run => actions.stop(run)
    ),
    [CommandIDs.sampleRun]: deed(
      ({ state }) => canBeTold(state).sample,
      ({ name }) => model.sample(name)
    )
  };
}
