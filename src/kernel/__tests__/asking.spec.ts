import { nullTranslator } from '@jupyterlab/translation';

import { KernelClient } from '../client';
import { KernelRequestError } from '../error';
import type { IQuestion } from '../protocol';
import { FakeContext, FakeKernel, settle } from './fakeKernel';

const QUESTION: IQuestion = {
  columns: [{ run: 'a' }, { model: 'smollm2-135m' }],
  messages: [{ role: 'user', content: 'Hello?' }]
};

describe('a request that takes long', () => {
  let kernel: FakeKernel;
  let context: FakeContext;
  let client: KernelClient;
  let texts: string[];

  function ask() {
    const said = ['', ''];
    texts = said;
    return client.ask(QUESTION, (column, text) => {
      said[column] += text;
    });
  }

  function say(column: number, text: string, id?: string): void {
    id ??= kernel.comm.request('ask').id;
    kernel.comm.receive({ type: 'answer', id, column, text });
  }

  beforeEach(async () => {
    kernel = new FakeKernel();
    context = new FakeContext(kernel);
    client = new KernelClient({
      sessionContext: context.asContext,
      version: '0.1.0',
      trans: nullTranslator.load('')
    });
    await settle();
    kernel.comm.reply('version', { version: '0.1.0', python: '3.11.7' });
    await settle();
  });

  afterEach(() => client.dispose());

  it('is answered in pieces, column by column, and then in full', async () => {
    const { done } = ask();
    await settle();
    expect(kernel.comm.request('ask').payload).toEqual(QUESTION);
    say(0, 'Good ');
    say(1, 'Hi');
    say(0, 'day');
    expect(texts).toEqual(['Good day', 'Hi']);
    const answers = [
      { column: 0, text: 'Good day' },
      { column: 1, text: 'Hi' }
    ];
    kernel.comm.reply('ask', answers);
    expect(await done).toEqual(answers);
  });

  it('gets no piece of another question', async () => {
    const { done } = ask();
    done.catch(() => undefined);
    await settle();
    const { id } = kernel.comm.request('ask');
    const first = texts;
    ask().done.catch(() => undefined);
    await settle();
    say(0, 'one', id);
    say(0, 'two');
    expect(first[0]).toBe('one');
    expect(texts[0]).toBe('two');
  });

  it('is not changed by what comes late or twice after its end', async () => {
    const { done } = ask();
    await settle();
    say(0, 'Good');
    kernel.comm.reply('ask', [{ column: 0, text: 'Good' }]);
    say(0, ' late');
    kernel.comm.reply('ask', [{ column: 0, text: 'twice' }]);
    expect(await done).toEqual([{ column: 0, text: 'Good' }]);
    expect(texts[0]).toBe('Good');
  });

  it('waits for its answer as long as it takes', async () => {
    jest.useFakeTimers();
    const { done } = ask();
    await jest.advanceTimersByTimeAsync(3_600_000);
    jest.useRealTimers();
    kernel.comm.reply('ask', []);
    expect(await done).toEqual([]);
  });

  it('ends at once when it is cancelled, and tells the kernel', async () => {
    const { done, cancel } = ask();
    await settle();
    const { id } = kernel.comm.request('ask');
    say(0, 'Good');
    cancel();
    cancel();
    await expect(done).rejects.toBeInstanceOf(KernelRequestError);
    await settle();
    const cancels = kernel.comm.sent.filter(({ type }) => type === 'cancel');
    expect(cancels.map(({ payload }) => payload)).toEqual([{ id }]);
    say(0, ' day', id);
    expect(texts[0]).toBe('Good');
  });

  it('is never sent if it was cancelled before', async () => {
    const { done, cancel } = ask();
    cancel();
    await expect(done).rejects.toMatchObject({
      what: 'The answer was cancelled.'
    });
    await settle();
    expect(kernel.comm.request('ask')).toBeUndefined();
    expect(kernel.comm.request('cancel')).toBeUndefined();
  });

  it('fails with what the kernel finds wrong', async () => {
    const { done } = ask();
    await settle();
    const error = { what: 'No run a.', where: 'llmtune-runs', fix: '' };
    const { id } = kernel.comm.request('ask');
    kernel.comm.receive({ id, type: 'error', error });
    await expect(done).rejects.toMatchObject(error);
  });

  it('fails when the kernel goes, or is not there', async () => {
    const { done } = ask();
    await settle();
    context.restart();
    await expect(done).rejects.toMatchObject({
      what: 'The connection to the kernel ended before it answered.'
    });
    await expect(ask().done).rejects.toMatchObject({
      what: 'There is no connection to the kernel.'
    });
  });

  it('for statistics tells how far it has come, until it is cancelled', async () => {
    const told: number[] = [];
    const { done, cancel } = client.count('data: $rows', progress =>
      told.push(progress.done)
    );
    await settle();
    const { id, payload } = kernel.comm.request('statistics');
    expect(payload).toEqual({ text: 'data: $rows' });
    const push = { type: 'progress', id, stage: 'reading', total: 9 };
    kernel.comm.receive({ ...push, done: 3 });
    cancel();
    kernel.comm.receive({ ...push, done: 6 });
    expect(told).toEqual([3]);
    await expect(done).rejects.toMatchObject({
      what: 'Counting was cancelled.'
    });
    await settle();
    expect(kernel.comm.request('cancel').payload).toEqual({ id });
  });
});
