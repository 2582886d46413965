import type { TranslationBundle } from '@jupyterlab/translation';

import type { IDisposable } from '@lumino/disposable';
import { Signal } from '@lumino/signaling';

import type { Dash, Data } from 'plotly.js-basic-dist-min';

import { ChartControls } from '../chart/controls';
import type { ChartChoice } from '../chart/figure';
import { frame, stepAxis, valueAxis } from '../chart/frame';
import type { IMeasureGroup } from '../chart/measures';
import { measureNames, shownName } from '../chart/measures';
import type { IFigure } from '../chart/plot';
import { Plot } from '../chart/plot';
import type { ChartData } from '../chart/series';
import { smooth } from '../chart/smoothing';
import { readTheme } from '../chart/theme';
import { measure } from '../chart/wording';

/**
 * The losses and measures of a run among those of others.
 */
export interface ICurve {
  name: string;
  data: ChartData;
}

/**
 * Curves of the loss, or of one measure, of several runs in one plot: a colour a run, training smoothed, evaluation dashed.
 */
export class OverlayChart implements IDisposable {
  constructor(node: HTMLElement, options: OverlayChart.IOptions) {
    const { curves, onChange, trans } = options;
    this._options = options;
    this._settings = options.settings;
    this._plot = new Plot(width => this._figure(width), trans);
    this._controls = new ChartControls({
      trans,
      onChange,
      onResetZoom: () => void this._plot.resetZoom()
    });
    this._plot.node.style.height = `${HEIGHT}px`;
    node.replaceChildren(this._controls.node, this._plot.node);
    for (const { data } of curves) {
      data.changed.connect(this._update, this);
    }
    this._update();
  }

  set settings(settings: ChartChoice) {
    this._settings = settings;
    this._update();
  }

  get isDisposed(): boolean {
    return this._plot.isDisposed;
  }

  dispose(): void {
    this._plot.dispose();
    Signal.clearData(this);
  }

  private _update(): void {
    const { curves, trans } = this._options;
    const names = measureNames(curves.map(({ data }) => data));
    const choices = names.map(name => choiceOf(name, trans));
    this._shown = shownName(names, this._settings.show);
    this._controls.update(
      { title: '', ...this._settings },
      choices,
      this._shown
    );
    const words = inWords(curves, this._shown, trans);
    this._plot.node.setAttribute('aria-label', words);
    this._plot.redraw();
  }

  private _figure(width: number): IFigure {
    const { curves, trans } = this._options;
    const { node } = this._plot;
    const style = getComputedStyle(node);
    const colors = curves.map((_, index) =>
      style.getPropertyValue(colorOf(index)).trim()
    );
    const { logScale, smoothing } = this._settings;
    const datas = curves.map(({ data }) => data);
    const shown = this._shown;
    const theme = readTheme(node);
    return {
      traces: overlayTraces(curves, shown, colors, smoothing, trans),
      layout: {
        ...frame({ width, height: HEIGHT }, theme),
        showlegend: true,
        xaxis: stepAxis(datas, theme, trans),
        yaxis: valueAxis(datas, choiceOf(shown, trans), logScale, theme)
      }
    };
  }

  private readonly _options: OverlayChart.IOptions;
  private readonly _controls: ChartControls;
  private readonly _plot: Plot;
  private _settings: ChartChoice;
  private _shown = 'loss';
}

export namespace OverlayChart {
  export interface IOptions {
    curves: readonly ICurve[];
    settings: ChartChoice;
    trans: TranslationBundle;
    /** The user chose something else above the plot. */
    onChange: (change: Partial<ChartChoice>) => void;
  }
}

/**
 * The CSS variable with the colour of a run, by its place among those compared.
 */
export function colorOf(index: number): string {
  return `--jp-llmtune-run-${index % COLORS}-color`;
}

/** By its name: of runs with other objectives only some may have it. */
function choiceOf(
  name: string,
  trans: TranslationBundle
): Pick<IMeasureGroup, 'id' | 'title'> {
  return { id: name, title: name === 'loss' ? trans.__('Loss') : name };
}

/**
 * Two traces a run; the legend shows and hides them together.
 *
 * @param measured - which column they show: the loss or a measure.
 */
export function overlayTraces(
  curves: readonly ICurve[],
  measured: string,
  colors: readonly string[],
  smoothing: number,
  trans: TranslationBundle
): Data[] {
  return curves.flatMap(({ name, data }, index): Data[] => [
    {
      x: data.train.column('step'),
      y: smooth(data.train.column(measured), smoothing),
      type: 'scatter',
      // One point alone makes no line.
      mode: data.train.length === 1 ? 'markers' : 'lines',
      // Plotly would take `<b>` in a name for markup.
      name: name.replace(/</g, '‹'),
      legendgroup: name,
      line: { color: colors[index], width: 2, dash: dashOf('train', index) }
    },
    {
      x: data.eval.column('step'),
      y: data.eval.column(measured),
      type: 'scatter',
      mode: 'lines+markers',
      name: trans.__('%1, evaluation', name.replace(/</g, '‹')),
      legendgroup: name,
      showlegend: false,
      line: { color: colors[index], width: 2, dash: dashOf('eval', index) },
      marker: { color: colors[index], size: 6, symbol: 'diamond' }
    }
  ]);
}

/** Another where the colours begin anew. */
function dashOf(curve: keyof typeof DASHES, index: number): Dash {
  const dashes = DASHES[curve];
  return dashes[Math.floor(index / COLORS) % dashes.length];
}

/** What the chart shows last, for those who do not see it. */
function inWords(
  curves: readonly ICurve[],
  measured: string,
  trans: TranslationBundle
): string {
  const values = curves.map(({ name, data }) => {
    return `${name} ${measure(data.train.last(measured))}`;
  });
  return measured === 'loss'
    ? trans.__('Training losses: %1', values.join(', '))
    : `${measured}: ${values.join(', ')}`;
}

/** In pixels. */
const HEIGHT = 360;

/** How many colours there are in style/run.css. */
const COLORS = 8;

const DASHES = {
  train: ['solid', 'dot', 'longdash'],
  eval: ['dash', 'dashdot', 'longdashdot']
} as const;
