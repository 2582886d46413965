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
    { role: 'user', text: 'Greet me.', mark: '' },
    { role: 'assistant', text: answer, mark: 'answer' }
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
  let excluded = 0;

  async function show(view: IRowView, sought = ''): Promise<void> {
    const rows = {
      chosenRow: 7,
      pages: { table: '1' },
      view: { search: sought },
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
          onExclude={() => excluded++}
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

  it('shows a character once, over the tokens that write it together', async () => {
    const emoji = {
      ...side('a'),
      text: 'a🦜b',
      pieces: ['a', '\ufffd', '\ufffd', 'b'],
      trained: [[1, 2]] as [number, number][]
    };
    await show(row({ sides: [emoji] }));
    press('Tokens');
    expect(textsOf('.jp-llmtune-tokens > *')).toEqual(['a', '🦜12', 'b']);
    expect(
      [...host.querySelectorAll('.jp-llmtune-tokens [data-id]')].map(token => [
        token.tagName,
        token.textContent,
        token.getAttribute('title')
      ])
    ).toEqual([
      ['SPAN', 'a', '10'],
      ['MARK', '1', '11'],
      ['SPAN', '2', '12'],
      ['SPAN', 'b', '13']
    ]);
  });

  it('shows no more of many tokens at once than a page can bear, and leads to the learned and to the cut', async () => {
    const all = 100_000;
    const long: IRowSide = {
      ...side('a'),
      text: 'a'.repeat(all),
      ids: Array.from({ length: all }, (_, id) => id),
      pieces: Array.from({ length: all }, () => 'a'),
      trained: [[60_000, all]],
      kept: [0, 90_000]
    };
    await show(row({ sides: [long] }));
    press('Tokens');
    const idsShown = () => {
      const tokens = [...host.querySelector('.jp-llmtune-tokens')!.children];
      return [tokens.length, tokens[0].getAttribute('data-id')];
    };
    expect(idsShown()).toEqual([5000, '0']);
    expect(host.textContent).toContain('Tokens 1 to 5,000 of 100,000');
    press('Later');
    expect(idsShown()).toEqual([5000, '5000']);
    press('First Learned');
    expect(idsShown()).toEqual([5000, '59950']);
    press('Where It Is Cut');
    expect(idsShown()).toEqual([5000, '89950']);
    press('Template');
    expect(textsOf('.jp-llmtune-rendered')[0]).toHaveLength(5000);
  });

  it('shows no more of a long text at once, first what is searched or the place where it is cut', async () => {
    const filler = 'x '.repeat(50_000);
    const answer = `${filler}Needle, y${filler}`;
    const long: IRowSide = {
      ...side(answer),
      pieces: ['Q ', 'Greet me.', ' A ', filler, 'Needle, y', filler],
      ids: [10, 11, 12, 13, 14, 15],
      trained: [[3, 6]],
      kept: [0, 4]
    };
    await show(row({ values: { text: answer }, sides: [long] }));
    const shown = () => [
      textsOf('.jp-llmtune-said div:last-child')[1],
      textsOf('dd')[0]
    ];
    expect(shown()[0]).toHaveLength(5000);
    expect(shown()[0]).toContain('Needle');
    expect(shown()[1]).not.toContain('Needle');
    press('Later');
    expect(shown()[0]).not.toContain('Needle');
    press('Where It Is Cut');
    expect(shown()[0]).toContain('Needle');
    await show(
      row({ values: { text: answer }, sides: [side(answer)] }),
      'needle'
    );
    expect(shown()[0]).toContain('Needle');
    expect(shown()[1]).toContain('Needle');
    expect(host.textContent!.length).toBeLessThan(12_000);
  });

  it('parts neither what is read as one character nor the tokens that write one', async () => {
    const text = `x${'👩\u200d👩\u200d👧'.repeat(2_000)}`;
    await show(row({ values: { text }, sides: [] }));
    expect(host.textContent).toContain('Characters 1 to 4,993 of 16,001');
    press('Later');
    expect(host.textContent).toContain('Characters 4,994 to 9,993 of 16,001');
    const parts = ['\ufffd', '\ufffd', '\ufffd', 'c'];
    const tokens: IRowSide = {
      ...side('a'),
      text: `ab${'😀c'.repeat(3_000)}`,
      ids: Array.from({ length: 12_002 }, (_, id) => id),
      pieces: ['a', 'b', ...Array.from({ length: 3_000 }, () => parts).flat()]
    };
    await show(row({ sides: [tokens] }));
    press('Tokens');
    expect(host.textContent).toContain('Tokens 1 to 4,998 of 12,002');
    press('Later');
    expect(host.textContent).toContain('Tokens 4,999 to 9,998 of 12,002');
  });

  it('says first why a row is left out, and what to do', async () => {
    await show(
      row({ problem: 'row 7: text is empty', fix: 'Fill it.', sides: [] })
    );
    expect(host.querySelector('[role=alert]')!.textContent).toBe(
      'Left out: row 7: text is emptyFill it.'
    );
    expect(host.querySelector('details')!.open).toBe(true);
    press('Leave This Row Out');
    expect(excluded).toBe(1);
  });

  it('shows the turn that is wrong, and neither tokens nor a template', async () => {
    const wrong: IRowSide = {
      ...side(''),
      turns: [
        { role: 'user', text: 'Hi', mark: '' },
        { role: 'user', text: 'You?', mark: 'wrong' }
      ],
      text: '',
      ids: [],
      pieces: [],
      trained: [],
      kept: [0, 0]
    };
    await show(row({ problem: 'row 7: turn 1 …', sides: [wrong] }));
    expect(textsOf('.jp-llmtune-said')).toEqual(['UserHi', 'UserwrongYou?']);
    expect(host.querySelector('[role=tab], .jp-llmtune-row-counts')).toBeNull();
  });

  it('shows the thinking, calls and tools of a conversation', async () => {
    const turns: IRowSide['turns'] = [
      { role: 'tools', text: 'add(a)', mark: '' },
      { role: 'thinking', text: 'Once.', mark: 'dropped' },
      { role: 'call', text: 'add(a=1)', mark: 'answer' }
    ];
    await show(row({ sides: [{ ...side('One.'), turns }] }));
    expect(textsOf('.jp-llmtune-said')).toEqual([
      'Tools to calladd(a)',
      'Thinkingleft out by the templateOnce.',
      'Calls a toollearnedadd(a=1)'
    ]);
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
    expect(host.textContent).toContain('3 tokens');
    press('Unfold the shared beginning');
    expect(textsOf('.jp-llmtune-rendered')[0]).toBe(
      'Q Greet me. A Hello dear.'
    );
  });

  it('marks in tokens and template where the sides of a preference differ', async () => {
    const of = (name: IRowSide['name'], ids: number[]): IRowSide => ({
      ...side('a b c', name),
      text: 'a b c',
      ids,
      pieces: ['a', ' b', ' c'],
      trained: [[0, 3]],
      kept: [0, 3]
    });
    await show(
      row({ sides: [of('chosen', [1, 2, 3]), of('rejected', [1, 5, 3])] })
    );
    press('Template');
    expect(textsOf('.jp-mod-different')).toEqual([' b', ' b']);
    press('Tokens');
    expect(textsOf('.jp-mod-different')).toEqual(['·b', '·b']);
  });
});
