import type { IFault } from './configuration';

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
  /** Mean over trained tokens, pairs or answers since the last metrics; null if not finite. */
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
  /** What else the objective measures, means since the last metrics. */
  measures?: { [name: string]: number };
}

export interface IEvaluation {
  step: number;
  epoch: number;
  loss: number | null;
  tokens: number;
  seconds: number;
  measures?: { [name: string]: number };
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
