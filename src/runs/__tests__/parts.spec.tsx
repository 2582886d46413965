import { nullTranslator } from '@jupyterlab/translation';

import React, { act } from 'react';
import { createRoot } from 'react-dom/client';

import type { RunEvent } from '../../kernel/protocol';
import { Samples } from '../parts';
import { Progress } from '../progress';
import { clock } from '../wording';

const trans = nullTranslator.load('');

describe('The samples of a run', () => {
  beforeEach(() => {
    (globalThis as any).IS_REACT_ACT_ENVIRONMENT = true;
  });

  it('of one step are told apart: when they were given, and which were asked for', () => {
    const progress = new Progress(trans);
    const sample = (seq: number, request: string | null): RunEvent => ({
      seq,
      time: 1_700_000_000 + seq,
      type: 'sample',
      payload: {
        step: 3,
        request,
        answers: [{ prompt: [{ role: 'user', content: 'Who?' }], answer: 'I' }]
      }
    });
    progress.take([sample(1, null), sample(2, 'f00')]);
    const node = document.createElement('div');
    const root = createRoot(node);
    act(() =>
      root.render(
        <Samples samples={progress.samples} isOver={false} trans={trans} />
      )
    );
    const heads = [...node.querySelectorAll('h3')].map(
      ({ textContent }) => textContent
    );
    expect(heads).toEqual([
      `Step 3 ${clock(1_700_000_002)}, asked for`,
      `Step 3 ${clock(1_700_000_001)}`
    ]);
    act(() => root.unmount());
  });

  it.each([
    [false, /^No samples yet/],
    [true, /^The run ended without samples/]
  ])('are none yet, or will be none (over: %s)', (isOver, said) => {
    const node = document.createElement('div');
    const root = createRoot(node);
    act(() =>
      root.render(<Samples samples={[]} isOver={isOver} trans={trans} />)
    );
    expect(node.textContent).toMatch(said);
    act(() => root.unmount());
  });
});
