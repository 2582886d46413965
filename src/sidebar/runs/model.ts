import type { TranslationBundle } from '@jupyterlab/translation';

import { Changing } from '../../changing';
import type {
  IFault,
  IRunCommand,
  IRunEdit,
  IRunSummary
} from '../../kernel/protocol';
import { someOf } from '../../runs/confirm';
import type { RunState } from '../../runs/wording';
import { Wording } from '../../runs/wording';
import type { IKernelClient, IRunList } from '../../tokens';
import { Choice } from './choice';

/**
 * The runs that the section shows: which of them, which are selected, and what a user does to them.
 */
export class RunsModel extends Changing {
  constructor(trans: TranslationBundle) {
    super();
    this._trans = trans;
    this._wording = new Wording(trans);
  }

  get client(): IKernelClient | null {
    return this._client;
  }

  /**
   * Show the runs of another notebook.
   *
   * @param choice - filter and selection there.
   */
  show(client: IKernelClient | null, choice: Choice): void {
    if (client === this._client && choice === this._choice) {
      return;
    }
    const wasWatching = this._list !== null;
    this._leave();
    this._client = client;
    this._choice = choice;
    client?.statusChanged.connect(this.emit, this);
    choice.changed.connect(this.emit, this);
    this._fault = null;
    this._runs = choice.runs;
    this._isReady = false;
    if (wasWatching) {
      this.watch();
    }
    this._act();
  }

  /** Whether the runs have come. */
  get isReady(): boolean {
    return this._isReady;
  }

  /** Whether the runs are as they are now, and are kept so. */
  get isUpToDate(): boolean {
    return (this._list?.isReady && !this._list.fault) ?? false;
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

  /** Words that all must be in the name, a tag, the note, the model or the state of a run. */
  get filter(): string {
    return this._choice.filter;
  }

  set filter(filter: string) {
    this._choice.filter = filter;
    this._act();
  }

  /** Names of the selected runs that are shown, newest first. */
  get selected(): string[] {
    return this.shown
      .map(({ name }) => name)
      .filter(name => this._choice.selected.has(name));
  }

  /** The selected runs, or the current one if none is. */
  get chosen(): readonly IRunSummary[] {
    const names = new Set(
      this.selected.length > 0 ? this.selected : [this.current]
    );
    return this.shown.filter(({ name }) => names.has(name));
  }

  /** The current run if it is such a one, else the newest that is; null if none is. */
  find(isSuch: (run: IRunSummary) => boolean): IRunSummary | null {
    const current = this._runs.find(({ name }) => name === this.current);
    return current && isSuch(current)
      ? current
      : (this._runs.find(isSuch) ?? null);
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
    this._act();
  }

  /** Why the list is not there, or what went wrong with the last command. */
  get fault(): IFault | null {
    return this._fault ?? this._list?.fault ?? null;
  }

  /** Whether it is the list that could not be read. */
  get isUnread(): boolean {
    return this._fault === null && !!this._list?.fault;
  }

  /** What keeps the list from coming, or from being up to date; empty if nothing does. */
  get notice(): string {
    if (!this._client) {
      return this._trans.__('Open a notebook with a Python kernel.');
    }
    const { status } = this._client;
    return 'message' in status ? status.message : '';
  }

  /** What changed last, in a sentence. */
  get news(): string {
    return this._news;
  }

  /** Whether the news are what came of a command, which the list does not show by itself. */
  get isNewsOfCommand(): boolean {
    return this._isNewsOfCommand;
  }

  protected onDispose(): void {
    this._leave();
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
    this._act();
  }

  dismiss(): void {
    this._fault = null;
    this._act();
  }

  toggle(name: string): void {
    this._choice.current = this._choice.anchor = name;
    if (this._choice.selected.has(name)) {
      this._deselect([name]);
    } else {
      this._select([name]);
    }
  }

  /** Select all shown runs from the one that was toggled last to this one. */
  extendTo(name: string): void {
    const names = this.shown.map(run => run.name);
    const from = names.indexOf(this._choice.anchor ?? this.current ?? name);
    const to = names.indexOf(name);
    const [first, last] = from < to ? [from, to] : [to, from];
    this._choice.current = name;
    this._select(names.slice(Math.max(first, 0), last + 1));
  }

  selectAll(): void {
    this._select(this.shown.map(({ name }) => name));
  }

  selectNone(): void {
    this._deselect([...this._choice.selected]);
  }

  /** @returns whether the worker took it. */
  async control(
    run: string,
    command: IRunCommand['command']
  ): Promise<boolean> {
    return this._try(client => client.request('control', { run, command }));
  }

  /** Let a run answer its prompts. */
  async sample(run: string): Promise<void> {
    if (await this.control(run, 'sample')) {
      this._tell(
        this._trans.__('%1 answers its prompts; open it to see them.', run)
      );
    }
  }

  /**
   * @throws KernelRequestError (a rejection): the edit stays with the caller.
   */
  async edit(edit: IRunEdit): Promise<void> {
    if (!this._client) {
      return;
    }
    const edited = await this._client.edit(edit);
    if (this._choice.selected.has(edit.run)) {
      this._deselect([edit.run]);
      this._select([edited.name]);
    }
    if (this._choice.current === edit.run) {
      this._choice.current = edited.name;
    }
    this._runs = this._runs.map(run => (run.name === edit.run ? edited : run));
    this._act();
  }

  async delete(runs: string[]): Promise<void> {
    const at = this.shown.findIndex(({ name }) => name === runs[0]);
    if (await this._try(client => client.request('delete', { runs }))) {
      this._deselect(runs);
      this._runs = this._runs.filter(({ name }) => !runs.includes(name));
      this._choice.current =
        this.shown[Math.min(at, this.shown.length - 1)]?.name ?? null;
      this._tell(
        this._trans.__(
          'Moved to the folder .trash of the runs folder: %1',
          someOf(runs, this._trans)
        )
      );
    }
  }

  private _select(names: string[]): void {
    this._choice.selected = new Set([...this._choice.selected, ...names]);
    this._act();
  }

  private _deselect(names: string[]): void {
    const { selected } = this._choice;
    this._choice.selected = [...selected].filter(name => !names.includes(name));
    this._act();
  }

  private async _try(
    action: (client: IKernelClient) => Promise<unknown>
  ): Promise<boolean> {
    if (!this._client) {
      return false;
    }
    this._fault = null;
    this._act();
    try {
      await action(this._client);
      return true;
    } catch (error) {
      this._fault = error as IFault;
      return false;
    } finally {
      this.emit();
    }
  }

  private _onList(): void {
    const list = this._list!;
    if (list.isReady) {
      this._runs = this._choice.runs = list.runs;
      this._forgetGone();
      if (this._isReady) {
        this._compareStates();
      }
      this._isReady = true;
      this._states = new Map(list.runs.map(run => [run.name, run.state]));
    }
    this.emit();
  }

  /** What is selected is there: a later run of the same name is another. */
  private _forgetGone(): void {
    const names = this._runs.map(({ name }) => name);
    const selected = [...this._choice.selected];
    if (!selected.every(name => names.includes(name))) {
      this._choice.selected = selected.filter(name => names.includes(name));
    }
  }

  /** Tell which runs have come to another state. */
  private _compareStates(): void {
    const news = this._runs
      .filter(({ name, state }) => this._states.get(name) !== state)
      .map(({ name, state }) =>
        this._trans.__('%1: %2', name, this._wording.state(state))
      );
    if (news.length > 0) {
      this._news = someOf(news, this._trans);
      this._isNewsOfCommand = false;
    }
  }

  private _tell(news: string): void {
    this._news = news;
    this._isNewsOfCommand = true;
    this.emit();
  }

  /** Something is done: what came of the command before is no news any more. */
  private _act(): void {
    if (this._isNewsOfCommand) {
      this._news = '';
      this._isNewsOfCommand = false;
    }
    this.emit();
  }

  private _leave(): void {
    this.unwatch();
    this._client?.statusChanged.disconnect(this.emit, this);
    this._choice.changed.disconnect(this.emit, this);
  }

  private _searchable(run: IRunSummary): string {
    const { name, model, state, tags, note } = run;
    return [name, model, this._wording.state(state), ...tags, note]
      .join(' ')
      .toLowerCase();
  }

  private readonly _trans: TranslationBundle;
  private readonly _wording: Wording;
  private _choice = new Choice();
  private _client: IKernelClient | null = null;
  private _list: IRunList | null = null;
  private _runs: readonly IRunSummary[] = [];
  private _isReady = false;
  private _states = new Map<string, RunState>();
  private _fault: IFault | null = null;
  private _news = '';
  private _isNewsOfCommand = false;
}
