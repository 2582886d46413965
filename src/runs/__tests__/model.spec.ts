import { nullTranslator } from '@jupyterlab/translation';

import { Signal } from '@lumino/signaling';

import { KernelClient } from '../../kernel/client';
import {
  FakeContext,
  FakeKernel,
  settle
} from '../../kernel/__tests__/fakeKernel';
import type {
  IMetrics,
  IRunSummary,
  IRunView,
  RunEvent
} from '../../kernel/protocol';
import type { IKernelClient } from '../../tokens';
import type { IClientSource } from '../clientSource';
import { RunModel } from '../model';

const trans = nullTranslator.load('');

class Source implements IClientSource {
  client: IKernelClient | null = null;
  readonly path = 'poems.ipynb';
  readonly changed = new Signal<this, void>(this);

  give(client: IKernelClient | null): void {
    this.client = client;
    this.changed.emit();
  }
}

function summary(state: IRunSummary['state']): IRunSummary {
  return {
    name: 'a',
    state,
    step: 2,
    max_steps: 10,
    loss: 2,
    started: 1,
    duration: 5,
    eta: 9,
    model: 'smollm2-135m',
    tags: [],
    note: '',
    curve: [],
    has_checkpoint: true,
    has_result: true,
    has_prompts: true
  };
}

function metrics(step: number): IMetrics {
  return {
    step,
    max_steps: 10,
    epoch: step / 10,
    loss: 3 - step / 10,
    learning_rate: 0.0002,
    grad_norm: null,
    tokens: 100 * step,
    tokens_per_second: 1234,
    memory: 5e8,
    eta: 10 - step
  };
}

let seq: number;

function event(type: string, payload: unknown): RunEvent {
  return { seq: seq++, time: seq, type, payload } as RunEvent;
}

function view(state: IRunSummary['state'] = 'training'): IRunView {
  return {
    summary: summary(state),
    text: 'model: smollm2-135m',
    config: { samples: { prompts: ['Hello?'] } },
    directory: '/runs/a',
    files: [],
    train: {
      step: [1, 2],
      loss: [2.9, null],
      learning_rate: [0.1, 0.1],
      grad_norm: [1, 1]
    },
    eval: { step: [2], loss: [2.5] },
    events: [
      event('state', { state: 'training', detail: '' }),
      event('metrics', metrics(2))
    ],
    offset: 500
  };
}

describe('RunModel', () => {
  let kernel: FakeKernel;
  let context: FakeContext;
  let client: KernelClient;
  let source: Source;
  let model: RunModel;
  let offset: number;

  async function connect(): Promise<void> {
    await settle();
    kernel.comm.reply('version', { version: '0.1.0', python: '3.11.7' });
    await settle();
  }

  function createClient(): void {
    kernel = new FakeKernel();
    context = new FakeContext(kernel);
    client = new KernelClient({
      sessionContext: context.asContext,
      version: '0.1.0',
      trans
    });
  }

  async function load(state?: IRunSummary['state']): Promise<void> {
    await settle();
    kernel.comm.reply('view', view(state));
    await settle();
  }

  function push(...events: RunEvent[]): void {
    offset += 100;
    kernel.comm.receive({ type: 'events', run: 'a', events, offset });
  }

  function refuse(type: string, what: string): void {
    const { id } = kernel.comm.request(type);
    const error = { what, where: '', fix: '' };
    kernel.comm.receive({ id, type: 'error', error });
  }

  beforeEach(async () => {
    seq = 0;
    offset = 500;
    createClient();
    source = new Source();
    source.client = client;
    model = new RunModel({
      run: 'a',
      source,
      chart: { smoothing: 0.6, logScale: false },
      trans
    });
    await connect();
  });

  afterEach(() => {
    model.dispose();
    client.dispose();
  });

  it('shows what the view has, and follows the events after it', async () => {
    expect(model.view).toBeNull();
    await load();
    expect(model.state).toBe('training');
    expect(model.progress.metrics?.step).toBe(2);
    expect([...model.chart.data.train.column('step')]).toEqual([1, 2]);
    expect([...model.chart.data.train.column('loss')][1]).toBeNaN();
    expect(kernel.comm.request('subscribe').payload).toEqual({
      run: 'a',
      offset: 500
    });
    push(
      event('metrics', metrics(3)),
      event('evaluation', {
        step: 3,
        epoch: 0.3,
        loss: 2.25,
        tokens: 9,
        seconds: 1
      }),
      event('state', { state: 'paused', detail: '' })
    );
    expect(model.state).toBe('paused');
    expect([...model.chart.data.train.column('step')]).toEqual([1, 2, 3]);
    expect(model.chart.data.eval.last('loss')).toBe(2.25);
  });

  it('keeps what it has when its notebook closes, and reads anew when it is open again', async () => {
    await load();
    push(event('metrics', metrics(3)));
    source.give(null);
    client.dispose();
    expect(model.progress.metrics?.step).toBe(3);
    expect(model.notice).toContain('Open the notebook');
    expect(model.isConnected).toBe(false);
    createClient();
    source.give(client);
    await connect();
    await load();
    expect(model.notice).toBe('');
    expect([...model.chart.data.train.column('step')]).toEqual([1, 2]);
  });

  it('goes on where it was after a restart of the kernel', async () => {
    await load();
    push(event('metrics', metrics(3)));
    context.restart();
    expect(model.isConnected).toBe(false);
    expect(model.notice).toContain('poems.ipynb');
    context.setStatus('idle');
    await connect();
    expect(kernel.comm.request('view')).toBeUndefined();
    expect(kernel.comm.request('subscribe').payload.offset).toBe(600);
  });

  it('says which notebook has to load the kernel half, and that its picture is old', async () => {
    await load();
    context.restart();
    context.setStatus('idle');
    kernel.comm.receiveClose();
    expect(model.needsLoad).toBe(true);
    expect(model.notice).toBe(
      'The kernel of poems.ipynb has not loaded llmtune_kernel. What you see here is of before.'
    );
  });

  it('says why the run cannot be read, and can try again', async () => {
    await settle();
    refuse('view', 'No run a.');
    await settle();
    expect(model.fault).toMatchObject({ what: 'No run a.' });
    model.retry();
    await load();
    expect(model.fault).toBeNull();
    expect(model.state).toBe('training');
  });

  it('says why a command was not taken', async () => {
    await load();
    void model.control('pause');
    await settle();
    expect(kernel.comm.request('control').payload).toEqual({
      run: 'a',
      command: 'pause'
    });
    expect(model.asked).toBe('pause');
    refuse('control', 'The run is not running.');
    await settle();
    expect(model.asked).toBeNull();
    expect(model.fault).toMatchObject({ what: 'The run is not running.' });
  });

  it('forgets what was asked when its effect shows', async () => {
    await load();
    void model.control('sample');
    await settle();
    const { request } = kernel.comm.request('control').payload;
    push(event('sample', { step: 3, request: null, answers: [] }));
    expect(model.asked).toBe('sample');
    push(event('sample', { step: 3, request, answers: [] }));
    expect(model.asked).toBeNull();
  });

  it('reads files and configuration anew when the run ends', async () => {
    await load();
    push(event('state', { state: 'finished', detail: '' }));
    await settle();
    const files = [{ path: 'adapter/config.json', size: 12 }];
    kernel.comm.reply('view', { ...view('finished'), files });
    await settle();
    expect(model.view?.files).toEqual(files);
    expect([...model.chart.data.train.column('step')]).toEqual([1, 2]);
  });

  describe('while somebody looks', () => {
    beforeEach(async () => {
      await load();
      model.isWatched = true;
      await settle();
      kernel.comm.reply('watch', {});
    });

    it('knows of a worker that died without a word', () => {
      const runs = [summary('failed')];
      kernel.comm.receive({ type: 'runs', runs, removed: [], fault: null });
      expect(model.state).toBe('failed');
      push(event('state', { state: 'queued', detail: '' }));
      expect(model.state).toBe('queued');
    });

    it('knows that the run was deleted', () => {
      kernel.comm.receive({ type: 'runs', runs: [], removed: [], fault: null });
      expect(model.fault).toMatchObject({
        what: 'The run “a” is no longer there.'
      });
      expect(model.isGone).toBe(true);
    });

    it('reads the run anew when it could not be followed for a while', async () => {
      const { id } = kernel.comm.request('subscribe');
      const error = { what: 'No run a.', where: '/elsewhere', fix: '' };
      kernel.comm.receive({ id, type: 'error', error });
      await settle();
      expect(model.fault).toMatchObject({ what: 'No run a.' });
      const runs = [summary('training')];
      kernel.comm.receive({ type: 'runs', runs, removed: [], fault: null });
      await load();
      expect(model.fault).toBeNull();
      push(event('metrics', metrics(9)));
      expect(model.progress.metrics?.step).toBe(9);
    });

    it('shows a new run that takes the name of a deleted one', async () => {
      kernel.comm.receive({ type: 'runs', runs: [], removed: ['a'] });
      const runs = [{ ...summary('training'), started: 7 }];
      kernel.comm.receive({ type: 'runs', runs, removed: [] });
      expect(model.fault).toBeNull();
      expect(model.isGone).toBe(false);
      await load();
      expect(kernel.comm.request('subscribe').payload.run).toBe('a');
    });

    it.each([
      ['deleted', []],
      ['renamed', [{ ...summary('finished'), name: 'b' }]]
    ])('knows that the run was %s while others looked', async (what, runs) => {
      const others = client.watchRuns();
      model.isWatched = false;
      kernel.comm.receive({ type: 'runs', runs, removed: ['a'], fault: null });
      expect(model.fault).toBeNull();
      model.isWatched = true;
      expect(model.isGone).toBe(what === 'deleted');
      expect(model.run).toBe(what === 'deleted' ? 'a' : 'b');
      others.dispose();
    });

    it('follows its run to a name that is given while nobody looks', async () => {
      const renamed = jest.fn();
      model.renamed.connect(renamed);
      model.isWatched = false;
      const edited = client.edit({ run: 'a', name: 'b' });
      await settle();
      kernel.comm.reply('edit', { ...summary('finished'), name: 'b' });
      await edited;
      expect(model.run).toBe('b');
      expect(renamed).toHaveBeenCalledTimes(1);
    });

    it('follows its run to another name', async () => {
      const renamed = jest.fn();
      model.renamed.connect(renamed);
      const other = { ...summary('finished'), name: 'other', started: 7 };
      const heir = { ...summary('finished'), name: 'b' };
      const runs = [other, heir];
      kernel.comm.receive({ type: 'runs', runs, removed: ['a'] });
      expect(model.run).toBe('b');
      expect(renamed).toHaveBeenCalledTimes(1);
      await settle();
      expect(kernel.comm.request('view').payload).toEqual({ run: 'b' });
      kernel.comm.reply('view', { ...view('finished'), summary: heir });
      await settle();
      expect(model.fault).toBeNull();
      expect(kernel.comm.request('subscribe').payload.run).toBe('b');
      expect(model.known).toEqual(expect.arrayContaining(['b', 'other']));
    });

    it('ends the watch when nobody looks any more', async () => {
      model.isWatched = false;
      await settle();
      expect(kernel.comm.request('unwatch')).toBeDefined();
    });
  });

  it('shows a failure with its error, until the run goes on', async () => {
    await load();
    const error = {
      what: 'Out of memory.',
      where: 'step 3',
      fix: 'Use a smaller batch.',
      log: '/runs/a/worker.log',
      tail: ['RuntimeError']
    };
    push(
      event('error', error),
      event('state', { state: 'failed', detail: '' })
    );
    expect(model.progress.error).toEqual(error);
    push(event('state', { state: 'queued', detail: '' }));
    expect(model.progress.error).toBeNull();
  });
});
