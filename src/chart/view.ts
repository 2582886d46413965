import { DOMWidgetView } from '@jupyter-widgets/base';

import { LossChart } from './lossChart';
import type { LossChartModel } from './model';

/**
 * A loss chart in an output.
 */
export class LossChartView extends DOMWidgetView {
  declare model: LossChartModel;

  render(): void {
    super.render();
    this._chart = new LossChart({
      model: this.model,
      trans: this.model.services.trans,
      node: this.el
    });
  }

  remove(): any {
    this._chart?.dispose();
    return super.remove();
  }

  private _chart?: LossChart;
}
