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
import { addDeeds } from '../../commands';
import type { Deeds } from '../../deeds';
import { RunActions } from '../actions';
import { Choice } from '../choice';
import { runDeeds } from '../deeds';
import { RunsModel } from '../model';

const trans = nullTranslator.load('');

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
    curve: []
  };
}

describe('Commands for runs', () => {
  let kernel: FakeKernel;
  let client: KernelClient;
  let model: RunsModel;
  let actions: RunActions;
  let commands: CommandRegistry;
  let deeds: Deeds | null;
  let isCurrent: boolean;
  let opened: string[][];

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
    model = new RunsModel(trans);
    opened = [];
    isCurrent = true;
    actions = new RunActions({
      model,
      open: runs => opened.push(runs),
      runCell: () => undefined,
      settings: () => null,
      trans
    });
    commands = new CommandRegistry();
    deeds = null;
    addDeeds(commands, () => deeds, trans);
  });

  afterEach(() => {
    actions.dispose();
    model.dispose();
    client.dispose();
  });

  /** The sidebar is shown, with these runs. */
  async function show(...runs: IRunSummary[]): Promise<void> {
    const nothing = { isEnabled: () => false, execute: () => undefined };
    deeds = {
      [CommandIDs.runConfiguration]: nothing,
      [CommandIDs.insertConfiguration]: nothing,
      ...runDeeds(model, actions, {
        isCurrent: () => isCurrent,
        isShown: () => true
      })
    };
    model.show(client, new Choice());
    model.watch();
    await settle();
    kernel.comm.reply('watch', {});
    kernel.comm.receive({ type: 'runs', runs, removed: [] });
  }

  it('wait for the sidebar, and for a run that can be told so', async () => {
    expect(commands.isEnabled(CommandIDs.openRun)).toBe(false);
    await show(run('old', 1, 'finished'));
    expect(commands.isEnabled(CommandIDs.openRun)).toBe(true);
    expect(commands.isEnabled(CommandIDs.pauseRun)).toBe(false);
    expect(commands.isEnabled(CommandIDs.compareRuns)).toBe(false);
    isCurrent = false;
    expect(commands.isEnabled(CommandIDs.openRun)).toBe(false);
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

  it('compare what is selected', async () => {
    await show(run('a', 2, 'finished'), run('b', 1, 'finished'));
    model.selectAll();
    await commands.execute(CommandIDs.compareRuns);
    expect(opened).toEqual([['a', 'b']]);
  });
});
