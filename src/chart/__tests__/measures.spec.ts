import { nullTranslator } from '@jupyterlab/translation';

import * as fs from 'fs';
import * as path from 'path';

import { RunChartModel } from '../../runs/chartModel';
import { overlayTraces } from '../../runs/overlay';
import { watched } from '../../runs/watched';
import { ChartControls } from '../controls';
import { curves } from '../curves';
import { summary } from '../figure';
import { measureGroups, measureNames, shownName } from '../measures';
import { RowsChartModel } from '../rowsModel';
import type { ChartData } from '../series';
import type { IChartTheme } from '../theme';

const trans = nullTranslator.load('');
const theme = {
  train: 'blue',
  eval: 'orange',
  measures: ['first', 'second', 'third']
} as unknown as IChartTheme;

/** Two logged steps and an evaluation, each with these measures. */
function dataOf(train: string[], evaluated: string[] = []): ChartData {
  const model = new RowsChartModel({ logScale: false, smoothing: 0 });
  const columns = (names: string[], values: number[]) =>
    Object.fromEntries(names.map(name => [name, values]));
  model.load({
    train: columns(['step', 'loss', ...train], [1, 2]),
    eval: columns(['step', 'loss', ...evaluated], [2])
  });
  return model.data;
}

const DPO = [
  'rewards/chosen',
  'rewards/rejected',
  'rewards/accuracies',
  'rewards/margins'
];

interface IShared {
  groups: { title: string; names: string[]; spread?: string }[];
  watched: { measures: string[]; names: string[] }[];
}

/** What the notebook draws and watches is the same, by a test of the kernel. */
const shared: IShared = JSON.parse(
  fs.readFileSync(
    path.resolve(__dirname, '../../../tests/notebook/measures.json'),
    'utf-8'
  )
);

describe('The page and the notebook', () => {
  it('draw the same measures together', () => {
    const names = shared.groups.flatMap(group => group.names).slice(1);
    const found = measureGroups(dataOf([], names.reverse()), trans);
    expect(found).toEqual(
      shared.groups.map(group => ({ id: group.names[0], ...group }))
    );
  });

  it.each(shared.watched)('watch the same of $measures', one => {
    const measures = Object.fromEntries(one.measures.map(name => [name, 1]));
    const found = watched(measures, trans);
    expect(found.map(({ name }) => name)).toEqual(one.names);
  });
});

describe('What a chart can show', () => {
  it('is the loss alone where nothing else is measured', () => {
    const groups = measureGroups(dataOf([]), trans);
    expect(groups.map(({ id }) => id)).toEqual(['loss']);
  });

  it('has measures together that belong together, and those that nobody foresaw by their names', () => {
    const groups = measureGroups(dataOf([...DPO, 'novelty'], DPO), trans);
    expect(groups.map(({ title, names }) => [title, ...names])).toEqual([
      ['Loss', 'loss'],
      ['Rewards', 'rewards/chosen', 'rewards/rejected'],
      ['Accuracy', 'rewards/accuracies'],
      ['Margin', 'rewards/margins'],
      ['novelty', 'novelty']
    ]);
  });

  it('is the same group whichever of its measures come first', () => {
    const [, first] = measureGroups(dataOf(['rewards/rejected']), trans);
    const [, later] = measureGroups(dataOf(DPO), trans);
    expect(first.id).toBe(later.id);
  });

  it('is the loss at first, or the reward where there is one, until the user chooses', () => {
    expect(shownName(['loss', ...DPO], undefined)).toBe('loss');
    expect(shownName(['loss', 'reward', 'kl'], undefined)).toBe('reward');
    expect(shownName(['loss', 'reward', 'kl'], 'loss')).toBe('loss');
    expect(shownName(['loss', 'kl'], 'reward')).toBe('loss');
  });

  it('is of several runs whatever one of them measures', () => {
    expect(measureNames([dataOf([]), dataOf(['kl'], ['reward'])])).toEqual([
      'loss',
      'kl',
      'reward'
    ]);
  });
});

describe('The control', () => {
  const onChange = jest.fn();
  const controls = new ChartControls({
    trans,
    onChange,
    onResetZoom: jest.fn()
  });
  const settings = { title: '', logScale: false, smoothing: 0 };
  const select = controls.node.querySelector('select')!;
  const logScale = controls.node.querySelector<HTMLInputElement>(
    'input[type=checkbox]'
  )!;

  it('stands only where there is something to choose', () => {
    controls.update(settings, measureGroups(dataOf([]), trans), 'loss');
    expect(select.closest('label')!.hidden).toBe(true);
    controls.update(settings, measureGroups(dataOf(DPO), trans), 'loss');
    expect(select.closest('label')!.hidden).toBe(false);
    expect(select.getAttribute('aria-label')).toBe('Show');
  });

  it('passes the choice on, and leaves an open list alone while rows come', () => {
    const groups = measureGroups(dataOf(DPO), trans);
    controls.update(settings, groups, 'loss');
    const [option] = select.options;
    controls.update(settings, measureGroups(dataOf(DPO), trans), 'loss');
    expect(select.options[0]).toBe(option);
    select.value = 'rewards/margins';
    select.dispatchEvent(new Event('change'));
    expect(onChange).toHaveBeenCalledWith({ show: 'rewards/margins' });
  });

  it('has no log scale for measures, which may be negative', () => {
    const groups = measureGroups(dataOf(DPO), trans);
    controls.update(settings, groups, 'rewards/margins');
    expect(logScale.disabled).toBe(true);
    controls.update(settings, groups, 'loss');
    expect(logScale.disabled).toBe(false);
  });
});

describe('The curves of measures', () => {
  const group = (data: ChartData, id: string) =>
    measureGroups(data, trans).find(group => group.id === id)!;
  const drawn = (data: ChartData, id: string, smoothing = 0) =>
    curves(data, group(data, id), smoothing, theme, trans) as any[];

  it('are told apart by colour, training and evaluation by dashes', () => {
    const traces = drawn(dataOf(DPO, DPO), 'rewards/chosen').filter(
      ({ visible, showlegend }) => visible !== false && showlegend
    );
    expect(
      traces.map(({ name, line }) => [name, line.color, line.dash])
    ).toEqual([
      ['rewards/chosen', 'first', undefined],
      ['rewards/chosen, evaluation', 'first', 'dash'],
      ['rewards/rejected', 'second', undefined],
      ['rewards/rejected, evaluation', 'second', 'dash']
    ]);
  });

  it('name no evaluation where there is none', () => {
    const traces = drawn(dataOf(DPO), 'rewards/accuracies');
    expect(traces[2].showlegend).toBe(false);
  });

  it('have the deviation of the reward around it', () => {
    const [below, above, raw] = drawn(
      dataOf(['reward', 'reward_std']),
      'reward'
    );
    expect([Array.from(below.y), Array.from(above.y)]).toEqual([
      [0, 0],
      [2, 4]
    ]);
    expect(raw.hovertemplate[0]).toContain('±');
  });

  it('are said in words', () => {
    const data = dataOf(DPO, ['rewards/accuracies']);
    expect(summary(data, group(data, 'rewards/accuracies'), trans)).toBe(
      'Accuracy: step 2, rewards/accuracies 2, rewards/accuracies, evaluation 2.'
    );
  });

  it('come from the events of a run as from its rows', () => {
    const model = new RunChartModel({ logScale: false, smoothing: 0 });
    const event = (step: number, measures?: Record<string, number>) =>
      ({ type: 'metrics', payload: { step, loss: 1, measures } }) as any;
    model.take([event(1), event(2, { kl: 0.5 })]);
    expect(Array.from(model.data.train.column('kl'))).toEqual([NaN, 0.5]);
  });

  it('of runs that do not have a measure are empty in a comparison', () => {
    const runs = [dataOf(['kl']), dataOf([])].map((data, index) => ({
      name: `run${index}`,
      data
    }));
    const traces = overlayTraces(runs, 'kl', ['a', 'b'], 0, trans) as any[];
    expect(Array.from(traces[0].y)).toEqual([1, 2]);
    expect(Array.from(traces[2].y)).toEqual([NaN, NaN]);
  });
});
