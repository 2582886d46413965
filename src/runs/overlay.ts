import type { TranslationBundle } from '@jupyterlab/translation';

import type { IDisposable } from '@lumino/disposable';

import type {
  Config,
  Data,
  Layout,
  LayoutAxis
} from 'plotly.js-basic-dist-min';

import type { ChartData } from '../chart/series';
import { smooth } from '../chart/smoothing';
import type { IChartTheme } from '../chart/theme';
import { observeTheme, readTheme } from '../chart/theme';
import { Coalescer } from './coalescer';

/**
 * The losses of a run among those of others.
 */
export interface ICurve {
  name: string;
  data: ChartData;
}

/**
 * Loss curves of several runs in one plot: a colour a run, training smoothed, evaluation dashed.
 */
export class OverlayChart implements IDisposable {
  constructor(node: HTMLElement, options: OverlayChart.IOptions) {
    this._node = node;
    this._options = options;
    // No image: the buttons of plotly are in it.
    node.setAttribute('role', 'figure');
    node.style.height = `${HEIGHT}px`;
    for (const { data } of options.curves) {
      data.changed.connect(this.update, this);
    }
    this._theme = observeTheme(() => this.update());
    this._size = new ResizeObserver(() => this.update());
    this._size.observe(node);
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  update(): void {
    this._redraw.touch();
  }

  dispose(): void {
    if (this._isDisposed) {
      return;
    }
    this._isDisposed = true;
    this._redraw.dispose();
    this._theme.disconnect();
    this._size.disconnect();
    for (const { data } of this._options.curves) {
      data.changed.disconnect(this.update, this);
    }
    void this._plotly?.then(plotly => plotly.purge(this._node));
  }

  private async _draw(): Promise<void> {
    const { curves, smoothing, trans } = this._options;
    this._node.setAttribute('aria-label', inWords(curves, trans));
    // A hidden chart has no width; its ResizeObserver calls again when it is shown.
    if (this._node.clientWidth === 0) {
      return;
    }
    this._plotly ??= import('plotly.js-basic-dist-min').then(
      module => module.default
    );
    const plotly = await this._plotly;
    const width = this._node.clientWidth;
    if (this._isDisposed || width === 0) {
      return;
    }
    const style = getComputedStyle(this._node);
    const colors = curves.map((_, index) =>
      style.getPropertyValue(colorOf(index)).trim()
    );
    await plotly.react(
      this._node,
      overlayTraces(curves, colors, smoothing, trans),
      overlayLayout(width, readTheme(this._node), trans),
      CONFIG
    );
  }

  private readonly _node: HTMLElement;
  private readonly _options: OverlayChart.IOptions;
  private readonly _redraw = new Coalescer(() => void this._draw());
  private readonly _theme: MutationObserver;
  private readonly _size: ResizeObserver;
  private _plotly: Promise<typeof import('plotly.js-basic-dist-min')> | null =
    null;
  private _isDisposed = false;
}

export namespace OverlayChart {
  export interface IOptions {
    curves: readonly ICurve[];
    /** Weight of the past in the training loss, from 0 to 1. */
    smoothing: number;
    trans: TranslationBundle;
  }
}

/**
 * The CSS variable with the colour of a run, by its place among those compared.
 */
export function colorOf(index: number): string {
  return `--jp-llmtune-run-${index % COLORS}-color`;
}

/**
 * Two traces a run; the legend shows and hides them together.
 */
export function overlayTraces(
  curves: readonly ICurve[],
  colors: readonly string[],
  smoothing: number,
  trans: TranslationBundle
): Data[] {
  return curves.flatMap(({ name, data }, index): Data[] => [
    {
      x: data.train.column('step'),
      y: smooth(data.train.column('loss'), smoothing),
      type: 'scatter',
      // One point alone makes no line.
      mode: data.train.length === 1 ? 'markers' : 'lines',
      // Plotly would take `<b>` in a name for markup.
      name: name.replace(/</g, '‹'),
      legendgroup: name,
      line: { color: colors[index], width: 2 }
    },
    {
      x: data.eval.column('step'),
      y: data.eval.column('loss'),
      type: 'scatter',
      mode: 'lines+markers',
      name: trans.__('%1, evaluation', name.replace(/</g, '‹')),
      legendgroup: name,
      showlegend: false,
      line: { color: colors[index], width: 2, dash: 'dash' },
      marker: { color: colors[index], size: 6, symbol: 'diamond' }
    }
  ]);
}

function overlayLayout(
  width: number,
  theme: IChartTheme,
  trans: TranslationBundle
): Partial<Layout> {
  const axis: Partial<LayoutAxis> = {
    gridcolor: theme.grid,
    linecolor: theme.grid,
    zeroline: false,
    automargin: true
  };
  return {
    width,
    height: HEIGHT,
    margin: { l: 48, r: 16, t: 28, b: 36 },
    font: { color: theme.text, family: theme.font, size: theme.fontSize },
    paper_bgcolor: TRANSPARENT,
    plot_bgcolor: TRANSPARENT,
    hoverlabel: { bgcolor: theme.background, font: { color: theme.text } },
    hovermode: 'x unified',
    showlegend: true,
    legend: {
      orientation: 'h',
      x: 0,
      xanchor: 'left',
      y: 1,
      yanchor: 'bottom'
    },
    modebar: {
      bgcolor: TRANSPARENT,
      color: theme.muted,
      activecolor: theme.text
    },
    uirevision: 'user',
    xaxis: { ...axis, title: { text: trans.__('Step'), standoff: 4 } },
    yaxis: { ...axis, title: { text: trans.__('Loss'), standoff: 4 } }
  };
}

/** What the chart shows last, for those who do not see it. */
function inWords(curves: readonly ICurve[], trans: TranslationBundle): string {
  const losses = curves.map(({ name, data }) => {
    const loss = data.train.last('loss');
    return `${name} ${Number.isFinite(loss) ? loss.toPrecision(4) : '–'}`;
  });
  return trans.__('Training losses: %1', losses.join(', '));
}

/** In pixels. */
const HEIGHT = 360;

/** How many colours there are in style/run.css. */
const COLORS = 8;

const TRANSPARENT = 'rgba(0, 0, 0, 0)';

// Named one by one: among plotly's own buttons is one that sends the chart to a server.
const CONFIG: Partial<Config> = {
  displaylogo: false,
  modeBarButtons: [
    ['toImage'],
    ['zoom2d', 'pan2d', 'zoomIn2d', 'zoomOut2d', 'resetScale2d']
  ]
};
