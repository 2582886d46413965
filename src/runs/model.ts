import type { TranslationBundle } from '@jupyterlab/translation';

import type { JSONObject } from '@lumino/coreutils';
import { UUID } from '@lumino/coreutils';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import { Changing } from '../changing';
import type { ChartChoice } from '../chart/figure';
import type {
  IFault,
  IRunCommand,
  IRunSummary,
  IRunView,
  RunEvent
} from '../kernel/protocol';
import type {
  IEditedRun,
  IKernelClient,
  IRunList,
  IRunSubscription
} from '../tokens';
import { RunChartModel } from './chartModel';
import type { IClientSource } from './clientSource';
import { Coalescer } from './coalescer';
import { Progress } from './progress';
import { findSame } from './renamed';
import type { RunState } from './wording';
import { isOver } from './wording';

/**
 * A run as a view of it shows it, followed by its events through whatever client there is.
 *
 * It changes at most four times a second.
 */
export class RunModel extends Changing {
  constructor(options: RunModel.IOptions) {
    super();
    this._run = options.run;
    this._source = options.source;
    this._trans = options.trans;
    this.chart = new RunChartModel(options.chart);
    this._progress = new Progress(options.trans);
    this._source.changed.connect(this._onSource, this);
    this._onSource();
  }

  readonly chart: RunChartModel;

  /** Name of the run; it changes when the run gets another. */
  get run(): string {
    return this._run;
  }

  /** Emitted when the run has got another name. */
  get renamed(): ISignal<this, void> {
    return this._renamed;
  }

  /** Names of all runs, as far as they are known. */
  get known(): string[] {
    return [this.run, ...(this._list?.runs ?? []).map(({ name }) => name)];
  }

  get progress(): Progress {
    return this._progress;
  }

  get state(): RunState {
    return this._isLost ? 'failed' : this._progress.state;
  }

  /** Null until the run has been read. */
  get view(): IRunView | null {
    return this._view;
  }

  get summary(): IRunSummary | null {
    return this._summary;
  }

  get config(): JSONObject | null {
    return this._view?.config ?? null;
  }

  /** Whether the configuration has prompts to answer. */
  get hasPrompts(): boolean {
    return this._summary?.has_prompts ?? false;
  }

  /** What is wrong with following or steering the run. */
  get fault(): IFault | null {
    return this._fault;
  }

  /** What keeps the view from being up to date; empty if it is. */
  get notice(): string {
    const client = this._client;
    if (!client) {
      return this._trans.__(
        'Open the notebook of this run to follow and steer it.'
      );
    }
    if (!('message' in client.status)) {
      return '';
    }
    const { path } = this._source;
    const reason = this.needsLoad
      ? this._trans.__('The kernel of %1 has not loaded llmtune_kernel.', path)
      : this._trans.__('%1: %2', path, client.status.message);
    const age = this._trans.__('What you see here is of before.');
    return this._view ? `${reason} ${age}` : reason;
  }

  /** Whether the kernel half has to be loaded to go on. */
  get needsLoad(): boolean {
    return this._client?.status.kind === 'not-loaded';
  }

  get isConnected(): boolean {
    return this._client?.status.kind === 'ready';
  }

  /** Whether the run was deleted. */
  get isGone(): boolean {
    return this._isGone;
  }

  /** The command that was sent and has not shown an effect yet. */
  get asked(): IRunCommand['command'] | null {
    return this._asked;
  }

  protected onDispose(): void {
    this._leave();
    this._redraw.dispose();
    this.chart.dispose();
  }

  /** While somebody looks, the list of runs tells what no event can: that the run has died or gone. */
  set isWatched(isWatched: boolean) {
    this._isWatched = isWatched;
    this._list?.dispose();
    this._list = null;
    if (isWatched && this._client) {
      this._list = this._client.watchRuns();
      this._list.changed.connect(this._onList, this);
      // A list that others watch already says nothing until it changes.
      this._onList(this._list);
    }
  }

  async control(command: IRunCommand['command']): Promise<void> {
    const client = this._client;
    if (!client) {
      return;
    }
    this._asked = command;
    this._fault = null;
    this._redraw.touch();
    try {
      this._request = command === 'sample' ? UUID.uuid4() : undefined;
      await client.request('control', {
        run: this.run,
        command,
        ...(this._request && { request: this._request })
      });
    } catch (error) {
      this._asked = null;
      this._fail(error as IFault);
    }
  }

  /** Read again what events do not tell: files and configuration. */
  async refresh(): Promise<void> {
    if (this._refreshing || !this.isConnected || !this._view) {
      this._isStale = this._refreshing;
      return;
    }
    const client = this._client!;
    this._refreshing = true;
    try {
      do {
        this._isStale = false;
        const view = await client.request('view', { run: this.run });
        if (client !== this._client) {
          return;
        }
        this._view = view;
        this._summary = view.summary;
        this._redraw.touch();
      } while (this._isStale);
    } catch {
      // What was read before stays.
    } finally {
      this._refreshing = false;
    }
  }

  /** Try once more to read the run. */
  retry(): void {
    this._fault = null;
    this._onStatus();
    this._redraw.touch();
  }

  private _onSource(): void {
    const { client } = this._source;
    if (client !== this._client) {
      this._leave();
      this._client = client;
      client?.statusChanged.connect(this._onStatus, this);
      client?.edited.connect(this._onEdited, this);
      this.isWatched = this._isWatched;
    }
    this._onStatus();
  }

  private _onStatus(): void {
    if (this.isConnected && !this._subscription) {
      void this._load(this._client!);
    }
    this._redraw.touch();
  }

  private _leave(): void {
    this._client?.statusChanged.disconnect(this._onStatus, this);
    this._client?.edited.disconnect(this._onEdited, this);
    this._unsubscribe();
    this._list?.dispose();
    this._list = null;
    this._client = null;
    this._loading = null;
    this._asked = null;
  }

  private _unsubscribe(): void {
    this._subscription?.dispose();
    this._subscription = null;
  }

  private async _load(client: IKernelClient): Promise<void> {
    if (this._loading === client) {
      return;
    }
    this._loading = client;
    const { run } = this;
    const isWanted = () => client === this._client && run === this.run;
    try {
      const view = await client.request('view', { run });
      if (isWanted() && !this.isDisposed) {
        this._show(view);
        this._subscription = client.subscribe(run, view.offset);
        this._subscription.events.connect(this._onEvents, this);
        this._subscription.failed.connect((_, fault) => {
          this._unsubscribe();
          this._fail(fault);
        });
      }
    } catch (error) {
      // A connection that ended is followed by a change of the status, which loads again.
      if (isWanted() && this.isConnected) {
        this._fail(error as IFault);
      }
    } finally {
      if (this._loading === client && run === this.run) {
        this._loading = null;
      }
    }
  }

  private _show(view: IRunView): void {
    this._view = view;
    this._summary = view.summary;
    this._fault = null;
    this._progress = new Progress(this._trans);
    this._progress.take(view.events);
    this._isLost = this._hasDied(view.summary);
    this.chart.load(view);
    this._redraw.touch();
  }

  private _onEvents(_: IRunSubscription, events: RunEvent[]): void {
    this._progress.take(events);
    this.chart.take(events);
    if (events.some(event => this._answers(event))) {
      this._asked = null;
    }
    const types = new Set(events.map(({ type }) => type));
    if (types.has('state')) {
      this._isLost = false;
    }
    if (types.has('state') || types.has('checkpoint')) {
      void this.refresh();
    }
    this._redraw.touch();
  }

  /** Whether an event shows the effect of the command that was sent last. */
  private _answers(event: RunEvent): boolean {
    switch (event.type) {
      case 'state':
        return true;
      case 'checkpoint':
        return this._asked === 'save';
      case 'sample':
        return (
          this._asked === 'sample' && event.payload.request === this._request
        );
      default:
        return false;
    }
  }

  private _onList(list: IRunList): void {
    const summary = list.runs.find(({ name }) => name === this.run);
    const heir = summary ? null : findSame(list.runs, this._summary);
    // After a deletion a run of that name is a new one.
    const successor = heir ?? (this._isGone ? summary : null);
    if (successor) {
      this._follow(successor);
    } else if (summary) {
      this._summary = summary;
      this._isLost = this._hasDied(summary);
      this._onStatus(); // it may have been away, with another runs folder
    } else if (list.isReady && this._view) {
      this._isGone = true;
      this._fault = {
        what: this._trans.__('The run “%1” is no longer there.', this.run),
        where: this._view.directory,
        fix: this._trans.__('It was deleted.')
      };
    }
    this._redraw.touch();
  }

  /** Also where nobody looks: the name is that of a tab. */
  private _onEdited(_: IKernelClient, { was, run }: IEditedRun): void {
    if (was === this.run && run.name !== was) {
      this._follow(run);
    }
  }

  /** Show the run that this one has become. */
  private _follow(summary: IRunSummary): void {
    this._run = summary.name;
    this._summary = summary;
    this._fault = null;
    this._isGone = false;
    this._unsubscribe();
    this._loading = null;
    this._renamed.emit();
    this._onStatus();
  }

  /** Whether a worker ended without a word about it. */
  private _hasDied(summary: IRunSummary): boolean {
    return summary.state === 'failed' && !isOver(this._progress.state);
  }

  private _fail(fault: IFault): void {
    this._fault = fault;
    this._redraw.touch();
  }

  private _run: string;
  private readonly _source: IClientSource;
  private readonly _trans: TranslationBundle;
  private readonly _redraw = new Coalescer(() => this.emit());
  private _client: IKernelClient | null = null;
  private _loading: IKernelClient | null = null;
  private _subscription: IRunSubscription | null = null;
  private _list: IRunList | null = null;
  private _isWatched = false;
  private _progress: Progress;
  private _isLost = false;
  private _isGone = false;
  private _view: IRunView | null = null;
  private _summary: IRunSummary | null = null;
  private _fault: IFault | null = null;
  private _asked: IRunCommand['command'] | null = null;
  /** Id of the samples asked for last. */
  private _request?: string;
  private _refreshing = false;
  private _isStale = false;
  private readonly _renamed = new Signal<this, void>(this);
}

export namespace RunModel {
  export interface IOptions {
    run: string;
    source: IClientSource;
    chart: ChartChoice;
    trans: TranslationBundle;
  }
}
