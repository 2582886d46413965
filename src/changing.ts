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

  protected emit(): void {
    this._changed.emit();
  }

  /** Let go of what it holds, other than signals. */
  protected onDispose(): void {
    // Nothing, in general.
  }

  private _isDisposed = false;
  private readonly _changed = new Signal<this, void>(this);
}
