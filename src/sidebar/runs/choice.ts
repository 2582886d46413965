import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { IRunSummary } from '../../kernel/protocol';
import type { IKept } from '../kept';

/**
 * What the user of a notebook chose to look at. The filter outlives a reload.
 */
export class Choice implements IKept {
  readonly selected = new Set<string>();
  current: string | null = null;
  /** Where a selection of several begins. */
  anchor: string | null = null;
  /** As they were when they were last looked at. */
  runs: readonly IRunSummary[] = [];

  get filter(): string {
    return this._filter;
  }

  set filter(filter: string) {
    this._filter = filter;
    this._changed.emit();
  }

  get state(): ReadonlyPartialJSONObject {
    return { filter: this.filter };
  }

  restore(state: ReadonlyPartialJSONObject): void {
    this.filter = state.filter as string;
  }

  /** Emitted when the filter is another. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    if (!this._isDisposed) {
      this._isDisposed = true;
      Signal.clearData(this);
    }
  }

  private _filter = '';
  private _isDisposed = false;
  private readonly _changed = new Signal<this, void>(this);
}
