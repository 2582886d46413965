import type { TranslationBundle } from '@jupyterlab/translation';

import type { IRunSummary, IState } from '../kernel/protocol';
import { count } from '../numbers';

/**
 * Numbers and states as people read them, in the words of the notebook's own output.
 */
export class Wording {
  constructor(trans: TranslationBundle) {
    this._trans = trans;
  }

  state(state: RunState): string {
    const trans = this._trans;
    switch (state) {
      case 'queued':
        return trans.__('queued');
      case 'loading':
        return trans.__('loading');
      case 'training':
        return trans.__('training');
      case 'pausing':
        return trans.__('pausing');
      case 'paused':
        return trans.__('paused');
      case 'stopping':
        return trans.__('stopping');
      case 'finished':
        return trans.__('finished');
      case 'stopped':
        return trans.__('stopped');
      case 'failed':
        return trans.__('failed');
    }
  }

  /** `45 s`, `3 min 05 s`, `2 h 07 min`. */
  duration(seconds: number): string {
    const whole = Math.max(0, Math.round(seconds));
    const minutes = Math.floor(whole / 60);
    if (whole < 60) {
      return this._trans.__('%1 s', whole);
    }
    return whole < 3600
      ? this._trans.__('%1 min %2 s', minutes, twoDigits(whole % 60))
      : this._trans.__(
          '%1 h %2 min',
          Math.floor(minutes / 60),
          twoDigits(minutes % 60)
        );
  }

  timeLeft(seconds: number): string {
    return this._trans.__('%1 left', this.duration(seconds));
  }

  step(step: number, steps: number): string {
    return this._trans.__('step %1 of %2', count(step), count(steps));
  }

  private readonly _trans: TranslationBundle;
}

export type RunState = IState['state'];

/** Whether a run in this state has come to its end. */
export function isOver(state: RunState): boolean {
  return state === 'finished' || state === 'stopped' || state === 'failed';
}

/** What a run in this state can be told. */
export function canBeTold(
  state: RunState
): Record<'pause' | 'resume' | 'stop' | 'save' | 'sample', boolean> {
  const isSteerable = state === 'training' || state === 'paused';
  return {
    pause: state === 'training',
    resume: state === 'paused',
    stop: isSteerable || state === 'loading' || state === 'pausing',
    save: isSteerable,
    sample: isSteerable
  };
}

/** Whether a run can be told to answer its prompts. */
export function canSample({
  state,
  has_prompts
}: Pick<IRunSummary, 'state' | 'has_prompts'>): boolean {
  return has_prompts && canBeTold(state).sample;
}

/** Whether a run ended in this state before its time, so that it can be continued. */
export function canGoOn(state: RunState): boolean {
  return state === 'stopped' || state === 'failed';
}

/** The line of a notebook that continues a run from its last checkpoint. */
export function lineToGoOn(run: string): string {
  return `%finetune --resume ${run}`;
}

/** Unix time as local `14:03:59`. */
export function clock(time: number): string {
  const date = new Date(1000 * time);
  return [date.getHours(), date.getMinutes(), date.getSeconds()]
    .map(twoDigits)
    .join(':');
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}
