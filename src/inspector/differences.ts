import { diffArrays } from 'diff';

/**
 * A part of a text, and whether another text lacks it.
 */
export interface IPart {
  text: string;
  isDifferent: boolean;
}

/**
 * The parts of a text, compared with another one word by word.
 */
export function partsOf(text: string, other: string): IPart[] {
  const all = words(text);
  const parts: IPart[] = [];
  differing(all, words(other)).forEach((isDifferent, place) => {
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
 * Of each item of a list whether another list lacks it there.
 */
export function differing<T>(
  items: readonly T[],
  others: readonly T[]
): boolean[] {
  const changes = diffArrays([...others], [...items], { timeout: LONGEST });
  // Those for which that takes too long have little in common.
  return changes
    ? changes
        .filter(({ removed }) => !removed)
        .flatMap(({ added, value }) => value.map(() => added))
    : items.map(() => true);
}

function words(text: string): string[] {
  return [...segmenter.segment(text)].map(({ segment }) => segment);
}

const segmenter = new Intl.Segmenter(undefined, { granularity: 'word' });

/** In milliseconds. */
const LONGEST = 200;
