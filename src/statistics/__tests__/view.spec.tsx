import { nullTranslator } from '@jupyterlab/translation';
import { UseSignal } from '@jupyterlab/ui-components';

import { PromiseDelegate } from '@lumino/coreutils';
import { Signal } from '@lumino/signaling';

import React from 'react';
import { act } from 'react';
import type { Root } from 'react-dom/client';
import { createRoot } from 'react-dom/client';

import type { IProgress, ISoFar, IStatistics } from '../../kernel/protocol';
import type { IKernelClient } from '../../tokens';
import { StatisticsModel } from '../model';
import { Statistics } from '../view';

const FOUND: IStatistics = {
  rows: 8,
  train_rows: 6,
  tokens: 180,
  trained_tokens: 45,
  epoch_tokens: 120,
  epoch_trained_tokens: 60,
  steps: 3,
  run_tokens: 540,
  max_length: 1024,
  groups: {
    policy: 'right',
    lengths: [10, 20, 100],
    others: [0, 0, 0],
    rows: [3, 2, 1],
    needed: [5],
    needing: [6]
  },
  duplicates: { count: 1, rows: [[4, 2]] },
  near_duplicates: { count: 0, rows: [] },
  compared: 6,
  left_out: [
    { kind: 'empty', count: 2, rows: [6, 7], message: 'row 6: is empty' }
  ],
  languages: [['en', 1]],
  sources: [
    {
      name: '$rows',
      rows: 8,
      used: 6,
      train_rows: 6,
      epoch_tokens: 120,
      epoch_trained_tokens: 60
    }
  ]
};

describe('the statistics', () => {
  const trans = nullTranslator.load('');
  let asked: { done: PromiseDelegate<IStatistics>; isCancelled: boolean }[];
  let tell: (progress: IProgress) => void;
  let text: string;
  let written: number[];
  let rows: number[][];
  let model: StatisticsModel;
  let host: HTMLElement;
  let root: Root;
  const changed = new Signal<object, void>({});

  /** The kernel: it counts when it is told to. */
  const client = {
    count: (_: string, onProgress: typeof tell) => {
      const request = {
        done: new PromiseDelegate<IStatistics>(),
        isCancelled: false
      };
      asked.push(request);
      tell = onProgress;
      return {
        done: request.done.promise,
        cancel: () => {
          request.isCancelled = true;
          request.done.reject({ what: 'cancelled', where: '', fix: '' });
        }
      };
    }
  } as unknown as IKernelClient;

  const press = (name: string) =>
    act(async () => {
      [...host.querySelectorAll('button')]
        .find(({ textContent }) => textContent === name)!
        .click();
    });

  const key = (key: string) =>
    act(async () => {
      slider().dispatchEvent(
        new KeyboardEvent('keydown', { key, bubbles: true })
      );
    });

  const reading = (done: number, so_far: ISoFar | null): IProgress => ({
    stage: 'reading',
    done,
    total: 1000,
    so_far
  });

  const slider = () => host.querySelector('[role="slider"]')!;
  const limit = () => Number(slider().getAttribute('aria-valuenow'));

  const open = () =>
    act(async () => {
      model.isOpen = true;
    });

  const answer = (found = FOUND) =>
    act(async () => {
      asked[asked.length - 1].done.resolve(found);
    });

  beforeEach(async () => {
    (globalThis as any).IS_REACT_ACT_ENVIRONMENT = true;
    asked = [];
    written = [];
    rows = [];
    text = 'data: {train: $rows, max_length: 64}';
    model = new StatisticsModel({
      target: () => ({ client, place: 'cell', text, data: '' }),
      changes: [changed],
      isEditable: () => true,
      write: value => {
        written.push(value);
        text = text.replace(/max_length: \d+/, `max_length: ${value}`);
      }
    });
    host = document.createElement('div');
    document.body.append(host);
    root = createRoot(host);
    await act(async () => {
      root.render(
        <UseSignal signal={model.changed}>
          {() => (
            <Statistics
              model={model}
              trans={trans}
              onRows={numbers => rows.push(numbers)}
            />
          )}
        </UseSignal>
      );
    });
  });

  afterEach(async () => {
    await act(async () => root.unmount());
    model.dispose();
    host.remove();
  });

  it('are counted once they are wanted, and say how far that has come', async () => {
    expect(asked).toHaveLength(0);
    await open();
    expect(asked).toHaveLength(1);
    expect(host.textContent).toContain('Loading the tokenizer');
    await act(async () => tell(reading(256, null)));
    expect(host.textContent).toContain('Reading row 256 of 1,000');
    await answer();
    expect(host.textContent).toContain('60 (50%)');
    expect(host.querySelector('progress')).toBeNull();
  });

  it('grow while rows are read, and what is known stays when they are cancelled', async () => {
    await open();
    const { rows, tokens, trained_tokens, max_length, groups, left_out } =
      FOUND;
    const soFar = {
      rows,
      tokens,
      trained_tokens,
      max_length,
      groups,
      left_out
    };
    await act(async () => tell(reading(8, soFar)));
    expect(host.textContent).toContain('Reading row 8 of 1,000');
    expect(host.textContent).toContain('180, of which trained 45 (25%)');
    expect(host.textContent).toContain('Empty answers2');
    expect(host.textContent).not.toContain('Estimated steps');
    expect(limit()).toBe(64);
    await act(async () =>
      tell(reading(16, { ...soFar, rows: 16, tokens: 360 }))
    );
    expect(host.textContent).toContain('360, of which trained 45');
    await press('Cancel');
    expect(host.textContent).toContain('Of the first 16 rows:');
    await press('Count');
    expect(host.textContent).toContain('360, of which trained 45');
    await answer();
    expect(host.textContent).toContain('Estimated steps');
    expect(host.textContent).not.toContain('Of the first');
  });

  it('can be cancelled, and counted again', async () => {
    await open();
    await press('Cancel');
    expect(asked[0].isCancelled).toBe(true);
    expect(host.querySelector('[role="alert"]')).toBeNull();
    await press('Count');
    await answer();
    expect(slider()).toBeTruthy();
  });

  it('say what each source gives where there are several', async () => {
    await open();
    const [source] = FOUND.sources;
    const other = { ...source, name: 'b.jsonl', used: 2, train_rows: 6 };
    await answer({ ...FOUND, train_rows: 12, sources: [source, other] });
    expect(host.textContent).toContain('8: 8 can be used, 12 to train on');
    expect(host.textContent).toContain(
      'b.jsonl2 of 8 rows can be used; 6 to train on, with 120 tokens, of which trained 50%'
    );
  });

  it('are not counted on when they are folded', async () => {
    await open();
    await act(async () => {
      model.isOpen = false;
    });
    expect(asked[0].isCancelled).toBe(true);
  });

  it('tell at once what another limit would cut, and write it when asked', async () => {
    await open();
    await answer();
    expect(limit()).toBe(64);
    expect(host.textContent).toContain('1 of 6 rows are cut, by 36 of 170');
    await key('End');
    expect(host.textContent).toContain('No row is longer.');
    await key('Home');
    expect(host.textContent).toContain('6 of 6 rows are cut');
    await key('PageUp');
    expect(limit()).toBe(18);
    await key('ArrowLeft');
    expect(asked).toHaveLength(1);
    await press('Use as max_length');
    expect(written).toEqual([17]);
    // What is counted after cutting is counted anew.
    expect(asked).toHaveLength(2);
    expect(limit()).toBe(17);
  });

  it('lead to the rows that are counted', async () => {
    await open();
    await answer();
    await press('1');
    await press('2');
    expect(rows).toEqual([
      [2, 4],
      [6, 7]
    ]);
  });

  it('say that they are of an older configuration, and stay', async () => {
    await open();
    await answer();
    text = text.replace('$rows', '$other');
    await act(async () => changed.emit());
    expect(host.textContent).toContain('From before the last change');
    expect(slider()).toBeTruthy();
    await press('Count');
    expect(asked).toHaveLength(2);
  });

  it('say what is wrong where they cannot be counted', async () => {
    await open();
    await act(async () => {
      const fault = { what: 'There is no $rows.', where: 'data', fix: '' };
      asked[0].done.reject(fault);
    });
    expect(host.querySelector('[role="alert"]')!.textContent).toContain(
      'There is no $rows.'
    );
  });
});
