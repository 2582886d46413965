import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

/**
 * Something that tells when it has changed, until it goes.
 */
export abstract class Changing implements IDisposable {
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    if (!this._isDisposed) {
      this._isDisposed = true;
      // It neither tells anything from now on, nor is told.
      Signal.clearData(this);
      this.onDispose();
    }
  }

  /**
   * Wait until something is so.
   *
   * @param longest - in milliseconds; then, and when this goes, it waits no more.
   */
  async until(isSo: () => boolean, longest = 10_000): Promise<void> {
    const end = Date.now() + longest;
    while (!isSo() && !this.isDisposed && Date.now() < end) {
      await this._nextChange(end - Date.now());
    }
  }

  protected emit(): void {
    this._changed.emit();
  }

  /** Let go of what it holds, other than signals. */
  protected onDispose(): void {
    // Nothing, in general.
  }

  private _nextChange(longest: number): Promise<void> {
    return new Promise(resolve => {
      const end = () => {
        window.clearTimeout(timer);
        this._changed.disconnect(end);
        resolve();
      };
      const timer = window.setTimeout(end, longest);
      this._changed.connect(end);
    });
  }

  private _isDisposed = false;
  private readonly _changed = new Signal<this, void>(this);
}
