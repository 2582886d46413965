import { nullTranslator } from '@jupyterlab/translation';

import type { IRunList } from '../../tokens';
import { KernelClient } from '../client';
import type { IRunsMessage, IRunSummary } from '../protocol';
import { FakeContext, FakeKernel, settle } from './fakeKernel';

function run(name: string, started: number, step = 0): IRunSummary {
  return {
    name,
    state: 'training',
    step,
    max_steps: 10,
    loss: null,
    started,
    duration: 1,
    eta: null,
    model: 'smollm2-135m',
    tags: [],
    note: '',
    curve: [],
    has_checkpoint: true,
    has_result: true,
    has_prompts: true
  };
}

function push(runs: IRunSummary[], removed: string[] = []): IRunsMessage {
  return { type: 'runs', runs, removed, fault: null };
}

const FAULT = { what: 'No permission.', where: '/runs', fix: 'chmod' };

describe('a list of runs', () => {
  let kernel: FakeKernel;
  let context: FakeContext;
  let client: KernelClient;
  let list: IRunList;

  async function connect(): Promise<void> {
    await settle();
    kernel.comm.reply('version', { version: '0.1.0', python: '3.11.7' });
    await settle();
  }

  async function watch(...runs: IRunSummary[]): Promise<void> {
    await settle();
    kernel.comm.reply('watch', {});
    kernel.comm.receive(push(runs));
    await settle();
  }

  function names(of = list): string[] {
    return of.runs.map(run => run.name);
  }

  function count(type: string): number {
    return kernel.comm.sent.filter(request => request.type === type).length;
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
    list = client.watchRuns();
  });

  afterEach(() => client.dispose());

  it('is ready when the runs have come, newest first', async () => {
    let changes = 0;
    list.changed.connect(() => changes++);
    expect(list.isReady).toBe(false);
    await watch(run('a', 1), run('c', 3), run('b', 2));
    expect(list.isReady).toBe(true);
    expect(names()).toEqual(['c', 'b', 'a']);
    expect(changes).toBe(1);
  });

  it('takes in what is new, what changed and what has gone', async () => {
    await watch(run('a', 1), run('b', 2));
    kernel.comm.receive(push([run('a', 1, 5), run('c', 3)], ['b']));
    expect(names()).toEqual(['c', 'a']);
    expect(list.runs[1].step).toBe(5);
  });

  it('has all runs when they come in several messages', async () => {
    await watch(run('a', 1));
    kernel.comm.receive(push([run('b', 2)]));
    expect(names()).toEqual(['b', 'a']);
  });

  it('has all runs when they come before the reply', async () => {
    await settle();
    kernel.comm.receive(push([run('a', 1), run('b', 2)]));
    kernel.comm.reply('watch', {});
    await settle();
    kernel.comm.receive(push([run('b', 2, 7)]));
    expect(names()).toEqual(['b', 'a']);
  });

  it('shares one watch with other lists, which ends with the last of them', async () => {
    await watch(run('a', 1));
    const second = client.watchRuns();
    await settle();
    expect(count('watch')).toBe(1);
    expect(names(second)).toEqual(['a']);
    list.dispose();
    await settle();
    expect(count('unwatch')).toBe(0);
    kernel.comm.receive(push([run('b', 2)]));
    expect(names(second)).toEqual(['b', 'a']);
    second.dispose();
    await settle();
    expect(count('unwatch')).toBe(1);
  });

  it('never gets what a watch before it sent too late', async () => {
    await watch(run('a', 1), run('b', 2));
    list.dispose();
    list = client.watchRuns();
    await settle();
    kernel.comm.receive(push([run('b', 2, 9)]));
    expect(list.isReady).toBe(false);
    expect(count('watch')).toBe(1);
    kernel.comm.reply('unwatch', {});
    await watch(run('a', 1));
    expect(count('watch')).toBe(2);
    expect(names()).toEqual(['a']);
  });

  it('keeps what it has while the kernel restarts, and forgets what has gone meanwhile', async () => {
    await watch(run('a', 1), run('b', 2));
    const old = kernel.comm;
    context.restart();
    context.setStatus('idle');
    await connect();
    expect(names()).toEqual(['b', 'a']);
    old.receive(push([run('late', 9)]));
    await watch(run('b', 2), run('c', 3));
    expect(names()).toEqual(['c', 'b']);
  });

  it('starts when the client connects, if it was made before', async () => {
    context.restart();
    const early = client.watchRuns();
    context.setStatus('idle');
    await connect();
    await watch(run('a', 1));
    expect(names(early)).toEqual(['a']);
  });

  it('asks once more when the runs that were promised do not come', async () => {
    await settle();
    jest.useFakeTimers();
    kernel.comm.reply('watch', {});
    await jest.advanceTimersByTimeAsync(6_000);
    jest.useRealTimers();
    await settle();
    expect(count('watch')).toBe(2);
  });

  it('says why the runs folder cannot be read until it can be, and keeps its runs', async () => {
    await settle();
    kernel.comm.reply('watch', {});
    kernel.comm.receive({ ...push([]), fault: FAULT });
    expect(list.fault).toEqual(FAULT);
    expect(list.isReady).toBe(false);
    kernel.comm.receive(push([run('a', 1)]));
    expect(list.fault).toBeNull();
    expect(names()).toEqual(['a']);
    let changes = 0;
    list.changed.connect(() => changes++);
    kernel.comm.receive({ ...push([]), fault: FAULT });
    expect(list.fault).toEqual(FAULT);
    expect(names()).toEqual(['a']);
    kernel.comm.receive(push([]));
    expect(list.fault).toBeNull();
    expect(names()).toEqual(['a']);
    expect(changes).toBe(2);
  });

  it('asks anew for the next list while the runs folder cannot be read', async () => {
    await settle();
    kernel.comm.reply('watch', {});
    kernel.comm.receive({ ...push([]), fault: FAULT });
    const second = client.watchRuns();
    await watch(run('a', 1));
    expect(count('watch')).toBe(2);
    expect(second.fault).toBeNull();
    expect(names(second)).toEqual(['a']);
  });

  it('ends with the client', async () => {
    client.dispose();
    expect(list.isDisposed).toBe(true);
  });
});
