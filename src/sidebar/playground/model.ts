import type { TranslationBundle } from '@jupyterlab/translation';

import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { IFault, IRunSummary } from '../../kernel/protocol';
import type { IAnswering, IKernelClient, IRunList } from '../../tokens';

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
export class PlaygroundModel implements IDisposable {
  constructor(trans: TranslationBundle) {
    this._trans = trans;
  }

  get client(): IKernelClient | null {
    return this._client;
  }

  /** Talk to the kernel of another notebook; what was said stays. */
  set client(client: IKernelClient | null) {
    if (client !== this._client) {
      this.stop();
      this.unwatch();
      this._client = client;
      this._emit();
    }
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
    return this._current !== null;
  }

  /** Why the last question was not answered. */
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

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    if (!this._isDisposed) {
      this._isDisposed = true;
      this.stop();
      this.unwatch();
      Signal.clearData(this);
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
    if (this._asking === id) {
      this.stop();
    }
    this._columns = this._columns.filter(column => column.id !== id);
    this._emit();
  }

  /** Forget what was said. */
  clear(): void {
    this.stop();
    this._fault = null;
    this._columns = this._columns.map(column => ({ ...column, turns: [] }));
    this._emit();
  }

  /** Take what is said to all columns, which answer one after the other. */
  async send(text: string): Promise<void> {
    if (this._current || !text.trim()) {
      return;
    }
    this._fault = null;
    if (this._columns.length === 0) {
      this.addColumn(this.choices.find(isRun) ?? this.choices[0]);
    }
    const asked = this._columns.map(column => column.id);
    for (const id of asked) {
      this._update(id, turns => [...turns, { role: 'user', content: text }]);
    }
    for (const id of asked) {
      if (!(await this._answer(id))) {
        return;
      }
    }
  }

  /** Break off; what has come stays. */
  stop(): void {
    this._current?.cancel();
    this._end();
  }

  /** @returns whether the next column may answer. */
  private async _answer(id: number): Promise<boolean> {
    const column = this._columns.find(column => column.id === id);
    if (!column) {
      return true;
    }
    if (!this._client) {
      this._fail({
        what: this._trans.__('There is no kernel to answer.'),
        where: '',
        fix: this._trans.__('Open a notebook with a Python kernel.')
      });
      return false;
    }
    const { source } = column;
    const { system, ...settings } = this._settings;
    const answering = this._client.ask(
      {
        columns: [
          source.kind === 'run' ? { run: source.name } : { model: source.name }
        ],
        messages: asMessages(system, column.turns),
        settings: settings as any
      },
      (_, piece) => {
        if (this._current === answering) {
          this._say(id, piece);
        }
      }
    );
    this._current = answering;
    this._asking = id;
    this._update(id, turns => [
      ...turns,
      { role: 'assistant', content: '', isPartial: true }
    ]);
    try {
      const [answer] = await answering.done;
      if (this._current !== answering) {
        return false;
      }
      this._end(answer.text);
      return true;
    } catch (error) {
      if (this._current === answering) {
        this._end();
        this._fail(error as IFault);
      }
      return false;
    }
  }

  private _say(id: number, piece: string): void {
    this._update(id, turns => {
      const last = turns[turns.length - 1];
      return [
        ...turns.slice(0, -1),
        { ...last, content: last.content + piece }
      ];
    });
  }

  /** The answer under way has ended, with its whole text if it came to its end. */
  private _end(text?: string): void {
    const id = this._asking;
    this._current = null;
    this._asking = null;
    if (id !== null) {
      this._update(id, turns => {
        const last = turns[turns.length - 1];
        if (!last?.isPartial) {
          return turns;
        }
        const content = text ?? last.content;
        const before = turns.slice(0, -1);
        // A question that was not answered at all can be asked again.
        return content || text !== undefined
          ? [...before, { role: 'assistant', content }]
          : before;
      });
    }
  }

  private _fail(fault: IFault): void {
    this._fault = fault;
    this._emit();
  }

  private _update(
    id: number,
    change: (turns: readonly ITurn[]) => readonly ITurn[]
  ): void {
    this._columns = this._columns.map(column =>
      column.id === id ? { ...column, turns: change(column.turns) } : column
    );
    this._emit();
  }

  private _emit(): void {
    this._changed.emit();
  }

  private readonly _trans: TranslationBundle;
  private _client: IKernelClient | null = null;
  private _list: IRunList | null = null;
  private _columns: readonly IColumn[] = [];
  private _settings = DEFAULT_SAMPLING;
  private _current: IAnswering | null = null;
  private _asking: number | null = null;
  private _fault: IFault | null = null;
  private _nextId = 0;
  private _isDisposed = false;
  private readonly _changed = new Signal<this, void>(this);
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
  head.push(`--max-new-tokens ${settings.max_new_tokens}`);
  head.push(`--temperature ${settings.temperature}`);
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

function isRun(source: ISource): boolean {
  return source.kind === 'run';
}

/** Whether there is something to ask: the result of a run, or the weights of a live one. */
function hasWeights(run: IRunSummary): boolean {
  return ['finished', 'stopped', 'training', 'paused'].includes(run.state);
}

const DEFAULT_MODEL = 'smollm2-135m';
