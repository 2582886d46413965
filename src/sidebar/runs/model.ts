import type { TranslationBundle } from '@jupyterlab/translation';

import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type {
  IFault,
  IRunCommand,
  IRunEdit,
  IRunSummary
} from '../../kernel/protocol';
import type { RunState } from '../../runs/wording';
import { Wording } from '../../runs/wording';
import type { IKernelClient, IRunList } from '../../tokens';

/**
 * The runs that the section shows: which of them, which are selected, and what a user does to them.
 */
export class RunsModel implements IDisposable {
  constructor(trans: TranslationBundle) {
    this._trans = trans;
    this._wording = new Wording(trans);
  }

  get client(): IKernelClient | null {
    return this._client;
  }

  /** Filter and selection are those of the notebook. */
  set client(client: IKernelClient | null) {
    if (client === this._client) {
      return;
    }
    const wasWatching = this._list !== null;
    this.unwatch();
    this._client = client;
    this._choice = (client && this._choices.get(client)) ?? new Choice();
    if (client) {
      this._choices.set(client, this._choice);
    }
    this._fault = null;
    this._runs = [];
    this._isReady = false;
    if (wasWatching) {
      this.watch();
    }
    this._changed.emit();
  }

  /** Whether the runs have come. */
  get isReady(): boolean {
    return this._isReady;
  }

  /** Newest first. */
  get runs(): readonly IRunSummary[] {
    return this._runs;
  }

  /** Those that the filter lets through. */
  get shown(): readonly IRunSummary[] {
    const words = this.filter.toLowerCase().split(/\s+/).filter(Boolean);
    return words.length === 0
      ? this._runs
      : this._runs.filter(run => {
          const text = this._searchable(run);
          return words.every(word => text.includes(word));
        });
  }

  /** Words that all must be in the name, a tag, the model or the state of a run. */
  get filter(): string {
    return this._choice.filter;
  }

  set filter(filter: string) {
    this._choice.filter = filter;
    this._changed.emit();
  }

  /** Names of the selected runs that are shown, newest first. */
  get selected(): string[] {
    return this.shown
      .map(({ name }) => name)
      .filter(name => this._choice.selected.has(name));
  }

  /** The run that the keyboard is at; null without runs. */
  get current(): string | null {
    const { shown } = this;
    const { current } = this._choice;
    return (
      (shown.find(({ name }) => name === current) ?? shown[0])?.name ?? null
    );
  }

  set current(name: string | null) {
    this._choice.current = name;
    this._changed.emit();
  }

  /** Why the list is not there, or what went wrong with the last command. */
  get fault(): IFault | null {
    return this._fault ?? this._list?.fault ?? null;
  }

  /** Whether it is the list that could not be read. */
  get isUnread(): boolean {
    return this._fault === null && !!this._list?.fault;
  }

  /** What changed last, in a sentence. */
  get news(): string {
    return this._news;
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    if (!this._isDisposed) {
      this._isDisposed = true;
      this.unwatch();
      Signal.clearData(this);
    }
  }

  watch(): void {
    if (!this._list && this._client) {
      this._list = this._client.watchRuns();
      this._list.changed.connect(this._onList, this);
      if (this._list.isReady) {
        this._onList();
      }
    }
  }

  /** What is known stays; it is no longer kept up to date. */
  unwatch(): void {
    this._list?.dispose();
    this._list = null;
  }

  /** Read the list anew. */
  retry(): void {
    this._fault = null;
    this.unwatch();
    this.watch();
    this._changed.emit();
  }

  dismiss(): void {
    this._fault = null;
    this._changed.emit();
  }

  toggle(name: string): void {
    const { selected } = this._choice;
    if (!selected.delete(name)) {
      selected.add(name);
    }
    this._choice.current = this._choice.anchor = name;
    this._changed.emit();
  }

  /** Select all shown runs from the one that was toggled last to this one. */
  extendTo(name: string): void {
    const names = this.shown.map(run => run.name);
    const from = names.indexOf(this._choice.anchor ?? this.current ?? name);
    const to = names.indexOf(name);
    const [first, last] = from < to ? [from, to] : [to, from];
    for (const between of names.slice(Math.max(first, 0), last + 1)) {
      this._choice.selected.add(between);
    }
    this._choice.current = name;
    this._changed.emit();
  }

  selectAll(): void {
    this.shown.forEach(({ name }) => this._choice.selected.add(name));
    this._changed.emit();
  }

  selectNone(): void {
    this._choice.selected.clear();
    this._changed.emit();
  }

  /** @returns whether the worker took it. */
  async control(
    run: string,
    command: IRunCommand['command']
  ): Promise<boolean> {
    const done = await this._try(client =>
      client.request('control', { run, command })
    );
    if (done && command === 'sample') {
      this._tell(
        this._trans.__('%1 answers its prompts; open it to see them.', run)
      );
    }
    return done;
  }

  /**
   * @throws KernelRequestError (a rejection): the edit stays with the caller.
   */
  async edit(edit: IRunEdit): Promise<void> {
    if (!this._client) {
      return;
    }
    const edited = await this._client.request('edit', edit);
    const { selected } = this._choice;
    if (selected.delete(edit.run)) {
      selected.add(edited.name);
    }
    if (this._choice.current === edit.run) {
      this._choice.current = edited.name;
    }
    this._runs = this._runs.map(run => (run.name === edit.run ? edited : run));
    this._changed.emit();
  }

  async delete(runs: string[]): Promise<void> {
    const at = this.shown.findIndex(({ name }) => name === runs[0]);
    if (await this._try(client => client.request('delete', { runs }))) {
      runs.forEach(name => this._choice.selected.delete(name));
      this._runs = this._runs.filter(({ name }) => !runs.includes(name));
      this._choice.current =
        this.shown[Math.min(at, this.shown.length - 1)]?.name ?? null;
      this._tell(this._trans.__('Deleted: %1', runs.join(', ')));
    }
  }

  private async _try(
    action: (client: IKernelClient) => Promise<unknown>
  ): Promise<boolean> {
    if (!this._client) {
      return false;
    }
    this._fault = null;
    try {
      await action(this._client);
      return true;
    } catch (error) {
      this._fault = error as IFault;
      return false;
    } finally {
      this._changed.emit();
    }
  }

  private _onList(): void {
    const list = this._list!;
    if (list.isReady) {
      this._runs = list.runs;
      if (this._isReady) {
        this._compareStates();
      }
      this._isReady = true;
      this._states = new Map(list.runs.map(run => [run.name, run.state]));
    }
    this._changed.emit();
  }

  /** Tell which runs have come to another state. */
  private _compareStates(): void {
    const news = this._runs
      .filter(({ name, state }) => this._states.get(name) !== state)
      .map(({ name, state }) =>
        this._trans.__('%1: %2', name, this._wording.state(state))
      );
    if (news.length > 0) {
      this._news = news.join(', ');
    }
  }

  private _tell(news: string): void {
    this._news = news;
    this._changed.emit();
  }

  private _searchable(run: IRunSummary): string {
    const { name, model, state, tags } = run;
    return [name, model, this._wording.state(state), ...tags]
      .join(' ')
      .toLowerCase();
  }

  private readonly _trans: TranslationBundle;
  private readonly _wording: Wording;
  private readonly _choices = new WeakMap<IKernelClient, Choice>();
  private _choice = new Choice();
  private _client: IKernelClient | null = null;
  private _list: IRunList | null = null;
  private _runs: readonly IRunSummary[] = [];
  private _isReady = false;
  private _states = new Map<string, RunState>();
  private _fault: IFault | null = null;
  private _news = '';
  private _isDisposed = false;
  private readonly _changed = new Signal<this, void>(this);
}

/**
 * What the user of a notebook chose to look at.
 */
class Choice {
  filter = '';
  readonly selected = new Set<string>();
  current: string | null = null;
  /** Where a selection of several begins. */
  anchor: string | null = null;
}
