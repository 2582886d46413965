import type { JSONObject } from '@lumino/coreutils';

import type { IState, RunEvent } from './events';

/** Times in Unix seconds, `eta` and `duration` in seconds. */
export interface IRunSummary {
  name: string;
  state: IState['state'];
  step: number;
  max_steps: number;
  loss: number | null;
  started: number;
  duration: number;
  eta: number | null;
  model: string;
  tags: string[];
  note: string;
  /** The loss, 40 values at most. */
  curve: (number | null)[];
  /** Whether it can be continued. */
  has_checkpoint: boolean;
  /** Whether it can be asked after its end. */
  has_result: boolean;
  /** Whether it can be told to answer its prompts. */
  has_prompts: boolean;
}

/** What is left out stays as it is. */
export interface IRunEdit {
  run: string;
  name?: string;
  tags?: string[];
  note?: string;
}

/** All that a view of a run shows at first; what comes later is in the events from `offset` on. */
export interface IRunView {
  summary: IRunSummary;
  /** The configuration as written by the user. */
  text: string;
  /** Every value; null before the worker resolved it. */
  config: JSONObject | null;
  directory: string;
  /** Paths relative to the directory, sizes in bytes. */
  files: { path: string; size: number }[];
  /** Columns `step, loss, learning_rate, grad_norm`, and the measures of the objective. */
  train: { [column: string]: (number | null)[] };
  /** Columns `step, loss`, and the measures. */
  eval: { [column: string]: (number | null)[] };
  /** The last state, metrics, samples, log lines and errors, in order. */
  events: RunEvent[];
  offset: number;
}

/** A chat that ends with the user's turn, and up to four models to answer it. */
export interface IQuestion {
  columns: ({ run: string } | { model: string })[];
  messages: { role: string; content: string }[];
  settings?: JSONObject;
}

/** What a model said in full. */
export interface IAnswer {
  column: number;
  text: string;
  /** Whether it ended by itself, or was cut at the most tokens that were allowed. */
  finish_reason: 'stop' | 'length';
  tokens: number;
}

/** A command for the worker of a run; the last three belong to `sample`. */
export interface IRunCommand {
  run: string;
  command: 'stop' | 'pause' | 'resume' | 'save' | 'sample';
  request?: string;
  prompts?: (string | { [key: string]: string }[])[];
  settings?: JSONObject;
}
