import type { CommandIDs } from '../tokens';

/**
 * Something that can be done in the sidebar, from wherever the user is.
 */
export interface IDeed {
  /** Why it cannot be done; empty if it can, or if nobody has looked yet. */
  obstacle(): string;
  /** Do it once all that it needs is known, or say why it cannot be done. */
  execute(): Promise<void>;
}

/** By the id of its command. */
export type Deeds = Record<ConfigurationCommandID | RunCommandID, IDeed>;

/** Of the commands that do something to the configuration. */
export type ConfigurationCommandID =
  | typeof CommandIDs.runConfiguration
  | typeof CommandIDs.insertConfiguration
  | typeof CommandIDs.applyPreset;

/** Of the commands that do something to runs of the list. */
export type RunCommandID =
  | typeof CommandIDs.openRun
  | typeof CommandIDs.compareRuns
  | typeof CommandIDs.pauseRun
  | typeof CommandIDs.resumeRun
  | typeof CommandIDs.stopRun
  | typeof CommandIDs.sampleRun;
