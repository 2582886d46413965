import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { ReadonlyPartialJSONValue } from '@lumino/coreutils';
import { Widget } from '@lumino/widgets';

import type { ChartChoice } from './figure';
import type { LossChart } from './lossChart';
import type { IChartRows, RowsChartModel } from './rowsModel';

/**
 * Draws the chart of a run that is over, from the rows that its output keeps.
 */
export class RenderedLossChart extends Widget implements IRenderMime.IRenderer {
  constructor(private readonly _options: RenderedLossChart.IOptions) {
    super();
    this.addClass('jp-llmtune-chart-rendered');
  }

  async renderModel({ data }: IRenderMime.IMimeModel): Promise<void> {
    const content = data[CHART_TYPE] as ReadonlyPartialJSONValue;
    const chart = content as unknown as IChartContent;
    const { LossChart, RowsChartModel } = await import('./index');
    if (this.isDisposed) {
      return;
    }
    if (!this._model) {
      const { defaults, trans } = this._options;
      const model = new RowsChartModel({
        title: chart.title,
        logScale: chart.log_scale ?? defaults.logScale,
        smoothing: chart.smoothing ?? defaults.smoothing,
        show: chart.show
      });
      this._model = model;
      this._chart = new LossChart({ model, trans });
      this.node.append(this._chart.node);
    }
    this._model.load(chart);
  }

  dispose(): void {
    if (!this.isDisposed) {
      this._chart?.dispose();
      this._model?.dispose();
      super.dispose();
    }
  }

  private _model?: RowsChartModel;
  private _chart?: LossChart;
}

export namespace RenderedLossChart {
  export interface IOptions {
    defaults: ChartChoice;
    trans: TranslationBundle;
  }
}

/**
 * What the kernel half puts into the output of a run.
 */
interface IChartContent extends IChartRows {
  title: string;
  /** What the user chose above the live chart. */
  log_scale?: boolean;
  smoothing?: number;
  show?: string;
}

export const CHART_TYPE = 'application/vnd.llmtune.chart+json';
