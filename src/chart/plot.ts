import type { TranslationBundle } from '@jupyterlab/translation';

import type { IDisposable } from '@lumino/disposable';

import type { Config, Data, Layout } from 'plotly.js-basic-dist-min';

import { separators } from '../numbers';
import { observeTheme } from './theme';

/**
 * What plotly draws.
 */
export interface IFigure {
  traces: Data[];
  layout: Partial<Layout>;
}

/**
 * A plot that is drawn anew when it is told to, when the theme is another, and when it gets another width.
 *
 * Plotly is loaded when the first plot shows.
 */
export class Plot implements IDisposable {
  /**
   * @param figure - makes what a plot of `width` pixels shows.
   * @param trans - for the buttons of plotly.
   */
  constructor(
    private readonly _figure: (width: number) => IFigure,
    trans: TranslationBundle
  ) {
    this._config = configOf(trans);
    this.node.className = 'jp-llmtune-chart-plot';
    // No image: the buttons of plotly are in it.
    this.node.setAttribute('role', 'figure');
    this._theme = observeTheme(() => this.redraw());
    this._size = new ResizeObserver(() => this.redraw());
    this._size.observe(this.node);
  }

  readonly node = document.createElement('div');

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    if (!this._isDisposed) {
      this._isDisposed = true;
      this._size.disconnect();
      this._theme.disconnect();
      void this._plotly?.then(plotly => plotly.purge(this.node));
    }
  }

  /** Draw soon; what changes during a draw is drawn by the next. */
  redraw(): void {
    this._isStale = true;
    if (!this._isDrawing) {
      void this._drawWhileStale();
    }
  }

  async resetZoom(): Promise<void> {
    const plotly = await this._plotly;
    if (plotly && !this._isDisposed) {
      await plotly.relayout(this.node, RESET_ZOOM);
    }
  }

  private async _drawWhileStale(): Promise<void> {
    this._isDrawing = true;
    try {
      while (this._isStale && !this._isDisposed) {
        this._isStale = false;
        await this._draw();
        await new Promise(resolve => setTimeout(resolve, REDRAW_INTERVAL));
      }
    } finally {
      this._isDrawing = false;
    }
  }

  private async _draw(): Promise<void> {
    // A hidden plot has no width; its ResizeObserver calls again when it is shown.
    if (this.node.clientWidth === 0) {
      return;
    }
    this._plotly ??= import('plotly.js-basic-dist-min').then(
      module => module.default
    );
    const plotly = await this._plotly;
    const width = this.node.clientWidth;
    if (this._isDisposed || width === 0) {
      return;
    }
    const { traces, layout } = this._figure(width);
    await plotly.react(this.node, traces, layout, this._config);
  }

  private readonly _config: Partial<Config>;
  private readonly _size: ResizeObserver;
  private readonly _theme: MutationObserver;
  private _plotly: Promise<typeof import('plotly.js-basic-dist-min')> | null =
    null;
  private _isDrawing = false;
  private _isStale = false;
  private _isDisposed = false;
}

/** In milliseconds: at most four redraws a second. */
const REDRAW_INTERVAL = 250;

// The types know such paths only for some axes; those that a plot does not have are ignored.
const RESET_ZOOM = {
  'xaxis.autorange': true,
  'yaxis.autorange': true,
  'yaxis2.autorange': true,
  'yaxis3.autorange': true
} as Partial<Layout>;

// The buttons are named one by one: among plotly's own is one that sends the chart to a server.
function configOf(trans: TranslationBundle): Partial<Config> {
  const dictionary = {
    'Download plot as a PNG': trans.__('Download plot as a PNG'),
    Zoom: trans.__('Zoom'),
    Pan: trans.__('Pan'),
    'Zoom in': trans.__('Zoom in'),
    'Zoom out': trans.__('Zoom out')
  };
  return {
    displaylogo: false,
    modeBarButtons: [['toImage'], ['zoom2d', 'pan2d', 'zoomIn2d', 'zoomOut2d']],
    locale: LOCALE,
    locales: { [LOCALE]: { dictionary, format: separators() } }
  };
}

/** What plotly calls the language of the page. */
const LOCALE = 'page';
