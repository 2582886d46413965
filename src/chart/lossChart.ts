import type { TranslationBundle } from '@jupyterlab/translation';

import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { Config, Layout } from 'plotly.js-basic-dist-min';

import { ChartControls } from './controls';
import type { IChartSettings } from './figure';
import { layout, summary, traces } from './figure';
import type { ChartData } from './series';
import { observeTheme, readTheme } from './theme';

/**
 * What a loss chart shows.
 */
export interface ILossChartModel {
  readonly data: ChartData;
  readonly settings: IChartSettings;
  readonly settingsChanged: ISignal<ILossChartModel, void>;
  /** Take over a choice of the user. */
  choose(change: Partial<Pick<IChartSettings, 'logScale' | 'smoothing'>>): void;
}

/**
 * A chart of losses, learning rate and gradient norm that follows its model and the theme.
 */
export class LossChart implements IDisposable {
  constructor(options: LossChart.IOptions) {
    this._model = options.model;
    this._trans = options.trans;
    this.node = options.node ?? document.createElement('div');
    this.node.classList.add('jp-llmtune-chart');
    this._controls = new ChartControls({
      trans: this._trans,
      onChange: change => this._model.choose(change),
      onResetZoom: () => void this._resetZoom()
    });
    this._plot.className = 'jp-llmtune-chart-plot';
    this._plot.setAttribute('role', 'figure');
    this.node.append(this._controls.node, this._plot);

    this._model.data.changed.connect(this._onDataChanged, this);
    this._model.settingsChanged.connect(this._onSettingsChanged, this);
    this._theme = observeTheme(() => this._redraw());
    this._size = new ResizeObserver(() => this._redraw());
    this._size.observe(this._plot);
    this._onDataChanged();
    this._onSettingsChanged();
  }

  /** Its attributes `data-points` and `data-eval-points` count the rows that it has been given. */
  readonly node: HTMLElement;

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    if (this._isDisposed) {
      return;
    }
    this._isDisposed = true;
    this._size.disconnect();
    this._theme.disconnect();
    this._model.data.changed.disconnect(this._onDataChanged, this);
    this._model.settingsChanged.disconnect(this._onSettingsChanged, this);
    void this._plotly?.then(plotly => plotly.purge(this._plot));
    Signal.clearData(this);
  }

  private _onDataChanged(): void {
    const { data } = this._model;
    this.node.dataset.points = String(data.train.length);
    this.node.dataset.evalPoints = String(data.eval.length);
    this._plot.setAttribute('aria-label', summary(data, this._trans));
    this._redraw();
  }

  private _onSettingsChanged(): void {
    const { settings } = this._model;
    this._controls.update(settings);
    this._plot.style.height = `${settings.height}px`;
    this._redraw();
  }

  /** Draw soon; what changes during a draw is drawn by the next. */
  private _redraw(): void {
    this._stale = true;
    if (!this._isDrawing) {
      void this._drawWhileStale();
    }
  }

  private async _drawWhileStale(): Promise<void> {
    this._isDrawing = true;
    try {
      while (this._stale && !this._isDisposed) {
        this._stale = false;
        await this._draw();
        await new Promise(resolve => setTimeout(resolve, REDRAW_INTERVAL));
      }
    } finally {
      this._isDrawing = false;
    }
  }

  private async _draw(): Promise<void> {
    // A hidden chart has no width; its ResizeObserver calls again when it is shown.
    if (this._plot.clientWidth === 0) {
      return;
    }
    this._plotly ??= import('plotly.js-basic-dist-min').then(
      module => module.default
    );
    const plotly = await this._plotly;
    const width = this._plot.clientWidth;
    if (this._isDisposed || width === 0) {
      return;
    }
    const { data, settings } = this._model;
    const theme = readTheme(this.node);
    await plotly.react(
      this._plot,
      traces(data, settings, theme, this._trans),
      layout(data, width, settings, theme, this._trans),
      CONFIG
    );
  }

  private async _resetZoom(): Promise<void> {
    const plotly = await this._plotly;
    if (plotly && !this._isDisposed) {
      await plotly.relayout(this._plot, RESET_ZOOM);
    }
  }

  private readonly _model: ILossChartModel;
  private readonly _trans: TranslationBundle;
  private readonly _controls: ChartControls;
  private readonly _plot = document.createElement('div');
  private readonly _size: ResizeObserver;
  private readonly _theme: MutationObserver;
  private _plotly: Promise<typeof import('plotly.js-basic-dist-min')> | null =
    null;
  private _isDrawing = false;
  private _stale = false;
  private _isDisposed = false;
}

export namespace LossChart {
  export interface IOptions {
    model: ILossChartModel;
    trans: TranslationBundle;
    /** The element to fill; a new one by default. */
    node?: HTMLElement;
  }
}

/** In milliseconds: at most four redraws a second. */
const REDRAW_INTERVAL = 250;

// The types know such paths only for some axes.
const RESET_ZOOM = {
  'xaxis.autorange': true,
  'yaxis.autorange': true,
  'yaxis2.autorange': true,
  'yaxis3.autorange': true
} as Partial<Layout>;

// The buttons are named one by one: among plotly's own is one that sends the chart to a server.
const CONFIG: Partial<Config> = {
  displaylogo: false,
  modeBarButtons: [['toImage'], ['zoom2d', 'pan2d', 'zoomIn2d', 'zoomOut2d']]
};
