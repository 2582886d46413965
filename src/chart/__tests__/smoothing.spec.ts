import { smooth } from '../smoothing';

describe('smooth', () => {
  const values = Float32Array.from([4, 2, 6, 1]);

  it('leaves values alone at weight 0', () => {
    expect(smooth(values, 0)).toEqual(values);
  });

  it('is the weighted mean of all values so far, the weight halving with age at 0.5', () => {
    const smoothed = smooth(values, 0.5);
    expect(smoothed[0]).toBeCloseTo(4, 6);
    expect(smoothed[1]).toBeCloseTo((4 + 2 * 2) / 3, 6);
    expect(smoothed[2]).toBeCloseTo((4 + 2 * 2 + 4 * 6) / 7, 6);
    expect(smoothed[3]).toBeCloseTo((4 + 2 * 2 + 4 * 6 + 8 * 1) / 15, 6);
  });

  it('keeps a constant constant from the first value on', () => {
    const constant = new Float32Array(50).fill(2.5);
    for (const value of smooth(constant, 0.97)) {
      expect(value).toBeCloseTo(2.5, 5);
    }
  });

  it('leaves a missing value missing, and the others as if it were not there', () => {
    const smoothed = smooth(Float32Array.from([4, NaN, 2]), 0.5);
    expect(smoothed[1]).toBeNaN();
    expect(smoothed[2]).toBeCloseTo((4 + 2 * 2) / 3, 6);
  });

  it('stays finite at weight 1', () => {
    expect(Array.from(smooth(values, 1)).every(Number.isFinite)).toBe(true);
  });
});
