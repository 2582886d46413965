import { nullTranslator } from '@jupyterlab/translation';

import { Signal } from '@lumino/signaling';

import React from 'react';
import { act } from 'react';
import type { Root } from 'react-dom/client';
import { createRoot } from 'react-dom/client';

import type { IRowSide, IRowView } from '../../kernel/protocol';
import { ProblemSearch } from '../problemSearch';
import { RowView } from '../rowView';
import { RowViewModel } from '../rowViewModel';

const side = (answer: string, name: IRowSide['name'] = ''): IRowSide => ({
  name,
  turns: [
    { role: 'user', text: 'Greet me.', answers: false },
    { role: 'assistant', text: answer, answers: true }
  ],
  text: `Q Greet me. A ${answer}`,
  ids: [10, 11, 12, 13],
  pieces: ['Q ', 'Greet me.', ' A ', answer],
  trained: [[3, 4]],
  kept: [0, 4]
});

const row = (parts: Partial<IRowView>): IRowView => ({
  values: { text: 'Hi', more: null },
  format: 'messages',
  model: 'small',
  problem: null,
  fix: '',
  shared: 0,
  sides: [side('Hello there.')],
  ...parts
});

describe('The pane of a row', () => {
  let host: HTMLElement;
  let root: Root;
  let model: RowViewModel;
  let search: ProblemSearch;

  async function show(view: IRowView): Promise<void> {
    const rows = {
      chosenRow: 7,
      pages: { table: '1' },
      changed: new Signal<object, void>({}),
      chosenRowChanged: new Signal<object, number>({}),
      viewRow: async () => view,
      findProblem: () => new Promise<never>(() => undefined)
    };
    const configuration = { text: 'data: a', changed: rows.changed };
    model = new RowViewModel({ rows, configuration });
    search = new ProblemSearch({ rows, configuration });
    const draw = () =>
      root.render(
        <RowView
          id="row"
          model={model}
          search={search}
          trans={nullTranslator.load('')}
          onStep={() => undefined}
          onFind={() => undefined}
          onClose={() => undefined}
        />
      );
    await act(async () => {
      model.isShown = true;
      await model.until(() => !model.isOld);
      draw();
    });
  }

  const press = (label: string) =>
    act(() => {
      const buttons = [...host.querySelectorAll('button')];
      buttons.find(({ textContent }) => textContent === label)!.click();
    });

  const textsOf = (selector: string) =>
    [...host.querySelectorAll(selector)].map(({ textContent }) => textContent);

  beforeEach(() => {
    (globalThis as any).IS_REACT_ACT_ENVIRONMENT = true;
    host = document.body.appendChild(document.createElement('div'));
    root = createRoot(host);
  });

  afterEach(() => {
    act(() => root.unmount());
    host.remove();
    model.dispose();
    search.dispose();
  });

  it('shows the turns, and which of them are learned', async () => {
    await show(row({}));
    expect(textsOf('.jp-llmtune-said')).toEqual([
      'UserGreet me.',
      'AssistantlearnedHello there.'
    ]);
    expect(textsOf('.jp-llmtune-row-counts > *')).toEqual([
      '4 tokens',
      '1 learned',
      '0 cut'
    ]);
  });

  it('shows each token with its id, the learned ones marked and the cut ones struck through', async () => {
    const cut = { ...side('Hello'), kept: [1, 4] as [number, number] };
    await show(row({ sides: [cut] }));
    press('Tokens');
    const tokens = [...host.querySelector('.jp-llmtune-tokens')!.children];
    expect(
      tokens.map(token => [
        token.tagName,
        token.textContent,
        token.getAttribute('title')
      ])
    ).toEqual([
      ['S', 'Q·', '10'],
      ['SPAN', 'Greet·me.', '11'],
      ['SPAN', '·A·', '12'],
      ['MARK', 'Hello', '13']
    ]);
  });

  it('says first why a row is left out, and what to do', async () => {
    await show(
      row({ problem: 'row 7: text is empty', fix: 'Fill it.', sides: [] })
    );
    expect(host.querySelector('[role=alert]')!.textContent).toBe(
      'Left out: row 7: text is emptyFill it.'
    );
    expect(host.querySelector('details')!.open).toBe(true);
  });

  it('shows what the data say as text', async () => {
    const bad = '<img src=x onerror=alert(1)>';
    await show(
      row({ values: { [bad]: bad }, sides: [side(bad)], format: bad })
    );
    for (const part of ['Template', 'Tokens', 'Conversation']) {
      press(part);
      expect(host.querySelector('img')).toBeNull();
      expect(host.querySelector('[role=tabpanel]')!.textContent).toContain(
        '<img'
      );
    }
  });

  it('folds what the sides of a preference share, and marks where they differ', async () => {
    await show(
      row({
        shared: 3,
        sides: [side('Hello dear.', 'chosen'), side('Hello you.', 'rejected')]
      })
    );
    expect(textsOf('.jp-llmtune-sides > section > h3')).toEqual([
      'Chosen',
      'Rejected'
    ]);
    expect(textsOf('em')).toEqual(['dear', 'you']);
    expect(host.textContent).not.toContain('Greet me.');
    press('Unfold the shared beginning');
    expect(host.textContent).toContain('Greet me.');
    press('Fold the shared beginning');
    press('Template');
    expect(textsOf('.jp-llmtune-rendered')).toEqual([
      'Hello dear.',
      'Hello you.'
    ]);
    press('Unfold the shared beginning');
    expect(textsOf('.jp-llmtune-rendered')[0]).toBe(
      'Q Greet me. A Hello dear.'
    );
  });
});
