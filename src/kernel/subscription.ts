import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { IRunSubscription } from '../tokens';
import type { IEventsMessage, IFault, RunEvent } from './protocol';

/**
 * Follows the events of a run: each comes once and in order, whatever the connection does.
 */
export class RunSubscription implements IRunSubscription {
  constructor(run: string, offset: number, onDispose: () => void) {
    this.run = run;
    this._offset = offset;
    this._onDispose = onDispose;
  }

  readonly run: string;

  get offset(): number {
    return this._offset;
  }

  get events(): ISignal<this, RunEvent[]> {
    return this._events;
  }

  get failed(): ISignal<this, IFault> {
    return this._failed;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    if (!this._isDisposed) {
      this._isDisposed = true;
      this._onDispose();
      Signal.clearData(this);
    }
  }

  /**
   * Pass on what is new in a message.
   *
   * @returns false if events before those of the message were lost: then nothing is passed on.
   */
  accept(message: IEventsMessage): boolean {
    if (message.offset <= this._offset) {
      return true;
    }
    const last = this._lastSeq;
    const fresh =
      last === null
        ? message.events
        : message.events.filter(event => event.seq > last);
    if (last !== null && fresh.length > 0 && fresh[0].seq > last + 1) {
      return false;
    }
    this._offset = message.offset;
    if (fresh.length > 0) {
      this._lastSeq = fresh[fresh.length - 1].seq;
      this._events.emit(fresh);
    }
    return true;
  }

  fail(fault: IFault): void {
    this._failed.emit(fault);
  }

  private readonly _onDispose: () => void;
  private _offset: number;
  private _lastSeq: number | null = null;
  private _isDisposed = false;
  private readonly _events = new Signal<this, RunEvent[]>(this);
  private readonly _failed = new Signal<this, IFault>(this);
}
