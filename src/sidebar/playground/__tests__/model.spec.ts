import { nullTranslator } from '@jupyterlab/translation';

import {
  FakeContext,
  FakeKernel,
  settle
} from '../../../kernel/__tests__/fakeKernel';
import { KernelClient } from '../../../kernel/client';
import type { ISource, ITurn } from '../model';
import {
  DEFAULT_SAMPLING,
  PlaygroundModel,
  asCell,
  asMessages
} from '../model';

const trans = nullTranslator.load('');
const BASE: ISource = { kind: 'model', name: 'smollm2-135m' };
const RUN: ISource = { kind: 'run', name: 'captain' };

describe('PlaygroundModel', () => {
  let kernel: FakeKernel;
  let client: KernelClient;
  let model: PlaygroundModel;

  /** The kernel answers the open question of the page. */
  async function answer(text: string): Promise<void> {
    await settle();
    kernel.comm.reply('ask', [{ column: 0, text }]);
    await settle();
  }

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
    model = new PlaygroundModel(trans);
    model.client = client;
  });

  afterEach(() => {
    model.dispose();
    client.dispose();
  });

  it('lets each model answer in turn, with its own memory of the chat', async () => {
    model.addColumn(BASE);
    model.addColumn(RUN);
    const first = model.send('Hello?');
    await answer('Hi.');
    await answer('Ahoy.');
    await first;
    const second = model.send('Who are you?');
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

  it('shows an answer as it comes, and keeps what came before a stop', async () => {
    model.addColumn(RUN);
    const sending = model.send('Sing');
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

  it('says why there is no answer, and takes the next question', async () => {
    model.addColumn(RUN);
    const failing = model.send('Hello?');
    await settle();
    kernel.comm.receive({
      id: questions()[0].id,
      type: 'error',
      error: { what: 'There is no such run.', where: 'captain', fix: '' }
    });
    await failing;
    expect(model.fault).toMatchObject({ what: 'There is no such run.' });
    const again = model.send('Still there?');
    await answer('Aye.');
    await again;
    expect(model.fault).toBeNull();
    // The question without an answer is not told again: turns must alternate.
    expect(questions()[1].payload.messages).toEqual([
      { role: 'user', content: 'Still there?' }
    ]);
  });

  it('takes four models at most', () => {
    for (let count = 0; count < 6; count++) {
      model.addColumn(BASE);
    }
    expect(model.columns).toHaveLength(4);
  });

  it('stops asking when its notebook is another', async () => {
    model.addColumn(BASE);
    model.addColumn(RUN);
    const sending = model.send('Hello?');
    await settle();
    model.client = null;
    await sending;
    expect(model.isAnswering).toBe(false);
    expect(questions()).toHaveLength(1);
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
      '%%sample captain --base --max-new-tokens 128 --temperature 0.7\nWho are you?'
    );
  });

  it('is a chat where there is more than a question', () => {
    const settings = { ...DEFAULT_SAMPLING, system: 'Be "brief".' };
    expect(asCell([columns[1]], settings).split('\n')).toEqual([
      '%%sample captain --max-new-tokens 128 --temperature 0.7',
      '- {role: system, content: "Be \\"brief\\"."}',
      '- {role: user, content: "Who are you?"}'
    ]);
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
