import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

/**
 * Consecutive rows of a table.
 */
export interface IChunk {
  /** Index of the first row in the table. */
  start: number;
  /** Number of rows. */
  count: number;
  /** Names of the columns, in the order of `values`. */
  columns: readonly string[];
  /** Column-major, `columns.length * count` values; NaN where one is missing. */
  values: Float32Array;
}

/**
 * A table of float32 columns that only grows at its end; rows with other columns add these.
 */
export class Series {
  constructor(columns: readonly string[]) {
    this._columns = new Map(
      columns.map(name => [name, new Float32Array(FIRST_CAPACITY)])
    );
  }

  /** Number of rows. */
  get length(): number {
    return this._length;
  }

  /** The names of all columns. */
  get columns(): string[] {
    return [...this._columns.keys()];
  }

  /** The values of a column: a view, valid until the next append. All are missing of one that it does not have. */
  column(name: string): Float32Array {
    return (
      this._columns.get(name)?.subarray(0, this._length) ??
      new Float32Array(this._length).fill(NaN)
    );
  }

  /** The last value of a column that is not missing; NaN if there is none. */
  last(name: string): number {
    const values = this.column(name);
    let row = values.length - 1;
    while (row >= 0 && Number.isNaN(values[row])) {
      row--;
    }
    return row < 0 ? NaN : values[row];
  }

  /**
   * Append the rows of a chunk that are not held yet.
   *
   * @returns `gap`, with nothing appended, if rows before the chunk are missing; `known` if all rows were held.
   */
  append(chunk: IChunk): 'appended' | 'known' | 'gap' {
    if (chunk.start > this._length) {
      return 'gap';
    }
    const end = chunk.start + chunk.count;
    if (end <= this._length) {
      return 'known';
    }
    this._reserve(end);
    this._addColumns(chunk.columns);
    const skip = this._length - chunk.start;
    for (const [name, column] of this._columns) {
      const index = chunk.columns.indexOf(name);
      if (index < 0) {
        column.fill(NaN, this._length, end);
      } else {
        const first = index * chunk.count;
        column.set(
          chunk.values.subarray(first + skip, first + chunk.count),
          this._length
        );
      }
    }
    this._length = end;
    return 'appended';
  }

  clear(): void {
    this._length = 0;
  }

  private _addColumns(names: readonly string[]): void {
    for (const name of names) {
      if (!this._columns.has(name)) {
        const [capacity] = [...this._columns.values()].map(c => c.length);
        this._columns.set(name, new Float32Array(capacity).fill(NaN));
      }
    }
  }

  private _reserve(rows: number): void {
    for (const [name, column] of this._columns) {
      if (rows > column.length) {
        const larger = new Float32Array(Math.max(rows, 2 * column.length));
        larger.set(column.subarray(0, this._length));
        this._columns.set(name, larger);
      }
    }
  }

  private readonly _columns: Map<string, Float32Array>;
  private _length = 0;
}

/**
 * The two tables of a loss chart, put together from chunks in whatever order they come.
 */
export class ChartData {
  /** One row per logged step; beside these columns are the measures of the objective. */
  readonly train = new Series(['step', 'loss', 'learning_rate', 'grad_norm']);

  /** One row per evaluation, with measures as of training. */
  readonly eval = new Series(['step', 'loss']);

  /** Emitted when rows were added or removed. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Emitted when rows were lost on the way, once per loss. */
  get rowsMissing(): ISignal<this, void> {
    return this._rowsMissing;
  }

  /**
   * @throws RangeError if the chunk does not hold `columns.length * count` values.
   */
  append(table: TableName, chunk: IChunk): void {
    if (chunk.values.length !== chunk.columns.length * chunk.count) {
      throw new RangeError(
        `${chunk.values.length} values for ${chunk.columns.length} columns × ${chunk.count} rows`
      );
    }
    switch (this[table].append(chunk)) {
      case 'appended':
        this._incomplete.delete(table);
        this._changed.emit();
        break;
      case 'gap': {
        const asked = this._incomplete.size > 0;
        this._incomplete.add(table);
        if (!asked) {
          this._rowsMissing.emit();
        }
        break;
      }
    }
  }

  reset(): void {
    this.train.clear();
    this.eval.clear();
    this._incomplete.clear();
    this._changed.emit();
  }

  dispose(): void {
    Signal.clearData(this);
  }

  private readonly _incomplete = new Set<TableName>();
  private readonly _changed = new Signal<this, void>(this);
  private readonly _rowsMissing = new Signal<this, void>(this);
}

export type TableName = 'train' | 'eval';

const FIRST_CAPACITY = 256;
