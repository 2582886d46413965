import type { ExportMap } from '@jupyter-widgets/base';

import type { IChartServices } from './model';
import { LossChartModel } from './model';
import { LossChartView } from './view';

export { LossChart } from './lossChart';
export { RowsChartModel } from './rowsModel';

/**
 * The widget classes, bound to the services of an application.
 */
export function chartWidgets(services: IChartServices): ExportMap {
  class BoundLossChartModel extends LossChartModel {
    get services(): IChartServices {
      return services;
    }
  }
  return { LossChartModel: BoundLossChartModel, LossChartView };
}
