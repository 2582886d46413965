import type { ILengthGroups } from '../../kernel/protocol';
import { axisOf, barsOf, effectOf, totalOf, valueAt } from '../lengths';

const GROUPS: ILengthGroups = {
  policy: 'right',
  lengths: [10, 20, 100],
  others: [0, 0, 0],
  rows: [3, 2, 1],
  needed: [5, 60],
  needing: [5, 1]
};

const PAIRS: ILengthGroups = {
  ...GROUPS,
  lengths: [10, 100],
  others: [4, 50],
  rows: [1, 2]
};

describe('effectOf', () => {
  it('counts rows and tokens beyond the limit, and rows with nothing left to learn', () => {
    expect(effectOf(GROUPS, 100)).toEqual({ rows: 0, tokens: 0, lost: 0 });
    expect(effectOf(GROUPS, 20)).toEqual({ rows: 1, tokens: 80, lost: 1 });
    expect(effectOf(GROUPS, 15)).toEqual({
      rows: 3,
      tokens: 2 * 5 + 85,
      lost: 1
    });
    expect(effectOf(GROUPS, 60).lost).toBe(0);
  });

  it('counts what both sides of a preference lose', () => {
    // Each side is cut at the limit,
    expect(effectOf(PAIRS, 40).tokens).toBe(2 * (60 + 10));
    // or both by what the longer one has too many.
    const left: ILengthGroups = { ...PAIRS, policy: 'left' };
    expect(effectOf(left, 40).tokens).toBe(2 * (60 + 50));
    expect(effectOf(left, 80).tokens).toBe(2 * (20 + 20));
  });

  it('counts rows that are left out as a whole', () => {
    const drop: ILengthGroups = { ...PAIRS, policy: 'drop' };
    expect(effectOf(drop, 40)).toEqual({ rows: 2, tokens: 300, lost: 0 });
  });

  it('says that texts in pieces lose nothing', () => {
    const part: ILengthGroups = { ...GROUPS, policy: 'part' };
    expect(effectOf(part, 15)).toEqual({ rows: 3, tokens: 0, lost: 0 });
  });
});

describe('the axis', () => {
  it.each([1, 7, 130, 2048, 131_071])(
    'has room for a longest row of %s tokens, and its line reaches every step',
    longest => {
      const groups = { ...GROUPS, lengths: [1, 1, longest] };
      const axis = axisOf(groups);
      expect(axis.end).toBeGreaterThan(longest);
      expect(axis.end % axis.step).toBe(0);
      expect(valueAt(axis, 1)).toBe(axis.end);
      expect(valueAt(axis, 0)).toBeGreaterThanOrEqual(2);
      expect(valueAt(axis, 0.5) % axis.step).toBe(0);
      const rows = barsOf(groups, axis).reduce((sum, bar) => sum + bar);
      expect(rows).toBe(totalOf(groups).rows);
    }
  );
});
