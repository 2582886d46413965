import type { TranslationBundle } from '@jupyterlab/translation';

import type {
  IEvaluation,
  IFailure,
  IMetrics,
  ISample,
  RunEvent
} from '../kernel/protocol';
import { isOver } from './wording';
import type { RunState } from './wording';

export interface ILogLine {
  seq: number;
  time: number;
  level: 'info' | 'warning';
  message: string;
}

/** Answers, and when they were given. */
export interface IToldSample extends ISample {
  time: number;
}

/**
 * What the events of a run add up to.
 */
export class Progress {
  constructor(trans: TranslationBundle) {
    this._trans = trans;
  }

  get state(): RunState {
    return this._state;
  }

  get detail(): string {
    return this._detail;
  }

  get metrics(): IMetrics | null {
    return this._metrics;
  }

  get evaluation(): IEvaluation | null {
    return this._evaluation;
  }

  /** Why the run failed. */
  get error(): IFailure | null {
    return this._error;
  }

  /** The last ones, oldest first. */
  get samples(): readonly IToldSample[] {
    return this._samples;
  }

  /** The last lines, oldest first. */
  get log(): readonly ILogLine[] {
    return this._log;
  }

  take(events: readonly RunEvent[]): void {
    for (const event of events) {
      this._take(event);
    }
    this._samples = this._samples.slice(-KEPT_SAMPLES);
    this._log = this._log.slice(-KEPT_LINES);
  }

  private _take(event: RunEvent): void {
    switch (event.type) {
      case 'state':
        this._state = event.payload.state;
        this._detail = event.payload.detail;
        if (!isOver(this._state)) {
          // A run that goes on has left its end behind.
          this._error = null;
        }
        break;
      case 'metrics':
        this._metrics = event.payload;
        break;
      case 'evaluation':
        this._evaluation = event.payload;
        break;
      case 'sample':
        if (event.payload.answers.length > 0) {
          this._samples.push({ ...event.payload, time: event.time });
        }
        break;
      case 'checkpoint': {
        const { kind, step, path } = event.payload;
        const message =
          kind === 'result'
            ? this._trans.__('Result of step %1 saved in %2', step, path)
            : this._trans.__('Checkpoint of step %1 saved in %2', step, path);
        this._add(event, { level: 'info', message });
        break;
      }
      case 'log':
        this._add(event, event.payload);
        break;
      case 'error':
        this._error = event.payload;
        break;
    }
  }

  private _add(
    { seq, time }: RunEvent,
    line: Pick<ILogLine, 'level' | 'message'>
  ): void {
    this._log.push({ seq, time, level: line.level, message: line.message });
  }

  private readonly _trans: TranslationBundle;
  private _state: RunState = 'queued';
  private _detail = '';
  private _metrics: IMetrics | null = null;
  private _evaluation: IEvaluation | null = null;
  private _error: IFailure | null = null;
  private _samples: IToldSample[] = [];
  private _log: ILogLine[] = [];
}

const KEPT_SAMPLES = 20;
const KEPT_LINES = 200;
