import type { TranslationBundle } from '@jupyterlab/translation';

import type { Data, PlotData } from 'plotly.js-basic-dist-min';

import type { IMeasureGroup } from './measures';
import type { ChartData } from './series';
import { smooth } from './smoothing';
import type { IChartTheme } from './theme';
import { MEASURE_FORMAT } from './wording';

/**
 * The traces of the loss, or of measures in its place: of each the training values, raw and smoothed, and those of
 * evaluation.
 *
 * @param smoothing - weight of the past, from 0 to 1.
 */
export function curves(
  data: ChartData,
  group: IMeasureGroup,
  smoothing: number,
  theme: IChartTheme,
  trans: TranslationBundle
): Data[] {
  const { names, spread } = group;
  const isAlone = names.length === 1;
  const drawn = names.flatMap((name, index) =>
    curve(data, name, {
      smoothing,
      // Of one measure training and evaluation differ in colour, as of the loss; of several only the measures do.
      color: isAlone ? theme.train : theme.measures[index],
      evalColor: isAlone ? theme.eval : theme.measures[index],
      spread: isAlone ? spread : undefined,
      trans
    })
  );
  const hasBand = spread && !Number.isNaN(data.train.last(spread));
  return hasBand
    ? [...band(data, names[0], spread, smoothing, theme.spread), ...drawn]
    : drawn;
}

interface ICurveLook {
  smoothing: number;
  color: string;
  evalColor: string;
  spread?: string;
  trans: TranslationBundle;
}

function curve(data: ChartData, name: string, look: ICurveLook): Data[] {
  const { smoothing, color, evalColor, spread, trans } = look;
  const isSmoothed = smoothing > 0;
  const values = data.train.column(name);
  const words = wordsOf(name, trans);
  const line = {
    type: 'scatter',
    // One point alone makes no line.
    mode: data.train.length === 1 ? 'markers' : 'lines',
    x: data.train.column('step')
  } as const;
  return [
    {
      ...line,
      y: values,
      name: isSmoothed ? words.raw : words.train,
      line: { color, width: isSmoothed ? 1 : 2 },
      opacity: isSmoothed ? 0.35 : 1,
      showlegend: !isSmoothed,
      ...(spread && hoverOf(data.train.column(spread)))
    },
    {
      ...line,
      y: smooth(values, smoothing),
      name: words.train,
      line: { color, width: 2 },
      visible: isSmoothed
    },
    {
      x: data.eval.column('step'),
      y: data.eval.column(name),
      type: 'scatter',
      mode: 'lines+markers',
      name: words.evaluation,
      line: {
        color: evalColor,
        width: 2,
        dash: color === evalColor ? 'dash' : 'solid'
      },
      marker: { color: evalColor, size: 7, symbol: 'diamond' },
      showlegend: !Number.isNaN(data.eval.last(name))
    }
  ];
}

/** What lies within a deviation of the smoothed values. */
function band(
  data: ChartData,
  name: string,
  spread: string,
  smoothing: number,
  color: string
): Data[] {
  const mean = smooth(data.train.column(name), smoothing);
  const deviation = smooth(data.train.column(spread), smoothing);
  const edge = {
    type: 'scatter',
    mode: 'lines',
    x: data.train.column('step'),
    line: { color, width: 0 },
    hoverinfo: 'skip'
  } as const;
  return [
    {
      ...edge,
      y: mean.map((value, row) => value - deviation[row]),
      showlegend: false
    },
    {
      ...edge,
      y: mean.map((value, row) => value + deviation[row]),
      name: `± ${spread}`,
      fill: 'tonexty',
      fillcolor: color
    }
  ];
}

/** A value and its deviation. */
function hoverOf(
  deviation: Float32Array
): Pick<PlotData, 'customdata' | 'hovertemplate'> {
  return {
    customdata: Array.from(deviation),
    hovertemplate: Array.from(deviation, value =>
      Number.isNaN(value)
        ? `%{y:${MEASURE_FORMAT}}`
        : `%{y:${MEASURE_FORMAT}} ± %{customdata:${MEASURE_FORMAT}}`
    )
  };
}

/**
 * What the values of the loss or of a measure are called.
 */
export function wordsOf(
  name: string,
  trans: TranslationBundle
): { raw: string; train: string; evaluation: string } {
  return name === 'loss'
    ? {
        raw: trans.__('Training loss, raw'),
        train: trans.__('Training loss'),
        evaluation: trans.__('Evaluation loss')
      }
    : {
        raw: trans.__('%1, raw', name),
        train: name,
        evaluation: trans.__('%1, evaluation', name)
      };
}
