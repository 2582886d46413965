import type { IDisposable } from '@lumino/disposable';

/**
 * Calls back at once, then at most once in each interval, however often it is told to.
 */
export class Coalescer implements IDisposable {
  /**
   * @param interval - in milliseconds.
   */
  constructor(callback: () => void, interval = REDRAW_INTERVAL) {
    this._callback = callback;
    this._interval = interval;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  touch(): void {
    if (this._isDisposed) {
      return;
    }
    if (this._timer !== undefined) {
      this._isStale = true;
      return;
    }
    this._timer = setTimeout(() => {
      this._timer = undefined;
      if (this._isStale) {
        this._isStale = false;
        this.touch();
      }
    }, this._interval);
    this._callback();
  }

  dispose(): void {
    this._isDisposed = true;
    clearTimeout(this._timer);
  }

  private readonly _callback: () => void;
  private readonly _interval: number;
  private _timer?: ReturnType<typeof setTimeout>;
  private _isStale = false;
  private _isDisposed = false;
}

/** In milliseconds: at most four redraws a second. */
const REDRAW_INTERVAL = 250;
