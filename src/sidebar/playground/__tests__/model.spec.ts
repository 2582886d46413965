import { nullTranslator } from '@jupyterlab/translation';

import {
  FakeContext,
  FakeKernel,
  settle
} from '../../../kernel/__tests__/fakeKernel';
import { KernelClient } from '../../../kernel/client';
import type { IAnswer } from '../../../kernel/protocol';
import type { ISource, ITurn } from '../conversation';
import { asMessages } from '../conversation';
import { PlaygroundModel } from '../model';
import { asCell } from '../sampleCell';
import { DEFAULT_SAMPLING } from '../settings';

const trans = nullTranslator.load('');
const BASE: ISource = { kind: 'model', name: 'smollm2-135m' };
const RUN: ISource = { kind: 'run', name: 'captain' };

describe('PlaygroundModel', () => {
  let kernel: FakeKernel;
  let client: KernelClient;
  let model: PlaygroundModel;

  /** The kernel answers the open question of the page. */
  async function answer(
    text: string,
    finish_reason: IAnswer['finish_reason'] = 'stop'
  ): Promise<void> {
    await settle();
    const answer: IAnswer = { column: 0, text, finish_reason, tokens: 3 };
    kernel.comm.reply('ask', [answer]);
    await settle();
  }

  /** The kernel cannot answer the open question of the page. */
  async function fail(what: string): Promise<void> {
    await settle();
    const error = { what, where: '', fix: '' };
    const { id } = kernel.comm.request('ask');
    kernel.comm.receive({ id, type: 'error', error });
    await settle();
  }

  function send(text: string): Promise<void> {
    model.text = text;
    return model.send();
  }

  const contents = (index: number) =>
    model.columns[index].turns.map(({ content }) => content);

  function questions(): any[] {
    return kernel.comm.sent.filter(({ type }) => type === 'ask');
  }

  beforeEach(async () => {
    kernel = new FakeKernel();
    client = new KernelClient({
      sessionContext: new FakeContext(kernel).asContext,
      version: '0.1.0',
      trans
    });
    await settle();
    kernel.comm.reply('version', { version: '0.1.0', python: '3.11.7' });
    await settle();
    model = new PlaygroundModel(client, trans);
  });

  afterEach(() => {
    model.dispose();
    client.dispose();
  });

  it('lets each model answer in turn, with its own memory of the chat', async () => {
    model.addColumn(BASE);
    model.addColumn(RUN);
    const first = send('Hello?');
    await answer('Hi.');
    await answer('Ahoy.');
    await first;
    const second = send('Who are you?');
    await answer('A model.');
    await answer('A captain.');
    await second;
    const [, , base, run] = questions().map(({ payload }) => payload);
    expect(base.columns).toEqual([{ model: 'smollm2-135m' }]);
    expect(run.columns).toEqual([{ run: 'captain' }]);
    expect(base.messages.map(({ content }: ITurn) => content)).toEqual([
      'Hello?',
      'Hi.',
      'Who are you?'
    ]);
    expect(run.messages[1]).toEqual({ role: 'assistant', content: 'Ahoy.' });
    expect(model.isAnswering).toBe(false);
  });

  it('tells which answers were cut, also after a reload', async () => {
    model.addColumn(BASE);
    const first = send('Hello?');
    await answer('Hi.');
    await first;
    const second = send('Who are you?');
    await answer('A model', 'length');
    await second;
    const cuts = () => model.columns[0].turns.map(({ cutAt }) => cutAt);
    expect(cuts()).toEqual([undefined, undefined, undefined, 3]);
    const { state } = model;
    model.clear();
    model.restore(JSON.parse(JSON.stringify(state)));
    expect(cuts()).toEqual([undefined, undefined, undefined, 3]);
  });

  it('offers the runs that can answer, and names those that ended without anything to ask', async () => {
    model.watch();
    await settle();
    kernel.comm.reply('watch', {});
    const run = (name: string, state: string, has_result: boolean) => ({
      name,
      state,
      has_result,
      started: 1,
      model: 'smollm2-135m'
    });
    const runs = [
      run('captain', 'finished', true),
      run('live', 'training', false),
      run('broken', 'failed', false),
      run('short', 'stopped', false),
      run('saved', 'failed', true),
      run('next', 'queued', false)
    ];
    kernel.comm.receive({ type: 'runs', runs, removed: [], fault: null });
    await settle();
    kernel.comm.reply('models', [
      { name: 'smollm2-135m', kind: 'built-in' },
      { name: 'org/there', kind: 'cached' },
      { name: 'org/far', kind: 'catalogue' }
    ]);
    await settle();
    expect(model.choices('./mine').map(({ name }) => name)).toEqual([
      'smollm2-135m',
      './mine',
      'org/there',
      ...['captain', 'live', 'saved']
    ]);
    expect([...model.silent].sort()).toEqual(['broken', 'short']);
  });

  describe('with a run that gets another name', () => {
    const listed = (name: string, started = 7) => ({
      name,
      state: 'finished',
      has_result: true,
      started,
      model: 'smollm2-135m'
    });

    function list(runs: unknown[], removed: string[] = []): void {
      kernel.comm.receive({ type: 'runs', runs, removed, fault: null });
    }

    async function watch(): Promise<void> {
      model.watch();
      await settle();
      kernel.comm.reply('watch', {});
    }

    const names = () => model.columns.map(({ source }) => source.name);

    beforeEach(async () => {
      model.addColumn(BASE);
      model.addColumn(RUN);
      await watch();
      list([listed('captain'), listed('other', 8)]);
    });

    it('goes on with it in its column, whatever takes the old name', async () => {
      const sending = send('Hello?');
      await answer('Hi.');
      await answer('Ahoy.');
      await sending;
      list([listed('admiral'), listed('captain', 9)]);
      expect(names()).toEqual(['smollm2-135m', 'admiral']);
      expect(contents(1)).toEqual(['Hello?', 'Ahoy.']);
      expect(asCell(model.columns, model.settings)).toContain('admiral');
      const again = send('Who are you?');
      await answer('A model.');
      await answer('An admiral.');
      await again;
      expect(questions().pop().payload.columns).toEqual([{ run: 'admiral' }]);
    });

    it('finds it again after a reload, and when others watched meanwhile', async () => {
      const { state } = model;
      const others = client.watchRuns();
      model.dispose();
      list([listed('admiral')], ['captain']);
      model = new PlaygroundModel(client, trans);
      model.restore(state);
      model.watch();
      expect(names()).toEqual(['smollm2-135m', 'admiral']);
      others.dispose();
    });

    it('keeps the column of a run that is gone', () => {
      list([], ['captain']);
      expect(names()).toEqual(['smollm2-135m', 'captain']);
    });
  });

  it('shows an answer as it comes, and keeps what came before a stop', async () => {
    model.addColumn(RUN);
    const sending = send('Sing');
    await settle();
    const { id } = questions()[0];
    kernel.comm.receive({ type: 'answer', id, column: 0, text: 'What shall' });
    kernel.comm.receive({ type: 'answer', id, column: 0, text: ' we do' });
    expect(model.columns[0].turns[1]).toEqual({
      role: 'assistant',
      content: 'What shall we do',
      isPartial: true
    });
    model.stop();
    await sending;
    await settle();
    expect(kernel.comm.request('cancel').payload).toEqual({ id });
    kernel.comm.receive({ type: 'answer', id, column: 0, text: ' with' });
    expect(model.columns[0].turns[1]).toEqual({
      role: 'assistant',
      content: 'What shall we do'
    });
    expect(model.fault).toBeNull();
  });

  it('gives a question back that nobody could answer, and says why', async () => {
    model.addColumn(RUN);
    const failing = send('Hello?');
    await settle();
    expect(model.text).toBe('');
    await fail('There is no such run.');
    await failing;
    expect(model.text).toBe('Hello?');
    expect(model.columns[0].fault).toMatchObject({
      what: 'There is no such run.'
    });
    expect(contents(0)).toEqual([]);
    const again = send('Still there?');
    await answer('Aye.');
    await again;
    expect(model.columns[0].fault).toBeUndefined();
    expect(questions()[1].payload.messages).toEqual([
      { role: 'user', content: 'Still there?' }
    ]);
  });

  it('asks the other models although one fails, and that one again', async () => {
    model.addColumn(RUN);
    model.addColumn(BASE);
    const sending = send('Hello?');
    await settle();
    expect(model.columns.map(({ isWaiting }) => !!isWaiting)).toEqual([
      false,
      true
    ]);
    await fail('There is no such run.');
    await answer('Hi.');
    await sending;
    expect(contents(0)).toEqual([]);
    expect(contents(1)).toEqual(['Hello?', 'Hi.']);
    expect(model.text).toBe('');
    const [run] = model.columns;
    expect(run.unanswered).toBe('Hello?');
    const again = model.askAgain(run.id);
    await answer('Ahoy.');
    await again;
    expect(contents(0)).toEqual(['Hello?', 'Ahoy.']);
    expect(contents(1)).toEqual(['Hello?', 'Hi.']);
    expect(questions()).toHaveLength(3);
  });

  it('keeps the text where there is no kernel', async () => {
    const alone = new PlaygroundModel(null, trans);
    alone.text = 'Hello?';
    await alone.send();
    expect(alone.text).toBe('Hello?');
    expect(alone.fault).not.toBeNull();
    alone.dispose();
  });

  it('gives a question back that was stopped before anybody answered', async () => {
    model.addColumn(BASE);
    model.addColumn(RUN);
    const sending = send('Hello?');
    await settle();
    model.stop();
    await sending;
    expect(model.text).toBe('Hello?');
    expect(model.columns.flatMap(({ turns }) => turns)).toEqual([]);
    expect(questions()).toHaveLength(1);
  });

  it('lets the others answer when a model is removed', async () => {
    model.addColumn(BASE);
    model.addColumn(RUN);
    const sending = send('Hello?');
    await settle();
    model.removeColumn(model.columns[0].id);
    await settle();
    await answer('Ahoy.');
    await sending;
    expect(contents(0)).toEqual(['Hello?', 'Ahoy.']);
  });

  it('hears an answer to its end although another notebook is shown meanwhile', async () => {
    model.watch();
    model.addColumn(BASE);
    model.addColumn(RUN);
    const sending = send('Hello?');
    await settle();
    model.unwatch();
    await answer('Hi.');
    await answer('Ahoy.');
    await sending;
    expect(contents(0)).toEqual(['Hello?', 'Hi.']);
    expect(contents(1)).toEqual(['Hello?', 'Ahoy.']);
    expect(kernel.comm.request('cancel')).toBeUndefined();
  });

  it('is the same again from its state', async () => {
    model.addColumn(RUN);
    const first = send('Hello?');
    await answer('Ahoy.');
    await first;
    model.settings = { ...model.settings, temperature: 0 };
    const open = send('Sing');
    await settle();
    const kept = JSON.parse(JSON.stringify(model.state));
    const other = new PlaygroundModel(client, trans);
    other.restore(kept);
    // The page that asked it is gone, and its answer with it.
    expect(other.text).toBe('Sing');
    expect(other.columns[0].turns.map(({ content }) => content)).toEqual([
      'Hello?',
      'Ahoy.'
    ]);
    expect(other.settings.temperature).toBe(0);
    expect(other.isAnswering).toBe(false);
    other.dispose();
    await answer('Yo ho ho');
    await open;
  });

  it('takes four models at most', () => {
    for (let count = 0; count < 6; count++) {
      model.addColumn(BASE);
    }
    expect(model.columns).toHaveLength(4);
  });
});

describe('The cell that asks the same', () => {
  const turns: ITurn[] = [{ role: 'user', content: 'Who are you?' }];
  const columns = [
    { id: 0, source: BASE, turns },
    { id: 1, source: RUN, turns }
  ];

  it('has one prompt a line', () => {
    expect(asCell(columns, DEFAULT_SAMPLING)).toBe(
      '%%sample captain --model smollm2-135m --max-new-tokens 128 --temperature 0.7\nWho are you?'
    );
    const failed = { ...columns[0], turns: [] };
    expect(asCell([failed, columns[1]], DEFAULT_SAMPLING)).toContain(
      '\nWho are you?'
    );
    const named = { ...BASE, name: "my model's" };
    expect(
      asCell([{ id: 0, source: named, turns }], DEFAULT_SAMPLING)
    ).toContain(`%%sample --model 'my model'\\''s' --max-new-tokens`);
  });

  it('is a chat where there is more than a question', () => {
    const settings = { ...DEFAULT_SAMPLING, system: 'Be "brief".' };
    expect(asCell([columns[1]], settings).split('\n')).toEqual([
      '%%sample captain --max-new-tokens 128 --temperature 0.7',
      '- {role: system, content: "Be \\"brief\\"."}',
      '- {role: user, content: "Who are you?"}'
    ]);
  });

  it('has the sampling settings that are not as they are by default', () => {
    const settings = {
      ...DEFAULT_SAMPLING,
      top_p: 0.9,
      top_k: 0,
      repetition_penalty: 1.2
    };
    expect(asCell([columns[1]], settings).split('\n')[0]).toBe(
      '%%sample captain --max-new-tokens 128 --temperature 0.7 --top-p 0.9 --top-k 0 --repetition-penalty 1.2'
    );
    expect(asCell([columns[1]], { ...settings, temperature: 0 })).toContain(
      '--temperature 0 --repetition-penalty 1.2\n'
    );
  });

  it('leaves out questions without an answer', () => {
    const told = asMessages('', [
      { role: 'user', content: 'a' },
      { role: 'user', content: 'b' },
      { role: 'assistant', content: 'c' },
      { role: 'user', content: 'd' }
    ]);
    expect(told.map(({ content }) => content)).toEqual(['b', 'c', 'd']);
  });
});
