import type { TranslationBundle } from '@jupyterlab/translation';

import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { IFault, IRunSummary } from '../../kernel/protocol';
import type { IAnswering, IKernelClient, IRunList } from '../../tokens';
import type { IKept } from '../kept';

/** A model that can be asked: a run, or a base model by its name. */
export interface ISource {
  kind: 'run' | 'model';
  name: string;
}

/** One side of the comparison: a model and its own conversation. */
export interface IColumn {
  readonly id: number;
  readonly source: ISource;
  readonly turns: readonly ITurn[];
  /** Whether it answers when those before it have. */
  readonly isWaiting?: boolean;
  /** Why it did not answer. */
  readonly fault?: IFault;
  /** What it did not answer although others did; it can be asked again. */
  readonly unanswered?: string;
}

export interface ITurn {
  role: 'user' | 'assistant';
  content: string;
  /** Whether more of it is to come. */
  isPartial?: boolean;
}

/** How answers are drawn; the names are those of the section `samples`. */
export interface ISamplingSettings {
  temperature: number;
  max_new_tokens: number;
  top_p: number;
  top_k: number;
  repetition_penalty: number;
  system: string;
}

export const DEFAULT_SAMPLING: ISamplingSettings = {
  temperature: 0.7,
  max_new_tokens: 128,
  top_p: 1,
  top_k: 50,
  repetition_penalty: 1,
  system: ''
};

export const MOST_COLUMNS = 4;

/**
 * A chat with up to four models at once, each with its own memory of it.
 */
export class PlaygroundModel implements IKept {
  /**
   * @param client - of the notebook that the chat belongs to.
   */
  constructor(client: IKernelClient | null, trans: TranslationBundle) {
    this._client = client;
    this._trans = trans;
  }

  /** What is typed and not asked yet. */
  get text(): string {
    return this._text;
  }

  set text(text: string) {
    this._text = text;
    this._emit();
  }

  get columns(): readonly IColumn[] {
    return this._columns;
  }

  get settings(): ISamplingSettings {
    return this._settings;
  }

  set settings(settings: ISamplingSettings) {
    this._settings = settings;
    this._emit();
  }

  get isAnswering(): boolean {
    return this._question !== null;
  }

  /** Why nobody can be asked. */
  get fault(): IFault | null {
    return this._fault;
  }

  /** What can be asked: the runs, and the base models they come from. */
  get choices(): ISource[] {
    const runs = (this._list?.runs ?? []).filter(hasWeights);
    const models = new Set([
      DEFAULT_MODEL,
      ...runs.map(run => run.model).filter(name => name)
    ]);
    return [
      ...[...models].map((name): ISource => ({ kind: 'model', name })),
      ...runs.map((run): ISource => ({ kind: 'run', name: run.name }))
    ];
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
    this._emit();
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
      Signal.clearData(this);
      this.stop();
      this.unwatch();
    }
  }

  /** Keep the list of runs up to date, as long as somebody looks. */
  watch(): void {
    if (!this._list && this._client) {
      this._list = this._client.watchRuns();
      this._list.changed.connect(this._emit, this);
      this._emit();
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
      this._emit();
    }
  }

  removeColumn(id: number): void {
    this._columns = this._columns.filter(column => column.id !== id);
    if (this._asking === id) {
      // The next one may answer.
      this._answering?.cancel();
    }
    this._emit();
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
    this._emit();
  }

  /** Take what is typed to all columns, which answer one after the other. */
  async send(): Promise<void> {
    const text = this._text.trim();
    if (this._question || !text) {
      return;
    }
    this._fault = this._client ? null : this._noKernel();
    if (this._fault) {
      this._emit();
      return;
    }
    if (this._columns.length === 0) {
      this.addColumn(this.choices.find(isRun) ?? this.choices[0]);
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

  private async _ask(text: string, ids: readonly number[]): Promise<void> {
    const question: IOpenQuestion = { text, hasAnswer: false };
    this._question = question;
    for (const id of ids) {
      this._change(id, ({ source, turns }) => ({
        id,
        source,
        turns: [...turns, { role: 'user', content: text }],
        isWaiting: true
      }));
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
          this._say(id, piece);
        }
      }
    );
    this._answering = answering;
    this._asking = id;
    this._say(id, '');
    try {
      const [{ text }] = await answering.done;
      if (this._answering === answering) {
        question.hasAnswer = true;
        this._finish(id, text);
      }
    } catch (error) {
      if (this._answering === answering) {
        this._withdraw(id, error as IFault);
      }
    }
  }

  /** Add a piece to the answer of a column; the first one begins it. */
  private _say(id: number, piece: string): void {
    this._change(id, ({ isWaiting, ...column }) => {
      const begun = isWaiting
        ? ''
        : column.turns[column.turns.length - 1].content;
      const turn: ITurn = {
        role: 'assistant',
        content: begun + piece,
        isPartial: true
      };
      const before = isWaiting ? column.turns : column.turns.slice(0, -1);
      return { ...column, turns: [...before, turn] };
    });
  }

  /** The whole answer of a column. */
  private _finish(id: number, content: string): void {
    this._change(id, column => ({
      ...column,
      turns: [...column.turns.slice(0, -1), { role: 'assistant', content }]
    }));
  }

  /** What a column has said so far is its answer; without any, the question is taken back. */
  private _breakOff(id: number): void {
    const turns = this._find(id)?.turns ?? [];
    const last = turns[turns.length - 1];
    if (last?.isPartial && last.content) {
      this._question!.hasAnswer = true;
      this._finish(id, last.content);
    } else if (last?.isPartial) {
      this._withdraw(id);
    }
  }

  /** Take back a question that a column does not answer. */
  private _withdraw(id: number, fault?: IFault): void {
    this._change(id, column => ({
      id,
      source: column.source,
      turns: settled(column),
      fault
    }));
  }

  /** Nobody is asked any more. What nobody has answered is typed text again. */
  private _end(): void {
    const question = this._question;
    this._question = this._answering = this._asking = null;
    for (const { id, isWaiting } of this._columns) {
      if (isWaiting) {
        this._withdraw(id);
      }
    }
    if (question?.hasAnswer) {
      this._columns = this._columns.map(column =>
        column.fault ? { unanswered: question.text, ...column } : column
      );
    } else if (question) {
      this._text = this._text || question.text;
    }
    this._emit();
  }

  private _find(id: number): IColumn | undefined {
    return this._columns.find(column => column.id === id);
  }

  private _change(id: number, change: (column: IColumn) => IColumn): void {
    this._columns = this._columns.map(column =>
      column.id === id ? change(column) : column
    );
    this._emit();
  }

  private _noKernel(): IFault {
    return {
      what: this._trans.__('There is no kernel to answer.'),
      where: '',
      fix: this._trans.__('Open a notebook with a Python kernel.')
    };
  }

  private _emit(): void {
    this._changed.emit();
  }

  private readonly _client: IKernelClient | null;
  private readonly _trans: TranslationBundle;
  private _list: IRunList | null = null;
  private _text = '';
  private _columns: readonly IColumn[] = [];
  private _settings = DEFAULT_SAMPLING;
  private _question: IOpenQuestion | null = null;
  private _answering: IAnswering | null = null;
  private _asking: number | null = null;
  private _fault: IFault | null = null;
  private _nextId = 0;
  private _isDisposed = false;
  private readonly _changed = new Signal<this, void>(this);
}

/** A question whose answers are on their way. */
interface IOpenQuestion {
  readonly text: string;
  /** Whether somebody has answered. */
  hasAnswer: boolean;
}

/** The turns without a question that waits for its answer, or for the rest of it. */
function settled(
  column: Pick<IColumn, 'turns' | 'isWaiting'>
): readonly ITurn[] {
  const { turns, isWaiting } = column;
  return isWaiting
    ? turns.slice(0, -1)
    : turns[turns.length - 1]?.isPartial
      ? turns.slice(0, -2)
      : turns;
}

/**
 * The messages of a conversation as a model gets them: turns in alternation, an unanswered question left out.
 */
export function asMessages(
  system: string,
  turns: readonly ITurn[]
): { role: string; content: string }[] {
  const heard = turns.filter(
    (turn, index) =>
      turn.role === 'assistant' ||
      index === turns.length - 1 ||
      turns[index + 1].role === 'assistant'
  );
  const messages = heard.map(({ role, content }) => ({ role, content }));
  return system.trim()
    ? [{ role: 'system', content: system }, ...messages]
    : messages;
}

/**
 * A `%%sample` cell that asks the same: the first questions of the chat, of the same models.
 */
export function asCell(
  columns: readonly IColumn[],
  settings: ISamplingSettings
): string {
  const runs = columns.filter(column => isRun(column.source));
  const head = ['%%sample', ...runs.map(column => column.source.name)];
  if (runs.length < columns.length || runs.length === 0) {
    head.push('--base');
  }
  head.push(...optionsOf(settings));
  const turns = columns[0]?.turns ?? [];
  const questions = turns.filter(turn => turn.role === 'user');
  const isPlain =
    !settings.system.trim() &&
    questions.length === 1 &&
    !/[\n]/.test(questions[0].content) &&
    !/^[-[]/.test(questions[0].content.trim());
  if (isPlain) {
    return `${head.join(' ')}\n${questions[0].content.trim()}`;
  }
  const upToLast = turns.slice(
    0,
    turns.map(turn => turn.role).lastIndexOf('user') + 1
  );
  const lines = asMessages(settings.system, upToLast).map(
    ({ role, content }) =>
      `- {role: ${role}, content: ${JSON.stringify(content)}}`
  );
  return [head.join(' '), ...lines].join('\n');
}

/** The options of `%%sample` that draw answers in the same way; those that change nothing are left out. */
function optionsOf(settings: ISamplingSettings): string[] {
  const { temperature, max_new_tokens, top_p, top_k, repetition_penalty } =
    settings;
  const isDrawn = temperature > 0;
  return [
    `--max-new-tokens ${max_new_tokens}`,
    `--temperature ${temperature}`,
    ...(isDrawn && top_p !== DEFAULT_SAMPLING.top_p
      ? [`--top-p ${top_p}`]
      : []),
    ...(isDrawn && top_k !== DEFAULT_SAMPLING.top_k
      ? [`--top-k ${top_k}`]
      : []),
    ...(repetition_penalty !== DEFAULT_SAMPLING.repetition_penalty
      ? [`--repetition-penalty ${repetition_penalty}`]
      : [])
  ];
}

function isRun(source: ISource): boolean {
  return source.kind === 'run';
}

/** Whether there is something to ask: the result of a run, or the weights of a live one. */
function hasWeights(run: IRunSummary): boolean {
  return ['finished', 'stopped', 'training', 'paused'].includes(run.state);
}

const DEFAULT_MODEL = 'smollm2-135m';
