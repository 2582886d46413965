import { diffArrays } from 'diff';

/**
 * A part of a text, and whether another text lacks it.
 */
export interface IPart {
  text: string;
  isDifferent: boolean;
}

/**
 * The parts of a text, compared with another one word by word, or line by line where they are long.
 */
export function partsOf(text: string, other: string): IPart[] {
  const isLong = text.length + other.length > MOST;
  const [all, others] = [text, other].map(each =>
    isLong ? each.split(/(?<=\n)/) : segments(each, byWord)
  );
  const parts: IPart[] = [];
  differing(piecesOf(all), piecesOf(others)).forEach((isDifferent, place) => {
    const last = parts[parts.length - 1];
    if (last?.isDifferent === isDifferent) {
      last.text += all[place];
    } else {
      parts.push({ text: all[place], isDifferent });
    }
  });
  return parts;
}

/**
 * The words or tokens of a text: what they are compared by, and what each writes.
 */
export interface IPieces {
  ids: readonly (number | string)[];
  texts: readonly string[];
}

/**
 * Of each piece of a text whether it is to be marked as one that another text lacks there.
 *
 * Between texts that share little but everyday words nobody can read marks of words: there whole sentences are marked,
 * or nothing where they share no sentence or are long.
 */
export function differing(text: IPieces, other: IPieces): boolean[] {
  const isLacking = lacking(text.ids, other.ids);
  return likeness(text, other, isLacking) < LEAST
    ? differingSentences(text, other)
    : isLacking;
}

/** The share of the letters of two texts that stand in pieces of both, since everyday words are short. */
function likeness(
  { texts }: IPieces,
  other: IPieces,
  isLacking: readonly boolean[]
): number {
  const all = letters(texts) + letters(other.texts);
  const shared = letters(texts.filter((_, place) => !isLacking[place]));
  return all > 0 ? (2 * shared) / all : 1;
}

function letters(texts: readonly string[]): number {
  return texts.reduce(
    (sum, text) => sum + text.replace(NO_LETTERS, '').length,
    0
  );
}

function differingSentences({ texts }: IPieces, other: IPieces): boolean[] {
  const [text, otherText] = [texts.join(''), other.texts.join('')];
  if (text.length + otherText.length > MOST) {
    return texts.map(() => false);
  }
  const sentences = sentencesOf(text);
  const isLacking = lacking(
    sentences.map(sentence => sentence.trim()),
    sentencesOf(otherText).map(sentence => sentence.trim())
  );
  const isAll = sentences.every(
    (sentence, place) => isLacking[place] || !letters([sentence])
  );
  if (isAll) {
    return texts.map(() => false);
  }
  let end = 0;
  let place = 0;
  let stop = sentences[0].length;
  return texts.map(text => {
    end += text.length;
    // A token may begin with the blank after the sentence before.
    while (end > stop && place < sentences.length - 1) {
      place++;
      stop += sentences[place].length;
    }
    return isLacking[place];
  });
}

/** Of each item of a list whether another list lacks it there. */
function lacking<T>(items: readonly T[], others: readonly T[]): boolean[] {
  const changes = diffArrays([...others], [...items], { timeout: LONGEST });
  // Those for which that takes too long have little in common.
  return changes
    ? changes
        .filter(({ removed }) => !removed)
        .flatMap(({ added, value }) => value.map(() => added))
    : items.map(() => true);
}

/** What ends a turn is no part of the last sentence before it. */
function sentencesOf(text: string): string[] {
  return segments(text, bySentence).flatMap(sentence =>
    sentence.split(/(?=<[^\s<>]+>)/)
  );
}

function piecesOf(texts: readonly string[]): IPieces {
  return { ids: texts, texts };
}

function segments(text: string, segmenter: Intl.Segmenter): string[] {
  return [...segmenter.segment(text)].map(({ segment }) => segment);
}

const byWord = new Intl.Segmenter(undefined, { granularity: 'word' });

const bySentence = new Intl.Segmenter(undefined, { granularity: 'sentence' });

/** Also what ends a turn, such as `<|im_end|>`. */
const NO_LETTERS = /<[^\s<>]+>|[^\p{L}\p{M}\p{N}]+/gu;

/** The likeness from which words are marked. */
const LEAST = 0.5;

/** Characters of two texts that are parted into words or sentences: a second's work. */
const MOST = 200_000;

/** In milliseconds. */
const LONGEST = 200;
