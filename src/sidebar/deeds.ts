import type { CommandIDs } from '../tokens';

/**
 * Something that can be done in the sidebar, from wherever the user is.
 */
export interface IDeed {
  isEnabled(): boolean;
  execute(): unknown;
}

/** By the id of its command. */
export type Deeds = Record<
  | typeof CommandIDs.runConfiguration
  | typeof CommandIDs.insertConfiguration
  | RunCommandID,
  IDeed
>;

/** Of the commands that do something to runs of the list. */
export type RunCommandID =
  | typeof CommandIDs.openRun
  | typeof CommandIDs.compareRuns
  | typeof CommandIDs.pauseRun
  | typeof CommandIDs.resumeRun
  | typeof CommandIDs.stopRun
  | typeof CommandIDs.sampleRun;
