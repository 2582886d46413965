import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { IRunList } from '../tokens';
import type { CommLink } from './commLink';
import { KernelRequestError } from './error';
import type { IFault, IRunsMessage, IRunSummary } from './protocol';

/**
 * Watches the runs folder for any number of lists: one watch goes over the comm, as long as there is a list.
 */
export class RunsWatch implements IDisposable {
  get runs(): readonly IRunSummary[] {
    return this._runs;
  }

  get isReady(): boolean {
    return this._isReady;
  }

  get fault(): IFault | null {
    return this._fault;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    if (!this._isDisposed) {
      this._isDisposed = true;
      for (const list of [...this._lists]) {
        list.dispose();
      }
    }
  }

  add(): IRunList {
    const list = new RunList(this, () => this._remove(list));
    this._lists.add(list);
    if (this._fault) {
      // Somebody tries again.
      this._isAsked = false;
    }
    void this._ask();
    return list;
  }

  /**
   * Watch over another link, once it has answered; null if there is none. What was known stays until the new list comes.
   */
  start(link: CommLink | null): void {
    this._link = link;
    this._isAsked = false;
    this._unwatched = Promise.resolve();
    clearTimeout(this._silence);
    void this._ask();
  }

  accept(message: IRunsMessage): void {
    if (!this._isAsked) {
      return;
    }
    clearTimeout(this._silence);
    this._isAnswered = true;
    this._fault = message.fault;
    if (!message.fault) {
      this._take(message);
    }
    this._emit();
  }

  private _take(message: IRunsMessage): void {
    // The first runs after asking are all there are: those that are not named have gone.
    const names = new Map(
      this._isFirst ? [] : this._runs.map(run => [run.name, run])
    );
    this._isFirst = false;
    message.removed.forEach(name => names.delete(name));
    message.runs.forEach(run => names.set(run.name, run));
    this._runs = [...names.values()].sort(newestFirst);
    this._isReady = true;
  }

  private async _ask(): Promise<void> {
    const link = this._link;
    // Until then messages of the watch before may be on their way.
    await this._unwatched;
    const isWanted = () => link === this._link && this._lists.size > 0;
    if (!link || !isWanted() || this._isAsked) {
      return;
    }
    this._isAsked = true;
    this._isAnswered = false;
    this._isFirst = true;
    try {
      await link.request('watch', {}, Infinity);
      if (isWanted() && !this._isAnswered) {
        this._silence = setTimeout(() => {
          this._isAsked = false;
          void this._ask();
        }, SILENCE);
      }
    } catch (error) {
      if (isWanted() && error instanceof KernelRequestError) {
        this._isAsked = false;
        this._fault = error;
        this._emit();
      }
    }
  }

  private _remove(list: RunList): void {
    this._lists.delete(list);
    if (this._lists.size > 0) {
      return;
    }
    clearTimeout(this._silence);
    this._runs = [];
    this._isReady = false;
    this._fault = null;
    if (this._link && this._isAsked) {
      this._unwatched = this._link
        .request('unwatch', {}, SILENCE)
        .catch(() => undefined);
    }
    this._isAsked = false;
  }

  private _emit(): void {
    for (const list of [...this._lists]) {
      list.update();
    }
  }

  private readonly _lists = new Set<RunList>();
  private _link: CommLink | null = null;
  private _runs: IRunSummary[] = [];
  private _isReady = false;
  private _isAsked = false;
  private _isAnswered = false;
  private _isFirst = true;
  private _unwatched: Promise<unknown> = Promise.resolve();
  private _fault: IFault | null = null;
  private _silence?: ReturnType<typeof setTimeout>;
  private _isDisposed = false;
}

/**
 * One user of the watch.
 */
class RunList implements IRunList {
  constructor(watch: RunsWatch, onDispose: () => void) {
    this._watch = watch;
    this._onDispose = onDispose;
  }

  get runs(): readonly IRunSummary[] {
    return this._watch.runs;
  }

  get isReady(): boolean {
    return this._watch.isReady;
  }

  get fault(): IFault | null {
    return this._watch.fault;
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  update(): void {
    this._changed.emit();
  }

  dispose(): void {
    if (!this._isDisposed) {
      this._isDisposed = true;
      this._onDispose();
      Signal.clearData(this);
    }
  }

  private readonly _watch: RunsWatch;
  private readonly _onDispose: () => void;
  private readonly _changed = new Signal<this, void>(this);
  private _isDisposed = false;
}

function newestFirst(a: IRunSummary, b: IRunSummary): number {
  return b.started - a.started || a.name.localeCompare(b.name);
}

/** In milliseconds, to wait for a message that was promised. */
const SILENCE = 5_000;
