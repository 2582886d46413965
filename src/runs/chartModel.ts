import type { IChartRows } from '../chart/rowsModel';
import { RowsChartModel } from '../chart/rowsModel';
import type { TableName } from '../chart/series';
import type { RunEvent } from '../kernel/protocol';

/**
 * The loss chart of a run that is followed by its events.
 */
export class RunChartModel extends RowsChartModel {
  take(events: readonly RunEvent[]): void {
    const metrics = events.flatMap(event =>
      event.type === 'metrics' ? [event.payload] : []
    );
    const evaluations = events.flatMap(event =>
      event.type === 'evaluation' ? [event.payload] : []
    );
    this.append('train', columns(metrics, TRAIN_COLUMNS));
    this.append('eval', columns(evaluations, ['step', 'loss']));
  }
}

/** Of each row the columns, and the measures by their names. */
function columns<T extends { measures?: Record<string, number> }>(
  rows: readonly T[],
  names: readonly (keyof T & string)[]
): IChartRows[TableName] {
  const measures = rows.flatMap(row => Object.keys(row.measures ?? {}));
  return {
    ...Object.fromEntries(
      names.map(name => [name, rows.map(row => row[name] as number | null)])
    ),
    ...Object.fromEntries(
      [...new Set(measures)].map(name => [
        name,
        rows.map(row => row.measures?.[name] ?? null)
      ])
    )
  };
}

const TRAIN_COLUMNS = ['step', 'loss', 'learning_rate', 'grad_norm'] as const;
