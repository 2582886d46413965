import { nullTranslator } from '@jupyterlab/translation';

import type { JSONObject, JSONValue } from '@lumino/coreutils';

import { ChartData } from '../../chart/series';
import { differences } from '../differences';
import { colorOf, overlayTraces } from '../overlay';
import { promptText, sideBySide } from '../samples';
import { fieldsByKey, titleOf, wordingOf } from '../settings';
import { recorded } from '../../sidebar/configure/__tests__/recorded';

const user = (content: string) => [{ role: 'user', content }];

describe('differences of configurations', () => {
  it('are the settings that are not the same in all, with dotted keys', () => {
    const found = differences([
      { model: { dtype: 'auto' }, training: { learning_rate: 0.00002 } },
      { model: { dtype: 'auto' }, training: { learning_rate: 0.001 } }
    ]);
    expect(found).toEqual([
      { key: 'training.learning_rate', values: [0.00002, 0.001] }
    ]);
  });

  it('tell a setting that one of them does not have', () => {
    const found = differences([
      { method: { name: 'lora', r: 8 } },
      { method: { name: 'full' } }
    ]);
    expect(found).toEqual([
      { key: 'method.name', values: ['lora', 'full'] },
      { key: 'method.r', values: [8, undefined] }
    ]);
  });

  it('tell null, empty text and lists from each other', () => {
    const found = differences([
      { a: null, b: ['x'], c: {} },
      { a: '', b: ['x', 'y'], c: {} }
    ]);
    expect(found).toEqual([
      { key: 'a', values: [null, ''] },
      { key: 'b', values: [['x'], ['x', 'y']] }
    ]);
  });

  it('are not made by a run whose configuration is not known yet', () => {
    expect(differences([{ a: 1 }, null, { a: 1 }])).toEqual([]);
    expect(differences([{ a: 1 }, null, { a: 2 }])).toEqual([
      { key: 'a', values: [1, undefined, 2] }
    ]);
  });
});

describe('the settings that differ', () => {
  const configs: JSONObject[] = [
    { method: { type: 'lora', r: 8 } },
    { method: { type: 'full' } }
  ];
  const fields = fieldsByKey(recorded.schema, configs);

  it('have the titles of the form, also those that only one of them can have', () => {
    expect(titleOf('training.learning_rate', fields)).toBe('Learning rate');
    expect(titleOf('method.r', fields)).toBe('Rank');
    expect(titleOf('data.train.source', fields)).toBe('Training data');
    expect(titleOf('new.setting', fields)).toBe('');
  });

  it.each<[JSONValue | undefined, string]>([
    [true, 'yes'],
    [false, 'no'],
    ['auto', 'auto'],
    [0.00002, '2e-5'],
    [null, 'none'],
    [[], 'none'],
    [['q_proj', 'v_proj'], 'q_proj, v_proj'],
    [undefined, '–']
  ])('have the values of the form: %p', (value, text) => {
    expect(wordingOf(value, nullTranslator.load(''))).toBe(text);
  });
});

describe('samples side by side', () => {
  it('are the last answers of each run to each prompt', () => {
    const rows = sideBySide([
      [
        {
          step: 10,
          request: null,
          answers: [
            { prompt: user('Hello?'), answer: 'early' },
            { prompt: user('Bye?'), answer: 'bye' }
          ]
        },
        {
          step: 20,
          request: null,
          answers: [{ prompt: user('Hello?'), answer: 'late' }]
        }
      ],
      [
        {
          step: 5,
          request: 'r',
          answers: [{ prompt: user('Hello?'), answer: 'other' }]
        }
      ]
    ]);
    expect(rows).toEqual([
      {
        prompt: 'Hello?',
        answers: [
          { step: 20, answer: 'late' },
          { step: 5, answer: 'other' }
        ]
      },
      { prompt: 'Bye?', answers: [{ step: 10, answer: 'bye' }, null] }
    ]);
  });

  it('name a prompt by its words, with roles only in a conversation', () => {
    const system = { role: 'system', content: 'Be brief.' };
    expect(promptText([system, ...user('Hello?')])).toBe('Hello?');
    expect(
      promptText([
        ...user('Hello?'),
        { role: 'assistant', content: 'Yes?' },
        ...user('Well')
      ])
    ).toBe('user: Hello?\nassistant: Yes?\nuser: Well');
  });
});

describe('overlaid curves', () => {
  it('have one colour a run, evaluation dashed, one entry in the legend', () => {
    const curves = ['a', '<b>b</b>'].map(name => ({
      name,
      data: new ChartData()
    }));
    const traces = overlayTraces(
      curves,
      'loss',
      ['red', 'blue'],
      0.6,
      nullTranslator.load('')
    ) as any[];
    expect(traces.map(trace => trace.line.color)).toEqual([
      'red',
      'red',
      'blue',
      'blue'
    ]);
    expect(traces.map(trace => trace.line.dash)).toEqual([
      'solid',
      'dash',
      'solid',
      'dash'
    ]);
    expect(traces.filter(trace => trace.showlegend !== false)).toHaveLength(2);
    expect(traces[2].name).not.toContain('<b>');
  });

  it('are told apart where there are more than colours', () => {
    const curves = Array.from({ length: 24 }, (_, index) => ({
      name: `run${index}`,
      data: new ChartData()
    }));
    const colors = curves.map((_, index) => colorOf(index));
    const trans = nullTranslator.load('');
    const traces = overlayTraces(curves, 'loss', colors, 0, trans) as any[];
    const looks = traces.map(({ line }) => `${line.color} ${line.dash}`);
    expect(new Set(looks).size).toBe(48);
  });
});
