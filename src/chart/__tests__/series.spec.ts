import type { IChunk } from '../series';
import { ChartData, Series } from '../series';

/** Rows `start` to `end` of a table in which the loss is ten times the step. */
function rows(start: number, end: number): IChunk {
  const steps = Array.from({ length: end - start }, (_, row) => start + row);
  return {
    start,
    count: steps.length,
    columns: ['step', 'loss'],
    values: Float32Array.from([...steps, ...steps.map(step => 10 * step)])
  };
}

function losses(count: number): number[] {
  return Array.from({ length: count }, (_, row) => 10 * row);
}

describe('Series', () => {
  it('keeps every row when it grows past its first capacity', () => {
    const series = new Series(['step', 'loss']);
    for (let start = 0; start < 3000; start += 100) {
      series.append(rows(start, start + 100));
    }
    expect(Array.from(series.column('loss'))).toEqual(losses(3000));
  });

  it('takes only the rows it lacks from a chunk that overlaps', () => {
    const series = new Series(['step', 'loss']);
    series.append(rows(0, 5));
    expect(series.append(rows(2, 8))).toBe('appended');
    expect(Array.from(series.column('loss'))).toEqual(losses(8));
  });

  it('takes columns by name and leaves those that are absent missing', () => {
    const series = new Series(['step', 'grad_norm', 'loss']);
    series.append(rows(0, 2));
    expect(Array.from(series.column('loss'))).toEqual([0, 10]);
    expect(Array.from(series.column('grad_norm'))).toEqual([NaN, NaN]);
  });

  it('gets a column that comes later, missing in the rows before', () => {
    const series = new Series(['step', 'loss']);
    series.append(rows(0, 2));
    expect(Array.from(series.column('kl'))).toEqual([NaN, NaN]);
    series.append({
      start: 2,
      count: 1,
      columns: ['step', 'loss', 'kl'],
      values: Float32Array.from([2, 20, 0.5])
    });
    expect(Array.from(series.column('kl'))).toEqual([NaN, NaN, 0.5]);
    series.append(rows(3, 600));
    expect(Array.from(series.column('kl').subarray(2, 4))).toEqual([0.5, NaN]);
  });

  it('finds the last value that is not missing', () => {
    const series = new Series(['loss']);
    expect(series.last('loss')).toBeNaN();
    series.append({
      start: 0,
      count: 3,
      columns: ['loss'],
      values: Float32Array.from([1, 2, NaN])
    });
    expect(series.last('loss')).toBe(2);
  });
});

describe('ChartData', () => {
  let data: ChartData;
  let changes: number;
  let asked: number;

  beforeEach(() => {
    data = new ChartData();
    changes = 0;
    asked = 0;
    data.changed.connect(() => changes++);
    data.rowsMissing.connect(() => asked++);
  });

  it('ignores rows that come again', () => {
    data.append('train', rows(0, 5));
    data.append('train', rows(0, 5));
    data.append('train', rows(1, 3));
    expect(changes).toBe(1);
    expect(Array.from(data.train.column('loss'))).toEqual(losses(5));
  });

  it('asks once for rows that were lost, and has all of them after the replay', () => {
    data.append('train', rows(0, 5));
    data.append('train', rows(10, 12));
    data.append('train', rows(12, 14));
    expect(asked).toBe(1);
    data.append('train', rows(0, 14));
    expect(Array.from(data.train.column('loss'))).toEqual(losses(14));
    data.append('train', rows(20, 22));
    expect(asked).toBe(2);
  });

  it('asks once when rows of both tables were lost', () => {
    data.append('train', rows(5, 6));
    data.append('eval', rows(1, 2));
    expect(asked).toBe(1);
  });

  it('comes to the same rows when messages change places', () => {
    data.append('train', rows(5, 10));
    data.append('train', rows(0, 5));
    data.append('train', rows(0, 10));
    data.append('train', rows(5, 10));
    expect(Array.from(data.train.column('loss'))).toEqual(losses(10));
  });

  it('is empty after a reset, and starts from the first row again', () => {
    data.append('train', rows(0, 5));
    data.append('eval', rows(0, 2));
    data.reset();
    expect([data.train.length, data.eval.length]).toEqual([0, 0]);
    data.append('train', rows(0, 3));
    expect(Array.from(data.train.column('loss'))).toEqual(losses(3));
  });

  it('refuses a buffer of the wrong size', () => {
    const torn = { ...rows(0, 4), values: new Float32Array(7) };
    expect(() => data.append('train', torn)).toThrow(RangeError);
    expect(data.train.length).toBe(0);
  });
});
