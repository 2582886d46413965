import type { IFault, IRunSummary } from '../../kernel/protocol';
import type { RunIdentity } from '../../runs/renamed';
import { findSame } from '../../runs/renamed';

/** A model that can be asked: a run, or a base model by its name. */
export interface ISource {
  kind: 'run' | 'model';
  name: string;
  /** Of a run that was seen in the list. */
  identity?: RunIdentity;
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
  /** At how many tokens it was cut, if it did not end by itself. */
  cutAt?: number;
}

export function isRun(source: ISource): boolean {
  return source.kind === 'run';
}

export function asSource({ name, started, model }: IRunSummary): ISource {
  return { kind: 'run', name, identity: { started, model } };
}

/** A model under the name that it has now. */
export function followed(
  source: ISource,
  runs: readonly IRunSummary[]
): ISource {
  const named = runs.filter(({ name }) => name === source.name);
  // A copied run has the identity of the other: the name comes first.
  const run =
    findSame(named, source.identity ?? null) ??
    findSame(runs, source.identity ?? null) ??
    named[0];
  return isRun(source) && run ? asSource(run) : source;
}

/** A column that waits for its answer to a question. */
export function asked({ id, source, turns }: IColumn, text: string): IColumn {
  const question: ITurn = { role: 'user', content: text };
  return { id, source, turns: [...turns, question], isWaiting: true };
}

/** With another piece of the answer; the first one begins it. */
export function said(
  { isWaiting, ...column }: IColumn,
  piece: string
): IColumn {
  const { turns } = column;
  const begun = isWaiting ? '' : turns[turns.length - 1].content;
  const answer: ITurn = {
    role: 'assistant',
    content: begun + piece,
    isPartial: true
  };
  const before = isWaiting ? turns : turns.slice(0, -1);
  return { ...column, turns: [...before, answer] };
}

/** With the whole answer in place of what has come of it. */
export function finished(
  column: IColumn,
  content: string,
  cutAt?: number
): IColumn {
  const answer: ITurn = { role: 'assistant', content, cutAt };
  return { ...column, turns: [...column.turns.slice(0, -1), answer] };
}

/** Without a question that it does not answer. */
export function withdrawn(column: IColumn, fault?: IFault): IColumn {
  const { id, source } = column;
  return { id, source, turns: settled(column), fault };
}

/** The turns without a question that waits for its answer, or for the rest of it. */
export function settled(
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
