import type { JSONValue } from '@lumino/coreutils';

import type { IFault } from './configuration';
import type { RunEvent } from './events';
import type { IRunSummary } from './runs';
import type { ISoFar } from './statistics';

/** Kernel to front end. */
export type KernelMessage =
  | { id: string; type: 'reply'; payload: JSONValue }
  | { id: string; type: 'error'; error: IFault }
  | IEventsMessage
  | IRunsMessage
  | IAnswerMessage
  | IProgressMessage;

/** Runs that are new or have changed, and names of those that have gone. */
export interface IRunsMessage {
  type: 'runs';
  runs: IRunSummary[];
  removed: string[];
  /** Why the runs folder cannot be read; null if it can. */
  fault: IFault | null;
}

/** The next piece of what a column answers to the request `ask` of this id. */
export interface IAnswerMessage {
  type: 'answer';
  id: string;
  column: number;
  text: string;
}

/** How far the request `statistics` of this id has come, in rows. */
export interface IProgressMessage extends IProgress {
  type: 'progress';
  id: string;
}

export interface IProgress {
  stage: 'reading' | 'comparing';
  done: number;
  total: number;
  /** Null before there is more to tell. */
  so_far: ISoFar | null;
}

/** Events of a run that the front end subscribed to, in order. */
export interface IEventsMessage {
  type: 'events';
  run: string;
  events: RunEvent[];
  /** Where in the run's event file, in bytes, the next event begins. */
  offset: number;
}
