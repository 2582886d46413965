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
  const changes = diffArrays(words(other), words(text), { timeout: LONGEST });
  // Texts for which that takes too long have little in common.
  return changes
    ? changes
        .filter(({ removed }) => !removed)
        .map(({ added, value }) => ({
          text: value.join(''),
          isDifferent: added
        }))
    : [{ text, isDifferent: true }];
}

function words(text: string): string[] {
  return [...segmenter.segment(text)].map(({ segment }) => segment);
}

const segmenter = new Intl.Segmenter(undefined, { granularity: 'word' });

/** In milliseconds. */
const LONGEST = 200;
