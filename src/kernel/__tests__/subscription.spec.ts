import { nullTranslator } from '@jupyterlab/translation';

import type { IRunSubscription } from '../../tokens';
import { KernelClient } from '../client';
import type { IEventsMessage, RunEvent } from '../protocol';
import { FakeContext, FakeKernel, settle } from './fakeKernel';

const BYTES_PER_EVENT = 100;

/** Events `first` to `end` of a run whose events take 100 bytes each. */
function push(first: number, end: number, run = 'a'): IEventsMessage {
  const events: RunEvent[] = [];
  for (let seq = first; seq < end; seq++) {
    const payload = { level: 'info' as const, message: String(seq) };
    events.push({ seq, time: seq, type: 'log', payload });
  }
  return { type: 'events', run, events, offset: end * BYTES_PER_EVENT };
}

describe('a subscription', () => {
  let kernel: FakeKernel;
  let context: FakeContext;
  let client: KernelClient;
  let subscription: IRunSubscription;
  let seqs: number[];

  async function connect(): Promise<void> {
    await settle();
    kernel.comm.reply('version', { version: '0.1.0', python: '3.11.7' });
    await settle();
  }

  function follow(run = 'a', offset = 0): [IRunSubscription, number[]] {
    const got: number[] = [];
    const followed = client.subscribe(run, offset);
    followed.events.connect((_, events) => {
      got.push(...events.map(event => event.seq));
    });
    return [followed, got];
  }

  beforeEach(async () => {
    kernel = new FakeKernel();
    context = new FakeContext(kernel);
    client = new KernelClient({
      sessionContext: context.asContext,
      version: '0.1.0',
      trans: nullTranslator.load('')
    });
    await connect();
    [subscription, seqs] = follow();
    await settle();
    kernel.comm.reply('subscribe', {});
    await settle();
  });

  afterEach(() => client.dispose());

  it('passes on the events of its run', () => {
    kernel.comm.receive(push(0, 3));
    kernel.comm.receive(push(0, 7, 'b'));
    kernel.comm.receive(push(3, 5));
    expect(seqs).toEqual([0, 1, 2, 3, 4]);
    expect(subscription.offset).toBe(5 * BYTES_PER_EVENT);
  });

  it('goes on at its offset after a lost connection, with each event once', async () => {
    kernel.comm.receive(push(0, 3));
    const old = kernel.comm;
    context.setStatus('unknown');
    context.setStatus('idle');
    await connect();
    expect(kernel.comm.request('subscribe').payload).toEqual({
      run: 'a',
      offset: 3 * BYTES_PER_EVENT
    });
    old.receive(push(3, 6));
    expect(seqs).toEqual([0, 1, 2]);
    kernel.comm.receive(push(3, 6));
    expect(seqs).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('starts when the client connects, if it was made before', async () => {
    context.restart();
    const [, early] = follow('b', 400);
    context.setStatus('idle');
    await connect();
    const wanted = kernel.comm.sent
      .filter(request => request.type === 'subscribe')
      .map(request => request.payload);
    expect(wanted).toContainEqual({ run: 'b', offset: 400 });
    kernel.comm.receive(push(4, 6, 'b'));
    expect(early).toEqual([4, 5]);
  });

  it('asks again from where it stands when events were lost', async () => {
    kernel.comm.receive(push(0, 3));
    kernel.comm.receive(push(5, 8));
    await settle();
    expect(seqs).toEqual([0, 1, 2]);
    expect(kernel.comm.request('subscribe').payload.offset).toBe(300);
    kernel.comm.reply('subscribe', {});
    kernel.comm.receive(push(3, 8));
    expect(seqs).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it('gets every event once when messages change places', async () => {
    kernel.comm.receive(push(0, 2));
    kernel.comm.receive(push(4, 6));
    kernel.comm.receive(push(2, 4));
    await settle();
    kernel.comm.reply('subscribe', {});
    kernel.comm.receive(push(2, 6));
    expect(seqs).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('is not disturbed by a second one that starts from the beginning', async () => {
    kernel.comm.receive(push(0, 4));
    const [, second] = follow();
    await settle();
    kernel.comm.reply('subscribe', {});
    kernel.comm.receive(push(0, 6));
    expect(second).toEqual([0, 1, 2, 3, 4, 5]);
    expect(seqs).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('tells the kernel when it was the last of its run to end', async () => {
    const [second] = follow();
    second.dispose();
    await settle();
    expect(kernel.comm.request('unsubscribe')).toBeUndefined();
    subscription.dispose();
    await settle();
    expect(kernel.comm.request('unsubscribe').payload).toEqual({ run: 'a' });
    kernel.comm.receive(push(0, 3));
    expect(seqs).toEqual([]);
  });

  it('says so when the kernel does not know the run', async () => {
    const lost = client.subscribe('nowhere');
    const faults: string[] = [];
    lost.failed.connect((_, fault) => faults.push(fault.what));
    await settle();
    kernel.comm.receive({
      id: kernel.comm.request('subscribe').id,
      type: 'error',
      error: { what: 'No run nowhere.', where: '', fix: '' }
    });
    await settle();
    expect(faults).toEqual(['No run nowhere.']);
  });
});
