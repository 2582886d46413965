import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { ChartChoice, IChartSettings } from './figure';
import type { ILossChartModel } from './lossChart';
import type { TableName } from './series';
import { ChartData } from './series';

/**
 * The rows of a chart, a list a column; null where a value is missing.
 */
export interface IChartRows {
  train: Record<string, (number | null)[]>;
  eval: Record<string, (number | null)[]>;
}

/**
 * A loss chart whose rows come as lists, and whose settings are its own.
 */
export class RowsChartModel implements ILossChartModel {
  constructor(settings: ChartChoice & { title?: string }) {
    this._settings = { title: '', height: 320, ...settings };
  }

  readonly data = new ChartData();

  get settings(): IChartSettings {
    return this._settings;
  }

  get settingsChanged(): ISignal<this, void> {
    return this._settingsChanged;
  }

  choose(change: Partial<ChartChoice>): void {
    this._settings = { ...this._settings, ...change };
    this._settingsChanged.emit();
  }

  /** Begin anew with these rows. */
  load(rows: IChartRows): void {
    this.data.reset();
    this.append('train', rows.train);
    this.append('eval', rows.eval);
  }

  append(table: TableName, rows: IChartRows[TableName]): void {
    const columns = Object.keys(rows);
    const count = rows.step?.length ?? 0;
    if (count > 0) {
      const values = columns.flatMap(name => rows[name].map(v => v ?? NaN));
      this.data.append(table, {
        start: this.data[table].length,
        count,
        columns,
        values: Float32Array.from(values)
      });
    }
  }

  dispose(): void {
    this.data.dispose();
    Signal.clearData(this);
  }

  private _settings: IChartSettings;
  private readonly _settingsChanged = new Signal<this, void>(this);
}
