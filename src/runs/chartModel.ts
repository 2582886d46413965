import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { ChartChoice, IChartSettings } from '../chart/figure';
import type { ILossChartModel } from '../chart/lossChart';
import type { TableName } from '../chart/series';
import { ChartData } from '../chart/series';
import type { IRunView, RunEvent } from '../kernel/protocol';

/**
 * The loss chart of a run that is followed by its events.
 */
export class RunChartModel implements ILossChartModel {
  constructor(defaults: ChartChoice) {
    this._settings = { title: '', height: 320, ...defaults };
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

  /** Begin with the rows of a view. */
  load(view: Pick<IRunView, 'train' | 'eval'>): void {
    this.data.reset();
    this._append('train', view.train);
    this._append('eval', view.eval);
  }

  take(events: readonly RunEvent[]): void {
    const metrics = events.flatMap(event =>
      event.type === 'metrics' ? [event.payload] : []
    );
    const evaluations = events.flatMap(event =>
      event.type === 'evaluation' ? [event.payload] : []
    );
    this._append('train', {
      step: metrics.map(({ step }) => step),
      loss: metrics.map(({ loss }) => loss),
      learning_rate: metrics.map(({ learning_rate }) => learning_rate),
      grad_norm: metrics.map(({ grad_norm }) => grad_norm)
    });
    this._append('eval', {
      step: evaluations.map(({ step }) => step),
      loss: evaluations.map(({ loss }) => loss)
    });
  }

  dispose(): void {
    this.data.dispose();
    Signal.clearData(this);
  }

  private _append(table: TableName, rows: IRunView['train']): void {
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

  private _settings: IChartSettings;
  private readonly _settingsChanged = new Signal<this, void>(this);
}
