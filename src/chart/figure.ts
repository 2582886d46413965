import type { TranslationBundle } from '@jupyterlab/translation';

import type { Annotations, Data, Layout } from 'plotly.js-basic-dist-min';

import { curves, wordsOf } from './curves';
import { axis, frame, stepAxis, valueAxis } from './frame';
import type { IMeasureGroup } from './measures';
import type { ChartData } from './series';
import type { IChartTheme } from './theme';
import { LEARNING_RATE_FORMAT, measure } from './wording';

/**
 * What a user can choose about a chart.
 */
export interface IChartSettings {
  title: string;
  /** Whether the axis of the loss is logarithmic. */
  logScale: boolean;
  /** Weight of the past in the smoothed training loss, from 0 to 1. */
  smoothing: number;
  /** The group of measures that stands in the place of the loss; by default what says most. */
  show?: string;
  /** Of the plot, in pixels. */
  height: number;
}

/**
 * What a user chooses above a chart.
 */
export type ChartChoice = Pick<
  IChartSettings,
  'logScale' | 'smoothing' | 'show'
>;

/**
 * The traces of a chart: losses or measures above, learning rate and gradient norm below.
 */
export function traces(
  data: ChartData,
  group: IMeasureGroup,
  settings: IChartSettings,
  theme: IChartTheme,
  trans: TranslationBundle
): Data[] {
  const lower = {
    type: 'scatter',
    // One point alone makes no line.
    mode: data.train.length === 1 ? 'markers' : 'lines',
    x: data.train.column('step'),
    showlegend: false
  } as const;
  const rates = data.train.column('learning_rate');
  return [
    ...curves(data, group, settings.smoothing, theme, trans),
    {
      ...lower,
      y: rates,
      yaxis: 'y3',
      // Plotly would write a rate of 0 as 0e+0.
      hovertemplate: Array.from(rates, rate =>
        rate === 0 ? '0' : `%{y:${LEARNING_RATE_FORMAT}}`
      ),
      name: trans.__('Learning rate'),
      line: { color: theme.learningRate, width: 1.5 }
    },
    {
      ...lower,
      y: data.train.column('grad_norm'),
      yaxis: 'y2',
      name: trans.__('Gradient norm'),
      line: { color: theme.gradNorm, width: 1 },
      opacity: 0.6
    }
  ];
}

/**
 * The layout of a chart `width` pixels wide; without rows it says that it waits.
 */
export function layout(
  data: ChartData,
  group: IMeasureGroup,
  width: number,
  settings: IChartSettings,
  theme: IChartTheme,
  trans: TranslationBundle
): Partial<Layout> {
  const plain = axis(theme);
  const shared = frame({ width, height: settings.height }, theme);
  return {
    ...shared,
    // What is hidden of one group says nothing about another.
    legend: { ...shared.legend, uirevision: group.id },
    margin: { l: 48, r: 48, t: 28, b: 36 },
    annotations: [
      caption(0, 'left', trans.__('Learning rate'), theme.learningRate),
      caption(1, 'right', trans.__('Gradient norm'), theme.gradNorm),
      {
        text: trans.__('Waiting for the first step'),
        visible: data.train.length === 0,
        font: { color: theme.muted },
        showarrow: false,
        xref: 'paper',
        x: 0.5,
        yref: 'paper',
        y: 0.7
      }
    ],
    xaxis: { ...stepAxis([data], theme, trans), anchor: 'y2' },
    yaxis: {
      ...valueAxis([data], group, settings.logScale, theme),
      domain: [LOWER_TOP + 0.14, 1]
    },
    yaxis2: {
      ...plain,
      domain: [0, LOWER_TOP],
      side: 'right',
      nticks: 4,
      rangemode: 'tozero',
      showgrid: false
    },
    yaxis3: {
      ...plain,
      overlaying: 'y2',
      side: 'left',
      tickmode: 'auto',
      nticks: 4,
      rangemode: 'tozero',
      exponentformat: 'e',
      minexponent: 0
    }
  };
}

/** What a curve of the lower plot is, written above it on the side of its axis. */
function caption(
  x: number,
  side: 'left' | 'right',
  text: string,
  color: string
): Partial<Annotations> {
  return {
    text,
    font: { color },
    showarrow: false,
    xref: 'paper',
    x,
    xanchor: side,
    yref: 'paper',
    y: LOWER_TOP,
    yanchor: 'bottom'
  };
}

/**
 * One sentence that says in words what the chart shows last.
 */
export function summary(
  data: ChartData,
  group: IMeasureGroup,
  trans: TranslationBundle
): string {
  if (data.train.length === 0) {
    return trans.__('Loss chart: no steps yet.');
  }
  const step = data.train.last('step');
  if (group.id !== 'loss') {
    const values = group.names.flatMap(name => {
      const { train, evaluation } = wordsOf(name, trans);
      return [
        `${train} ${measure(data.train.last(name))}`,
        ...(Number.isNaN(data.eval.last(name))
          ? []
          : [`${evaluation} ${measure(data.eval.last(name))}`])
      ];
    });
    return trans.__('%1: step %2, %3.', group.title, step, values.join(', '));
  }
  const loss = measure(data.train.last('loss'));
  if (data.eval.length === 0) {
    return trans.__('Loss chart: step %1, training loss %2.', step, loss);
  }
  return trans.__(
    'Loss chart: step %1, training loss %2, evaluation loss %3.',
    step,
    loss,
    measure(data.eval.last('loss'))
  );
}

/** Where the lower plot ends, as a share of the height. */
const LOWER_TOP = 0.25;
