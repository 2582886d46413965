import type { ILengthGroups } from '../kernel/protocol';

/** The least that `max_length` may be. */
export const LEAST_LENGTH = 8;

/**
 * What a `max_length` does to rows.
 */
export interface IEffect {
  /** Rows that are longer. */
  rows: number;
  /** Tokens that are not trained on. */
  tokens: number;
  /** Rows that are cut so far that nothing of them is learned. */
  lost: number;
}

export function effectOf(groups: ILengthGroups, limit: number): IEffect {
  const { lengths, needed, needing, others, policy } = groups;
  const effect = { rows: 0, tokens: 0, lost: 0 };
  lengths.forEach((length, index) => {
    if (length > limit) {
      const cut = tokensCut(policy, length, others[index], limit);
      effect.rows += groups.rows[index];
      effect.tokens += groups.rows[index] * cut;
    }
  });
  if (policy === 'right' || policy === 'left') {
    effect.lost = sum(needing.filter((_, index) => needed[index] > limit));
  }
  return effect;
}

/** Of all rows, before cutting. */
export function totalOf(groups: ILengthGroups): {
  rows: number;
  tokens: number;
} {
  const tokens = groups.rows.map(
    (rows, index) => rows * (groups.lengths[index] + groups.others[index])
  );
  return { rows: sum(groups.rows), tokens: sum(tokens) };
}

/**
 * An axis from 0 to a little more than the longest row.
 */
export interface IAxis {
  end: number;
  /** By which the line moves: a power of two. */
  step: number;
}

export function axisOf({ lengths }: ILengthGroups): IAxis {
  const longest = Math.max(lengths[lengths.length - 1] ?? 0, 16);
  const step = 2 ** Math.max(Math.floor(Math.log2(longest / 128)), 0);
  return { end: (Math.floor(longest / step) + 2) * step, step };
}

/** The value of an axis nearest to a place on it, from 0 to 1; there is no `max_length` below 2. */
export function valueAt({ end, step }: IAxis, place: number): number {
  const value = Math.round((place * end) / step) * step;
  return Math.min(Math.max(value, step, LEAST_LENGTH), end);
}

/** How many rows are in each part of the axis. */
export function barsOf(groups: ILengthGroups, { end }: IAxis): number[] {
  const bars = new Array<number>(BARS).fill(0);
  groups.lengths.forEach((length, index) => {
    bars[Math.floor((length / end) * BARS)] += groups.rows[index];
  });
  return bars;
}

function tokensCut(
  policy: ILengthGroups['policy'],
  length: number,
  other: number,
  limit: number
): number {
  switch (policy) {
    case 'right':
      return length - limit + Math.max(other - limit, 0);
    case 'left':
      // Both sides of a preference lose as many.
      return length - limit + Math.min(other, length - limit);
    case 'part':
      return 0;
    default:
      return length + other;
  }
}

function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

const BARS = 40;
