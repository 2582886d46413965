import { RowsChartModel } from '../chart/rowsModel';
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
    this.append('train', {
      step: metrics.map(({ step }) => step),
      loss: metrics.map(({ loss }) => loss),
      learning_rate: metrics.map(({ learning_rate }) => learning_rate),
      grad_norm: metrics.map(({ grad_norm }) => grad_norm)
    });
    this.append('eval', {
      step: evaluations.map(({ step }) => step),
      loss: evaluations.map(({ loss }) => loss)
    });
  }
}
