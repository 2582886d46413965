import { nullTranslator } from '@jupyterlab/translation';

import { KernelClient } from '../../../kernel/client';
import {
  FakeContext,
  FakeKernel,
  settle
} from '../../../kernel/__tests__/fakeKernel';
import type { IRunSummary } from '../../../kernel/protocol';
import { Choice } from '../choice';
import { tagsOf } from '../editing';
import { RunsModel } from '../model';
import { polylines } from '../sparkline';

const trans = nullTranslator.load('');

function run(
  name: string,
  started: number,
  more: Partial<IRunSummary> = {}
): IRunSummary {
  return {
    name,
    state: 'finished',
    step: 10,
    max_steps: 10,
    loss: 2,
    started,
    duration: 5,
    eta: null,
    model: 'smollm2-135m',
    tags: [],
    note: '',
    curve: [],
    has_checkpoint: true,
    has_result: true,
    has_prompts: true,
    ...more
  };
}

const RUNS = [
  run('poems', 4, { state: 'training', eta: 9, tags: ['Verse'] }),
  run('support', 3, { note: 'The best so far' }),
  run('chat', 2, { model: 'qwen3-0.6b' }),
  run('old', 1, { state: 'failed' })
];

describe('RunsModel', () => {
  let kernel: FakeKernel;
  let client: KernelClient;
  let model: RunsModel;
  let context: FakeContext;
  let choice: Choice;

  async function connect(): Promise<void> {
    kernel = new FakeKernel();
    context = new FakeContext(kernel);
    client = new KernelClient({
      sessionContext: context.asContext,
      version: '0.1.0',
      trans
    });
    await settle();
    kernel.comm.reply('version', { version: '0.1.0', python: '3.11.7' });
    await settle();
  }

  async function show(runs: IRunSummary[]): Promise<void> {
    await settle();
    kernel.comm.reply('watch', {});
    kernel.comm.receive({ type: 'runs', runs, removed: [], fault: null });
    await settle();
  }

  const shown = () => model.shown.map(({ name }) => name);

  beforeEach(async () => {
    await connect();
    model = new RunsModel(trans);
    choice = new Choice();
    model.show(client, choice);
    model.watch();
    await show(RUNS);
  });

  afterEach(() => {
    model.dispose();
    client.dispose();
  });

  it.each([
    ['', ['poems', 'support', 'chat', 'old']],
    ['po', ['poems', 'support']],
    ['verse', ['poems']],
    ['QWEN', ['chat']],
    ['failed', ['old']],
    ['smollm2 finished', ['support']],
    ['BEST so', ['support']],
    ['nothing', []]
  ])('shows for the filter %p the runs %p', (filter, names) => {
    model.filter = filter;
    expect(shown()).toEqual(names);
  });

  it('selects several, and from one to another', () => {
    model.toggle('support');
    model.extendTo('old');
    expect(model.selected).toEqual(['support', 'chat', 'old']);
    model.toggle('chat');
    expect(model.selected).toEqual(['support', 'old']);
    model.extendTo('poems');
    expect(model.selected).toEqual(['poems', 'support', 'chat', 'old']);
  });

  it('keeps filter and selection over a reload, of runs that are still there', async () => {
    model.filter = 'finished';
    model.toggle('support');
    model.toggle('chat');
    const reloaded = new Choice();
    reloaded.restore(choice.state);
    client.dispose();
    await connect();
    model.show(client, reloaded);
    await show(RUNS);
    expect(model.filter).toBe('finished');
    expect(model.selected).toEqual(['support', 'chat']);
    kernel.comm.receive({
      type: 'runs',
      runs: [],
      removed: ['chat'],
      fault: null
    });
    expect(reloaded.state).toEqual({
      filter: 'finished',
      selected: ['support']
    });
  });

  it('counts only what is shown as selected', () => {
    model.selectAll();
    model.filter = 'qwen';
    expect(model.selected).toEqual(['chat']);
  });

  it('keeps filter and selection of each notebook', async () => {
    model.filter = 'po';
    model.toggle('poems');
    const first = client;
    await connect();
    model.show(client, new Choice());
    await show([run('other', 1)]);
    expect(model.filter).toBe('');
    expect(shown()).toEqual(['other']);
    expect(model.selected).toEqual([]);
    client.dispose();
    client = first;
    model.show(first, choice);
    expect(model.filter).toBe('po');
    expect(shown()).toEqual(['poems', 'support']);
  });

  it('watches only while it is told to, and keeps what it knows', async () => {
    model.unwatch();
    await settle();
    expect(kernel.comm.request('unwatch')).toBeDefined();
    expect(shown()).toHaveLength(4);
  });

  it('tells which run came to another state', () => {
    expect(model.news).toBe('');
    kernel.comm.receive({
      type: 'runs',
      runs: [run('poems', 4, { state: 'paused' })],
      removed: []
    });
    expect(model.news).toBe('poems: paused');
  });

  it('names some of many runs that came to another state', () => {
    kernel.comm.receive({
      type: 'runs',
      runs: Array.from({ length: 200 }, (_, index) =>
        run(`copy${index}`, index + 5)
      ),
      removed: []
    });
    expect(model.news).toMatch(/^copy199: finished, .+ and 190 more$/);
  });

  it('says why a command was not taken', async () => {
    const done = model.control('old', 'pause');
    await settle();
    const { id } = kernel.comm.request('control');
    const error = { what: 'Not running.', where: '', fix: '' };
    kernel.comm.receive({ id, type: 'error', error });
    expect(await done).toBe(false);
    expect(model.fault).toMatchObject(error);
    model.dismiss();
    expect(model.fault).toBeNull();
  });

  it('says why the runs cannot be read, and can try again', async () => {
    await connect();
    model.show(client, new Choice());
    await settle();
    const fault = { what: 'No permission.', where: '/runs', fix: '' };
    const gone = { type: 'runs', runs: [], removed: [], fault };
    kernel.comm.reply('watch', {});
    kernel.comm.receive(gone);
    await settle();
    expect(model.isUnread).toBe(true);
    expect(model.fault).toMatchObject(fault);
    model.retry();
    await settle();
    kernel.comm.reply('unwatch', {});
    await show(RUNS);
    expect(model.fault).toBeNull();
    expect(shown()).toHaveLength(4);
    // Later, too, and what is known stays.
    kernel.comm.receive(gone);
    expect(model.isUnread).toBe(true);
    expect(model.isUpToDate).toBe(false);
    expect(shown()).toHaveLength(4);
    kernel.comm.receive({ ...gone, fault: null });
    expect(model.fault).toBeNull();
    expect(model.isUpToDate).toBe(true);
  });

  it('says what is missing where the kernel half is not loaded', async () => {
    expect(model.notice).toBe('');
    const changed = jest.fn();
    model.changed.connect(changed);
    context.restart();
    context.setStatus('idle');
    kernel.comm.receiveClose();
    expect(model.notice).toContain('%load_ext llmtune_kernel');
    expect(changed).toHaveBeenCalled();
    model.show(null, new Choice());
    expect(model.notice).toBe('Open a notebook with a Python kernel.');
  });

  it('says where to see what a run answers to its prompts', async () => {
    const asked = model.sample('poems');
    await settle();
    kernel.comm.reply('control', {});
    await asked;
    expect(model.fault).toBeNull();
    expect(model.news).toContain('poems answers its prompts');
    expect(model.isNewsOfCommand).toBe(true);
  });

  it('chooses the selected runs, or else the current one', () => {
    const chosen = () => model.chosen.map(({ name }) => name);
    model.current = 'chat';
    expect(chosen()).toEqual(['chat']);
    model.toggle('support');
    model.toggle('old');
    model.current = 'chat';
    expect(chosen()).toEqual(['support', 'old']);
  });

  it('keeps a renamed run selected and current', async () => {
    model.toggle('support');
    const edited = model.edit({ run: 'support', name: 'helpdesk' });
    await settle();
    expect(kernel.comm.request('edit').payload).toEqual({
      run: 'support',
      name: 'helpdesk'
    });
    kernel.comm.reply('edit', run('helpdesk', 3));
    await edited;
    expect(model.selected).toEqual(['helpdesk']);
    expect(model.current).toBe('helpdesk');
  });

  it('leaves an edit that is not taken to its caller', async () => {
    const edited = model.edit({ run: 'support', name: 'chat' });
    await settle();
    const { id } = kernel.comm.request('edit');
    const error = { what: 'There is a run chat.', where: '', fix: '' };
    kernel.comm.receive({ id, type: 'error', error });
    await expect(edited).rejects.toMatchObject(error);
    expect(shown()).toContain('support');
  });

  it('goes to the next run when one is deleted', async () => {
    model.toggle('support');
    const deleted = model.delete(['support']);
    await settle();
    expect(kernel.comm.request('delete').payload).toEqual({
      runs: ['support']
    });
    kernel.comm.reply('delete', {});
    await deleted;
    expect(shown()).toEqual(['poems', 'chat', 'old']);
    expect(model.current).toBe('chat');
    expect(model.selected).toEqual([]);
  });

  describe('after runs were deleted', () => {
    beforeEach(async () => {
      const deleted = model.delete(['support', 'old']);
      await settle();
      kernel.comm.reply('delete', {});
      await deleted;
    });

    it('tells where they are, although the list goes without them', () => {
      const runs = [{ ...RUNS[0], step: 11 }];
      const removed = ['support', 'old'];
      kernel.comm.receive({ type: 'runs', runs, removed, fault: null });
      expect(model.news).toContain('.trash');
      expect(model.news).toContain('support, old');
      expect(model.isNewsOfCommand).toBe(true);
    });

    it.each<[string, () => unknown]>([
      ['another run is chosen', () => (model.current = 'poems')],
      ['a run is selected', () => model.toggle('poems')],
      ['runs are filtered', () => (model.filter = 'poems')],
      ['a run is steered', () => void model.control('poems', 'pause')],
      [
        'a run comes to another state',
        () =>
          kernel.comm.receive({
            type: 'runs',
            runs: [{ ...RUNS[0], state: 'paused' }],
            removed: [],
            fault: null
          })
      ]
    ])('tells so no more when %s', (_, act) => {
      act();
      expect(model.news).not.toContain('.trash');
      expect(model.isNewsOfCommand).toBe(false);
    });
  });
});

describe('A sparkline', () => {
  it('fills its height', () => {
    expect(polylines([2, 1])).toEqual(['0.0,0.0 72.0,20.0']);
  });

  it('has gaps where losses are missing', () => {
    expect(polylines([3, 2, null, 2, 1, null])).toHaveLength(2);
  });

  it('is level for losses that are the same, and absent without two', () => {
    expect(polylines([1, 1])).toEqual(['0.0,20.0 72.0,20.0']);
    expect(polylines([null, 1])).toEqual([]);
  });
});

describe('Tags', () => {
  it('are what stands between commas', () => {
    expect(tagsOf(' a, two words ,,b,')).toEqual(['a', 'two words', 'b']);
  });
});
