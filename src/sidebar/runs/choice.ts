import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import { Changing } from '../../changing';
import type { IRunSummary } from '../../kernel/protocol';
import type { IKept } from '../kept';

/**
 * What the user of a notebook chose to look at. The filter outlives a reload; it alone is told of when it changes.
 */
export class Choice extends Changing implements IKept {
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
    this.emit();
  }

  get state(): ReadonlyPartialJSONObject {
    return { filter: this.filter };
  }

  restore(state: ReadonlyPartialJSONObject): void {
    this.filter = state.filter as string;
  }

  private _filter = '';
}
