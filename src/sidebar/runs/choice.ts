import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import { Changing } from '../../changing';
import type { IRunSummary } from '../../kernel/protocol';
import type { IKept } from '../kept';

/**
 * What the user of a notebook chose to look at. Filter and selection outlive a reload; of these it tells when they change.
 */
export class Choice extends Changing implements IKept {
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

  /** Names of runs. */
  get selected(): ReadonlySet<string> {
    return this._selected;
  }

  set selected(names: Iterable<string>) {
    this._selected = new Set(names);
    this.emit();
  }

  get state(): ReadonlyPartialJSONObject {
    return { filter: this.filter, selected: [...this.selected].sort() };
  }

  restore({ filter, selected }: ReadonlyPartialJSONObject): void {
    this._filter = filter as string;
    this.selected = selected as string[];
  }

  private _filter = '';
  private _selected: ReadonlySet<string> = new Set();
}
