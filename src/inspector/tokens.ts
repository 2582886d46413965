import type { IRowSide } from '../kernel/protocol';
import { differing } from './differences';

/**
 * A token as it stands in the text.
 */
export interface IToken {
  id: number;
  /** Of tokens that write a character together the last one has it; the others are empty. */
  text: string;
  /** Of tokens that write a character together which one it is, from 1; null for a token that writes all of its text. */
  part: number | null;
  isLearned: boolean;
  isCut: boolean;
  /** Whether the other side of a preference lacks it. */
  isDifferent: boolean;
}

/**
 * Text whose tokens are alike.
 */
export type ISpan = Omit<IToken, 'id' | 'part'>;

export function tokensOf(side: IRowSide): IToken[] {
  const [start, stop] = side.kept;
  const learned = new Set<number>();
  for (const [from, to] of side.trained) {
    for (let index = from; index < to; index++) {
      learned.add(index);
    }
  }
  return inPlace(side.text, side.pieces).map(({ text, part }, index) => ({
    id: side.ids[index],
    text,
    part,
    isLearned: learned.has(index),
    isCut: index < start || index >= stop,
    isDifferent: false
  }));
}

/**
 * The tokens of the two sides of a preference, those marked in which they differ; of anything else the tokens as they
 * are.
 */
export function compared(sides: readonly IRowSide[]): IToken[][] {
  const tokens = sides.map(tokensOf);
  if (sides.length !== 2) {
    return tokens;
  }
  const start = startOfAnswers(tokens);
  const answers = tokens.map(side => {
    const answer = side.slice(start);
    return {
      ids: answer.map(({ id }) => id),
      texts: answer.map(({ text }) => text)
    };
  });
  return tokens.map((side, index) => {
    const different = differing(answers[index], answers[1 - index]);
    return side.map((token, place) => ({
      ...token,
      isDifferent: place >= start && different[place - start]
    }));
  });
}

/** Where what is compared begins: a prompt that both have says nothing of how like the answers are. */
function startOfAnswers([one, other]: IToken[][]): number {
  const start = one.findIndex(
    ({ id, isLearned }, place) => isLearned || id !== other[place]?.id
  );
  return start < 0 ? one.length : start;
}

/**
 * Tokens one by one, those together that write a character together.
 */
export function byCharacters(tokens: readonly IToken[]): IToken[][] {
  const groups: IToken[][] = [];
  for (const token of tokens) {
    if (token.part !== null && token.part > 1 && groups.length) {
      groups[groups.length - 1].push(token);
    } else {
      groups.push([token]);
    }
  }
  return groups;
}

export function spansOf(tokens: readonly IToken[]): ISpan[] {
  const spans: ISpan[] = [];
  for (const { text, isCut, isDifferent, isLearned } of tokens) {
    const span = { text, isCut, isDifferent, isLearned };
    const last = spans[spans.length - 1];
    if (last && isAlike(last, span)) {
      last.text += text;
    } else {
      spans.push(span);
    }
  }
  return spans;
}

function isAlike(one: ISpan, other: ISpan): boolean {
  return (
    one.isCut === other.isCut &&
    one.isLearned === other.isLearned &&
    one.isDifferent === other.isDifferent
  );
}

export interface ITokenCounts {
  tokens: number;
  /** Without those that are cut. */
  learned: number;
  cut: number;
}

export function countsOf(tokens: readonly IToken[]): ITokenCounts {
  return {
    tokens: tokens.length,
    learned: tokens.filter(token => token.isLearned && !token.isCut).length,
    cut: tokens.filter(token => token.isCut).length
  };
}

/**
 * Where the first token is that is learned, and the first beyond a cut; null where there is none.
 */
export function placesOf(tokens: readonly IToken[]): {
  learned: number | null;
  cut: number | null;
} {
  const learned = tokens.findIndex(({ isLearned }) => isLearned);
  const cut = tokens.findIndex(({ isCut }) => isCut !== tokens[0].isCut);
  return {
    learned: learned < 0 ? null : learned,
    cut: cut < 0 ? null : cut
  };
}

/**
 * In which character each turn is cut, as far as the template writes it as it is; null for those that are not.
 */
export function cutsOfTurns(
  { text, turns }: IRowSide,
  tokens: readonly IToken[]
): (number | null)[] {
  const { cut } = placesOf(tokens);
  const cutAt =
    cut === null
      ? null
      : tokens.slice(0, cut).reduce((sum, { text }) => sum + text.length, 0);
  let from = 0;
  return turns.map(turn => {
    const at = text.indexOf(turn.text.trim(), from);
    if (cutAt === null || at < 0) {
      return null;
    }
    const place = cutAt - at + turn.text.search(/\S|$/);
    from = at + turn.text.trim().length;
    return at < cutAt && cutAt < from ? place : null;
  });
}

/**
 * What each token is in the whole text: decoded alone, some lose the blank before them, and some are part of a character.
 */
function inPlace(text: string, pieces: readonly string[]): IWritten[] {
  const found: IWritten[] = [];
  let at = 0;
  let waiting = 0;
  for (const piece of pieces) {
    const place = piece.includes(PART) ? -1 : text.indexOf(piece, at);
    if (place < 0 || place - at > 1 + 2 * waiting) {
      const before = waiting > 0 ? found[found.length - 1].part! : 0;
      found.push({ text: '', part: before + 1 });
      waiting += piece.length;
      continue;
    }
    const before = text.slice(at, place);
    if (waiting > 0) {
      found[found.length - 1].text = before;
      found.push({ text: piece, part: null });
    } else {
      found.push({ text: before + piece, part: null });
    }
    at = place + piece.length;
    waiting = 0;
  }
  if (waiting > 0) {
    found[found.length - 1].text = text.slice(at);
  }
  return found;
}

type IWritten = Pick<IToken, 'text' | 'part'>;

/** What stands for a part of a character. */
const PART = '\ufffd';
