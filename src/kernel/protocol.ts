import type { JSONObject, JSONValue } from '@lumino/coreutils';

/**
 * The messages of the comm `llmtune` and the events of a run, as `schema/protocol.json` has them.
 */

/** What the front end can ask of the kernel, and what it gets. */
export interface IRequests {
  version: { payload: INothing; reply: IVersion };
  /** The JSON Schema of a run's configuration. */
  schema: { payload: INothing; reply: JSONObject };
  validate: { payload: IConfigurationSource; reply: IValidation };
  variables: { payload: INothing; reply: IVariable[] };
  runs: { payload: INothing; reply: IRunSummary[] };
  control: { payload: IRunCommand; reply: INothing };
  subscribe: { payload: { run: string; offset: number }; reply: INothing };
  unsubscribe: { payload: { run: string }; reply: INothing };
}

export type RequestType = keyof IRequests;

export type INothing = Record<string, never>;

/** Versions of the kernel half and of its Python. */
export interface IVersion {
  version: string;
  python: string;
}

/** The YAML text of a cell, or the values of a form. */
export type IConfigurationSource = { text: string } | { values: JSONObject };

export interface IValidation {
  ok: boolean;
  problems: IConfigurationProblem[];
  /** Every value where it is, if all are right. */
  config: JSONObject | null;
}

export interface IConfigurationProblem {
  /** Null for values of a form. */
  line: number | null;
  key: string;
  message: string;
  hint: string;
}

/** A variable of the notebook that can be a data set. */
export interface IVariable {
  name: string;
  type: string;
  rows: number | null;
  columns: string[];
}

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
}

/** A command for the worker of a run; the last three belong to `sample`. */
export interface IRunCommand {
  run: string;
  command: 'stop' | 'pause' | 'resume' | 'save' | 'sample';
  request?: string;
  prompts?: (string | { [key: string]: string }[])[];
  settings?: JSONObject;
}

/** Front end to kernel. */
export interface IRequest<T extends RequestType = RequestType> {
  id: string;
  type: T;
  payload: IRequests[T]['payload'];
}

/** What is wrong, where it is, and what to do about it; the last two can be empty. */
export interface IFault {
  what: string;
  where: string;
  fix: string;
}

/** Kernel to front end. */
export type KernelMessage =
  | { id: string; type: 'reply'; payload: JSONValue }
  | { id: string; type: 'error'; error: IFault }
  | IEventsMessage;

/** Events of a run that the front end subscribed to, in order. */
export interface IEventsMessage {
  type: 'events';
  run: string;
  events: RunEvent[];
  /** Where in the run's event file, in bytes, the next event begins. */
  offset: number;
}

export type RunEvent =
  | IEvent<'state', IState>
  | IEvent<'metrics', IMetrics>
  | IEvent<'evaluation', IEvaluation>
  | IEvent<'sample', ISample>
  | IEvent<'checkpoint', ICheckpoint>
  | IEvent<'log', ILog>
  | IEvent<'error', IFailure>;

export interface IEvent<Type extends string, Payload> {
  /** Counts up from 0 without gaps. */
  seq: number;
  /** Unix time in seconds. */
  time: number;
  type: Type;
  payload: Payload;
}

export interface IState {
  state:
    | 'queued'
    | 'loading'
    | 'training'
    | 'pausing'
    | 'paused'
    | 'stopping'
    | 'finished'
    | 'stopped'
    | 'failed';
  detail: string;
}

export interface IMetrics {
  step: number;
  max_steps: number;
  epoch: number;
  /** Mean over trained tokens since the last metrics; null if not finite. */
  loss: number | null;
  learning_rate: number;
  grad_norm: number | null;
  /** Seen since the run began, without padding. */
  tokens: number;
  tokens_per_second: number;
  /** In bytes. */
  memory: number;
  /** Seconds left. */
  eta: number;
}

export interface IEvaluation {
  step: number;
  epoch: number;
  loss: number | null;
  tokens: number;
  seconds: number;
}

export interface ISample {
  step: number;
  /** Id of the command that asked for it, if any. */
  request: string | null;
  answers: { prompt: { role: string; content: string }[]; answer: string }[];
}

export interface ICheckpoint {
  step: number;
  /** Relative to the run directory. */
  path: string;
  kind: 'checkpoint' | 'result';
}

export interface ILog {
  level: 'info' | 'warning';
  message: string;
}

export interface IFailure extends IFault {
  /** Path of worker.log, for faults. */
  log: string;
  /** Its last lines, for faults. */
  tail: string[];
}
