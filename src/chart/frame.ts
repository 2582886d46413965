import type { TranslationBundle } from '@jupyterlab/translation';

import type { Layout, LayoutAxis } from 'plotly.js-basic-dist-min';

import type { IMeasureGroup } from './measures';
import type { ChartData } from './series';
import type { IChartTheme } from './theme';
import { MEASURE_FORMAT } from './wording';

/**
 * What the layouts of all plots of losses have in common; what the user zoomed is kept.
 *
 * @param size - in pixels.
 */
export function frame(
  size: { width: number; height: number },
  theme: IChartTheme
): Partial<Layout> {
  return {
    ...size,
    margin: { l: 48, r: 16, t: 28, b: 36 },
    font: { color: theme.text, family: theme.font, size: theme.fontSize },
    paper_bgcolor: TRANSPARENT,
    plot_bgcolor: TRANSPARENT,
    hoverlabel: {
      bgcolor: theme.background,
      font: { color: theme.text },
      namelength: -1
    },
    hovermode: 'x unified',
    hoversubplots: 'axis',
    legend: {
      orientation: 'h',
      x: 0,
      xanchor: 'left',
      y: 1,
      yanchor: 'bottom',
      // Left to itself, plotly reverses it where something is filled.
      traceorder: 'normal'
    },
    modebar: {
      bgcolor: TRANSPARENT,
      color: theme.muted,
      activecolor: theme.text
    },
    uirevision: 'user'
  };
}

export function axis(theme: IChartTheme): Partial<LayoutAxis> {
  return {
    gridcolor: theme.grid,
    linecolor: theme.grid,
    zeroline: false,
    automargin: true,
    hoverformat: MEASURE_FORMAT
  };
}

/**
 * The axis of steps, of which there are whole ones only and none below 0.
 */
export function stepAxis(
  curves: readonly ChartData[],
  theme: IChartTheme,
  trans: TranslationBundle
): Partial<LayoutAxis> {
  const steps = curves.flatMap(({ train, eval: evaluated }) => [
    ...train.column('step').subarray(0, 1),
    ...train.column('step').subarray(-1),
    ...evaluated.column('step').subarray(-1)
  ]);
  const span = Math.max(...steps) - Math.min(...steps);
  return {
    ...axis(theme),
    title: { text: trans.__('Step'), standoff: 4 },
    rangemode: 'nonnegative',
    hoverformat: ',d',
    ...hoverTitle(trans),
    // Left to itself, plotly sets half steps between a few.
    ...(span <= FEW_STEPS ? { tick0: 0, dtick: 1 } : {})
  };
}

/** What stands above the values of a step; the types do not know it yet. */
function hoverTitle(trans: TranslationBundle): Partial<LayoutAxis> {
  return {
    unifiedhovertitle: { text: `${trans.__('Step')} %{x}` }
  } as Partial<LayoutAxis>;
}

/**
 * The axis of losses or of measures; without any it begins at 0. Other measures or another scale undo the zoom.
 *
 * @param isLog - whether that of losses is logarithmic; measures may be negative.
 */
export function valueAxis(
  curves: readonly ChartData[],
  { id, title }: Pick<IMeasureGroup, 'id' | 'title'>,
  isLog: boolean,
  theme: IChartTheme
): Partial<LayoutAxis> {
  const type = isLog && id === 'loss' ? 'log' : 'linear';
  const isEmpty = curves.every(({ train }) => train.length === 0);
  return {
    ...axis(theme),
    title: { text: title, standoff: 4 },
    rangemode: isEmpty ? 'nonnegative' : 'normal',
    type,
    uirevision: `${id} ${type}`
  };
}

/** So many have each a tick of its own. */
const FEW_STEPS = 8;

const TRANSPARENT = 'rgba(0, 0, 0, 0)';
