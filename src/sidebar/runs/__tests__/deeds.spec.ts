import { nullTranslator } from '@jupyterlab/translation';

import { CommandRegistry } from '@lumino/commands';

import {
  FakeContext,
  FakeKernel,
  settle
} from '../../../kernel/__tests__/fakeKernel';
import { KernelClient } from '../../../kernel/client';
import type { IRunSummary } from '../../../kernel/protocol';
import { CommandIDs } from '../../../tokens';
import { addDeeds, kernelObstacle } from '../../commands';
import type { Deeds } from '../../deeds';
import { RunActions } from '../actions';
import { Choice } from '../choice';
import { runDeeds } from '../deeds';
import { RunsModel } from '../model';

const trans = nullTranslator.load('');
const NOTHING = { obstacle: () => '', execute: async () => undefined };

function run(
  name: string,
  started: number,
  state: IRunSummary['state']
): IRunSummary {
  return {
    name,
    state,
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
    has_prompts: true
  };
}

describe('Commands for runs', () => {
  let kernel: FakeKernel;
  let client: KernelClient;
  let model: RunsModel;
  let actions: RunActions;
  let commands: CommandRegistry;
  let deeds: Deeds | null;
  let load: () => Promise<Deeds>;
  let current: KernelClient | null;
  let opened: string[][];
  let choice: Choice;
  let context: FakeContext;
  let isShown: boolean;

  beforeEach(async () => {
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
    model = new RunsModel(trans);
    opened = [];
    choice = new Choice();
    isShown = false;
    current = client;
    actions = new RunActions({
      model,
      open: runs => opened.push(runs),
      runCell: () => undefined,
      settings: () => null,
      trans
    });
    deeds = null;
    const obstacle = () => kernelObstacle({ current } as any);
    load = async () => {
      deeds ??= {
        [CommandIDs.runConfiguration]: NOTHING,
        [CommandIDs.insertConfiguration]: NOTHING,
        [CommandIDs.applyPreset]: NOTHING,
        ...runDeeds(model, actions, {
          isCurrent: () => model.client === current,
          isShown: () => true,
          look,
          obstacle,
          trans
        })
      };
      return deeds;
    };
    commands = new CommandRegistry();
    addDeeds(commands, {
      clients: {
        get current() {
          return current;
        }
      } as any,
      notebooks: {
        get currentWidget() {
          return current && {};
        }
      } as any,
      deeds: () => deeds,
      load,
      trans
    });
  });

  afterEach(() => {
    actions.dispose();
    model.dispose();
    client.dispose();
  });

  /** The user looks at the list. */
  async function show(...runs: IRunSummary[]): Promise<void> {
    isShown = true;
    await load();
    look();
    await tell(...runs);
  }

  function look(): () => void {
    model.show(client, choice);
    model.watch();
    return () => isShown || model.unwatch();
  }

  /** The kernel tells of its runs. */
  async function tell(...runs: IRunSummary[]): Promise<void> {
    await settle();
    kernel.comm.reply('watch', {});
    kernel.comm.receive({ type: 'runs', runs, removed: [], fault: null });
    await settle();
  }

  const sent = (type: string) =>
    kernel.comm.sent.filter(request => request.type === type);

  it('are there before the sidebar was shown, and ask the kernel when they are used', async () => {
    expect(commands.isEnabled(CommandIDs.pauseRun)).toBe(true);
    expect(sent('watch')).toHaveLength(0);
    void commands.execute(CommandIDs.pauseRun);
    await tell(run('live', 2, 'training'));
    expect(sent('control').map(({ payload }) => payload.run)).toEqual(['live']);
    kernel.comm.reply('control', {});
    await settle();
    expect(sent('unwatch')).toHaveLength(1);
  });

  it('say what they lack, as soon as that is known', async () => {
    await show(run('old', 1, 'finished'));
    const caption = (id: string) => commands.caption(id);
    expect(commands.isEnabled(CommandIDs.openRun)).toBe(true);
    expect(commands.isEnabled(CommandIDs.pauseRun)).toBe(false);
    expect(caption(CommandIDs.pauseRun)).toBe('No run is training.');
    expect(commands.isEnabled(CommandIDs.compareRuns)).toBe(false);
    current = null;
    expect(commands.isEnabled(CommandIDs.openRun)).toBe(false);
    expect(caption(CommandIDs.openRun)).toMatch(/^Open a notebook/);
  });

  it('are not for a kernel that cannot answer', () => {
    kernel.status = 'dead';
    context.statusChanged.emit('dead');
    expect(commands.isEnabled(CommandIDs.stopRun)).toBe(false);
    expect(commands.caption(CommandIDs.stopRun)).toContain('died');
  });

  it('are for the current run, or else for the newest that they are for', async () => {
    await show(
      run('new', 3, 'finished'),
      run('live', 2, 'training'),
      run('lively', 1, 'training')
    );
    await commands.execute(CommandIDs.openRun);
    expect(opened).toEqual([['new']]);
    const paused = () => kernel.comm.request('control').payload.run;
    void commands.execute(CommandIDs.pauseRun);
    await settle();
    expect(paused()).toBe('live');
    model.current = 'lively';
    void commands.execute(CommandIDs.pauseRun);
    await settle();
    expect(paused()).toBe('lively');
  });

  it('let only a run answer its prompts that has some', async () => {
    const silent = { ...run('silent', 2, 'training'), has_prompts: false };
    await show(silent);
    expect(commands.isEnabled(CommandIDs.sampleRun)).toBe(false);
    expect(commands.caption(CommandIDs.sampleRun)).toMatch(/prompts/);
    kernel.comm.receive({
      type: 'runs',
      runs: [run('asked', 1, 'training')],
      removed: [],
      fault: null
    });
    expect(commands.isEnabled(CommandIDs.sampleRun)).toBe(true);
    void commands.execute(CommandIDs.sampleRun);
    await settle();
    expect(kernel.comm.request('control').payload.run).toBe('asked');
  });

  it('compare what is selected', async () => {
    await show(run('a', 2, 'finished'), run('b', 1, 'finished'));
    model.selectAll();
    await commands.execute(CommandIDs.compareRuns);
    expect(opened).toEqual([['a', 'b']]);
  });
});
