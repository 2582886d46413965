import type { TranslationBundle } from '@jupyterlab/translation';

import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import { Changing } from '../../changing';
import type { IFault, IRunSummary } from '../../kernel/protocol';
import { isOver } from '../../runs/wording';
import type { IAnswering, IKernelClient, IRunList } from '../../tokens';
import type { IKept } from '../kept';
import type { IColumn, ISource } from './conversation';
import {
  asMessages,
  asSource,
  asked,
  finished,
  followed,
  isRun,
  said,
  settled,
  withdrawn
} from './conversation';
import type { ISamplingSettings } from './settings';
import { DEFAULT_SAMPLING } from './settings';

export const MOST_COLUMNS = 4;

/**
 * A chat with up to four models at once, each with its own memory of it.
 */
export class PlaygroundModel extends Changing implements IKept {
  /**
   * @param client - of the notebook that the chat belongs to.
   */
  constructor(client: IKernelClient | null, trans: TranslationBundle) {
    super();
    this._client = client;
    this._trans = trans;
  }

  /** What is typed and not asked yet. */
  get text(): string {
    return this._text;
  }

  set text(text: string) {
    this._text = text;
    this.emit();
  }

  get columns(): readonly IColumn[] {
    return this._columns;
  }

  get settings(): ISamplingSettings {
    return this._settings;
  }

  set settings(settings: ISamplingSettings) {
    this._settings = settings;
    this.emit();
  }

  get isAnswering(): boolean {
    return this._question !== null;
  }

  /** Why nobody can be asked. */
  get fault(): IFault | null {
    return this._fault;
  }

  /**
   * What can be asked: the runs, the base models they come from, and the models that are there without a download.
   *
   * @param configured - the model that the form shows.
   */
  choices(configured = ''): ISource[] {
    const runs = (this._list?.runs ?? []).filter(canAnswer);
    const models = new Set(
      [
        DEFAULT_MODEL,
        configured,
        ...runs.map(run => run.model),
        ...this._cached
      ].filter(name => name)
    );
    return [
      ...[...models].map((name): ISource => ({ kind: 'model', name })),
      ...runs.map(asSource)
    ];
  }

  /** The names of the runs that ended without anything to ask. */
  get silent(): string[] {
    return (this._list?.runs ?? [])
      .filter(run => isOver(run.state) && !canAnswer(run))
      .map(({ name }) => name);
  }

  /** A question that waits for its answers counts as typed: a page that goes takes the answers along. */
  get state(): ReadonlyPartialJSONObject {
    const columns = this._columns.map(({ source, ...column }) => ({
      source: { ...source },
      turns: settled(column).map(turn => ({ ...turn }))
    }));
    const text = this._text || (this._question?.text ?? '');
    return { text, settings: { ...this._settings }, columns };
  }

  restore(state: ReadonlyPartialJSONObject): void {
    const { text, settings, columns } = state as unknown as {
      text: string;
      settings: ISamplingSettings;
      columns: Pick<IColumn, 'source' | 'turns'>[];
    };
    this._text = text;
    this._settings = { ...DEFAULT_SAMPLING, ...settings };
    this._columns = columns.map(column => ({ ...column, id: this._nextId++ }));
    this.emit();
  }

  protected onDispose(): void {
    this.stop();
    this.unwatch();
  }

  /** Keep the list of runs up to date, as long as somebody looks. */
  watch(): void {
    if (!this._list && this._client) {
      this._list = this._client.watchRuns();
      this._list.changed.connect(this._onList, this);
      this._onList();
      void this._findCached(this._client);
    }
  }

  unwatch(): void {
    this._list?.dispose();
    this._list = null;
  }

  addColumn(source: ISource): void {
    if (this._columns.length < MOST_COLUMNS) {
      this._columns = [
        ...this._columns,
        { id: this._nextId++, source, turns: [] }
      ];
      this.emit();
    }
  }

  removeColumn(id: number): void {
    this._columns = this._columns.filter(column => column.id !== id);
    if (this._asking === id) {
      // The next one may answer.
      this._answering?.cancel();
    }
    this.emit();
  }

  /** Forget what was said. */
  clear(): void {
    this.stop();
    this._fault = null;
    this._columns = this._columns.map(({ id, source }) => ({
      id,
      source,
      turns: []
    }));
    this.emit();
  }

  /** Take what is typed to all columns, which answer one after the other. */
  async send(): Promise<void> {
    const text = this._text.trim();
    if (this._question || !text) {
      return;
    }
    this._fault = this._client ? null : this._noKernel();
    if (this._fault) {
      this.emit();
      return;
    }
    if (this._columns.length === 0) {
      const choices = this.choices();
      this.addColumn(choices.find(isRun) ?? choices[0]);
    }
    this._text = '';
    await this._ask(
      text,
      this._columns.map(({ id }) => id)
    );
  }

  /** Ask a column again what the others have answered. */
  async askAgain(id: number): Promise<void> {
    const text = this._find(id)?.unanswered;
    if (!this._question && text) {
      await this._ask(text, [id]);
    }
  }

  /** Break off; what has come stays. */
  stop(): void {
    const answering = this._answering;
    this._answering = null;
    answering?.cancel();
    if (this._asking !== null) {
      this._breakOff(this._asking);
    }
    this._end();
  }

  /** Runs go on in their columns under the names that they have now. */
  private _onList(): void {
    const runs = this._list?.runs ?? [];
    this._columns = this._columns.map(column => ({
      ...column,
      source: followed(column.source, runs)
    }));
    this.emit();
  }

  private async _findCached(client: IKernelClient): Promise<void> {
    const models = await client
      .request('models', {})
      // The header of the sidebar says how the kernel stands; asked again when somebody looks again.
      .catch(() => null);
    if (models && !this.isDisposed) {
      const cached = models.filter(({ kind }) => kind === 'cached');
      this._cached = cached.map(({ name }) => name);
      this.emit();
    }
  }

  private async _ask(text: string, ids: readonly number[]): Promise<void> {
    const question: IOpenQuestion = { text, hasAnswer: false };
    this._question = question;
    for (const id of ids) {
      this._change(id, column => asked(column, text));
    }
    for (const id of ids) {
      await this._answer(id, question);
      if (question !== this._question) {
        return;
      }
    }
    this._end();
  }

  private async _answer(id: number, question: IOpenQuestion): Promise<void> {
    const column = this._find(id);
    if (!column) {
      return;
    }
    const { source, turns } = column;
    const { system, ...settings } = this._settings;
    const answering = this._client!.ask(
      {
        columns: [
          source.kind === 'run' ? { run: source.name } : { model: source.name }
        ],
        messages: asMessages(system, turns),
        settings: settings as any
      },
      (_, piece) => {
        if (this._answering === answering) {
          this._change(id, column => said(column, piece));
        }
      }
    );
    this._answering = answering;
    this._asking = id;
    this._change(id, column => said(column, ''));
    try {
      const [{ text, finish_reason, tokens }] = await answering.done;
      if (this._answering === answering) {
        question.hasAnswer = true;
        const cutAt = finish_reason === 'length' ? tokens : undefined;
        this._change(id, column => finished(column, text, cutAt));
      }
    } catch (error) {
      if (this._answering === answering) {
        this._change(id, column => withdrawn(column, error as IFault));
      }
    }
  }

  /** What a column has said so far is its answer; without any, the question is taken back. */
  private _breakOff(id: number): void {
    const turns = this._find(id)?.turns ?? [];
    const last = turns[turns.length - 1];
    if (last?.isPartial && last.content) {
      this._question!.hasAnswer = true;
      this._change(id, column => finished(column, last.content));
    } else if (last?.isPartial) {
      this._change(id, column => withdrawn(column));
    }
  }

  /** Nobody is asked any more. What nobody has answered is typed text again. */
  private _end(): void {
    const question = this._question;
    this._question = this._answering = this._asking = null;
    this._columns = this._columns.map(column =>
      column.isWaiting ? withdrawn(column) : column
    );
    if (question?.hasAnswer) {
      this._columns = this._columns.map(column =>
        column.fault ? { unanswered: question.text, ...column } : column
      );
    } else if (question) {
      this._text = this._text || question.text;
    }
    this.emit();
  }

  private _find(id: number): IColumn | undefined {
    return this._columns.find(column => column.id === id);
  }

  private _change(id: number, change: (column: IColumn) => IColumn): void {
    this._columns = this._columns.map(column =>
      column.id === id ? change(column) : column
    );
    this.emit();
  }

  private _noKernel(): IFault {
    return {
      what: this._trans.__('There is no kernel to answer.'),
      where: '',
      fix: this._trans.__('Open a notebook with a Python kernel.')
    };
  }

  private readonly _client: IKernelClient | null;
  private readonly _trans: TranslationBundle;
  /** Names of the models in the local Hub cache. */
  private _cached: string[] = [];
  private _list: IRunList | null = null;
  private _text = '';
  private _columns: readonly IColumn[] = [];
  private _settings = DEFAULT_SAMPLING;
  private _question: IOpenQuestion | null = null;
  private _answering: IAnswering | null = null;
  private _asking: number | null = null;
  private _fault: IFault | null = null;
  private _nextId = 0;
}

/** A question whose answers are on their way. */
interface IOpenQuestion {
  readonly text: string;
  /** Whether somebody has answered. */
  hasAnswer: boolean;
}

/** Whether there is something to ask: the result of a run, or the weights of a live one. */
function canAnswer({ state, has_result }: IRunSummary): boolean {
  return isOver(state) ? has_result : ['training', 'paused'].includes(state);
}

const DEFAULT_MODEL = 'smollm2-135m';
