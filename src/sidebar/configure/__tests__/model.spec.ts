import type { NotebookPanel, NotebookTracker } from '@jupyterlab/notebook';
import { NotebookActions } from '@jupyterlab/notebook';
import { NBTestUtils } from '@jupyterlab/notebook/lib/testutils';
import { nullTranslator } from '@jupyterlab/translation';

import { Signal } from '@lumino/signaling';
import { Widget } from '@lumino/widgets';

import {
  focus,
  openNotebook,
  sources,
  track
} from '../../../cell/__tests__/notebooks';
import { CellTracker } from '../../../cell/tracker';
import {
  FakeContext,
  FakeKernel,
  settle
} from '../../../kernel/__tests__/fakeKernel';
import { KernelClient } from '../../../kernel/client';
import { KernelClients } from '../../../kernel/clients';
import type { IVariable } from '../../../kernel/protocol';
import { runObstacle } from '../deeds';
import { ConfigureModel } from '../model';
import { recorded } from './recorded';

const trans = nullTranslator.load('');
const RUN = '%%finetune run\nmodel: X   # small\ndata: $df\n';
const RATE = ['training', 'learning_rate'];
const DF: IVariable = {
  name: 'df',
  type: 'pandas.DataFrame',
  rows: 10,
  columns: ['prompt', 'completion'],
  content: '0f1e'
};

/** What the kernel says of a configuration with a mistake. */
const WRONG = {
  ok: false,
  problems: [
    {
      line: 4,
      key: 'training.learning_rate',
      message: 'must be auto or a number above 0; got -1',
      hint: '',
      changes: []
    },
    {
      line: 5,
      key: 'training.epoch',
      message: 'unknown key',
      hint: 'did you mean num_train_epochs?',
      changes: [
        {
          path: ['training', 'num_train_epochs'],
          value: null,
          replaces: ['training', 'epoch'],
          label: ''
        }
      ]
    }
  ],
  config: null,
  translation: null
};

const SUMMARY = { name: 'run', state: 'finished', started: 1 };

const RIGHT = { ok: true, problems: [], config: {}, translation: null };

describe('ConfigureModel', () => {
  let panel: NotebookPanel;
  let other: NotebookPanel;
  let notebooks: NotebookTracker;
  let cells: CellTracker;
  let kernels: Map<NotebookPanel, FakeKernel>;
  let contexts: Map<NotebookPanel, FakeContext>;
  let clients: KernelClients;
  let model: ConfigureModel;
  let settings: FakeSettings;
  const view = {};

  // JupyterLab fills cells before they belong to a document, of which yjs warns each time.
  beforeAll(() => {
    jest.spyOn(console, 'warn').mockImplementation();
    jest.spyOn(console, 'debug').mockImplementation();
  });
  afterAll(() => jest.restoreAllMocks());

  beforeEach(async () => {
    panel = await openNotebook(['import pandas', RUN, '# text']);
    other = await openNotebook(['# another']);
    notebooks = await track(panel, other);
    kernels = new Map();
    contexts = new Map();
    clients = new KernelClients(notebooks, panel => {
      const kernel = new FakeKernel();
      const context = new FakeContext(kernel);
      kernels.set(panel, kernel);
      contexts.set(panel, context);
      return new KernelClient({
        sessionContext: context.asContext,
        version: '0.1.0',
        trans
      });
    });
    cells = new CellTracker(notebooks);
    settings = new FakeSettings();
    model = new ConfigureModel(
      { clients, settings: settings as any, state: null, trans },
      cells
    );
    await settle();
    for (const kernel of kernels.values()) {
      kernel.comm.reply('version', { version: '0.1.0', python: '3.11.7' });
    }
    await settle();
  });

  afterEach(() => {
    jest.useRealTimers();
    model.dispose();
    cells.dispose();
    panel.dispose();
    other.dispose();
  });

  const comm = (of = panel) => kernels.get(of)!.comm;
  const count = (type: string) =>
    comm().sent.filter(request => request.type === type).length;

  /** The user looks at the form, and the kernel says what it knows. */
  async function show(variables = [DF]): Promise<void> {
    model.show(view, true);
    await settle();
    comm().reply('schema', recorded.schema);
    comm().reply('models', []);
    comm().reply('presets', recorded.presets);
    comm().reply('variables', variables);
    await settle();
  }

  /** Let the form wait, and the kernel judge. */
  async function pause(seconds: number): Promise<void> {
    await new Promise(resolve => setTimeout(resolve, seconds * 1000));
  }

  /** What is said at each field. */
  const messages = () =>
    Object.fromEntries(
      Object.entries(model.messages).map(([key, said]) => [
        key,
        said.map(({ text }) => text)
      ])
    );

  const choose = (index: number) => {
    panel.content.activeCellIndex = index;
  };
  const shared = (index: number) => panel.model!.sharedModel.getCell(index);

  /** The list of runs comes: one, in this state. */
  const told = (state: string) =>
    comm().receive({
      type: 'runs',
      removed: [],
      runs: [{ ...SUMMARY, state }],
      fault: null
    });

  /** The kernel finds the configuration right, and looks at the data. */
  async function planned(inspection: object): Promise<void> {
    await pause(0.4);
    comm().reply('validate', RIGHT);
    await pause(1.1);
    comm().reply('inspect', inspection);
    await settle();
  }

  it('asks nothing before it is shown, and nothing more when it is hidden', async () => {
    const before = comm().sent.length;
    choose(1);
    model.change([{ path: RATE, value: 0.1 }]);
    await pause(0.4);
    expect(comm().sent).toHaveLength(before);
    await show();
    model.show(view, false);
    await settle();
    const asked = comm().sent.length;
    model.change([{ path: RATE, value: 0.2 }]);
    await pause(0.4);
    expect(comm().sent).toHaveLength(asked);
  });

  it('can run a configuration of several sources', async () => {
    await show();
    model.change([
      { path: ['data', 'train'], value: ['$df', { source: 'x', weight: 2 }] }
    ]);
    expect(model.sources).toEqual(['$df', { source: 'x', weight: 2 }]);
    expect(runObstacle(model, trans)).toBe('');
    model.change([{ path: ['data', 'train'], value: ['', null] }]);
    expect(model.sources).toEqual([]);
    expect(runObstacle(model, trans)).toBe('Choose the training data.');
  });

  it('edits the chosen cell, and the draft of the notebook where none is chosen', async () => {
    await show();
    choose(1);
    expect(model.sources).toEqual(['$df']);
    model.change([{ path: RATE, value: 0.0002 }]);
    const edited = `${RUN}training:\n  learning_rate: 0.0002\n`;
    expect(sources(panel)[1]).toBe(edited);
    choose(2);
    expect(model.edited.text).toBe('');
    model.change([{ path: ['data', 'train'], value: 'x.jsonl' }]);
    expect(model.edited.text).toBe('data: x.jsonl');
    focus(other);
    expect(model.edited.text).toBe('');
    focus(panel);
    expect(model.edited.text).toBe('data: x.jsonl');
    expect(sources(panel)).toEqual(['import pandas', edited, '# text']);
  });

  it('shows what is typed at once, and writes it when the typing pauses', async () => {
    await show();
    choose(1);
    for (const value of ['1', '1e', '1e-', 0.1]) {
      model.change([{ path: RATE, value }], true);
      expect(model.edited.document.get(RATE)).toBe(value);
      expect(sources(panel)[1]).toBe(RUN);
    }
    await pause(0.5);
    expect(sources(panel)[1]).toContain('learning_rate: 0.1');
    panel.content.activeCell!.model.sharedModel.undo();
    expect(sources(panel)[1]).toBe(RUN);
  });

  it('takes the whole text as it is typed, and loses none of it on the way to another cell', async () => {
    await show();
    choose(1);
    model.edited.type('data: $df\nmodel: [');
    expect(model.edited.document.problem).not.toBeNull();
    expect(model.values).toMatchObject({ data: { train: '$df' } });
    model.edited.type('data: $df\nmodel: Y\n');
    expect(sources(panel)[1]).toBe(RUN);
    choose(2);
    expect(sources(panel)[1]).toBe('%%finetune run\ndata: $df\nmodel: Y\n');
    panel.content.widgets[1].model.sharedModel.undo();
    expect(sources(panel)[1]).toBe(RUN);
    model.edited.type('data: $df');
    model.change([{ path: RATE, value: 0.1 }]);
    expect(model.edited.draft.text).toContain('learning_rate: 0.1');
    model.edited.draft.undo();
    expect(model.edited.text).toBe('data: $df');
  });

  it('loses no edit when another cell or notebook is chosen while typing', async () => {
    await show();
    choose(1);
    model.change([{ path: RATE, value: 0.1 }], true);
    choose(2);
    expect(sources(panel)[1]).toContain('learning_rate: 0.1');
    choose(1);
    model.change([{ path: RATE, value: 0.2 }], true);
    focus(other);
    expect(sources(panel)[1]).toContain('learning_rate: 0.2');
  });

  it('says what the kernel finds wrong at the field, and the rest above', async () => {
    await show();
    choose(1);
    await pause(0.4);
    expect(comm().request('validate').payload).toEqual({
      text: 'model: X   # small\ndata: $df\n'
    });
    expect(model.checkState).toBe('checking');
    comm().reply('validate', WRONG);
    await settle();
    expect(model.checkState).toBe('checked');
    expect(messages()).toEqual({
      'training.learning_rate': ['must be auto or a number above 0; got -1']
    });
    expect(model.otherProblems.map(({ key }) => key)).toEqual([
      'training.epoch'
    ]);
  });

  it('mends a mistake in one step, and is checked at once', async () => {
    const text = `${RUN}training:\n  epoch: 2 # short\n  seed: 1\n`;
    shared(1).setSource(text);
    await show();
    choose(1);
    await pause(0.4);
    comm().reply('validate', WRONG);
    await settle();
    const asked = count('validate');
    model.mend(model.otherProblems[0].changes[0]);
    expect(shared(1).getSource()).toBe(
      text.replace('epoch: 2', 'num_train_epochs: 2')
    );
    await settle();
    expect(count('validate')).toBe(asked + 1);
    comm().reply('validate', RIGHT);
    await settle();
    expect(model.problems).toEqual([]);
    shared(1).undo();
    expect(shared(1).getSource()).toBe(text);
  });

  it('takes what mends a fault of the data to its field, and null as no value', async () => {
    await show();
    choose(1);
    await pause(0.4);
    comm().reply('validate', RIGHT);
    await pause(1.1);
    const changes = [
      { path: ['data', 'train'], value: '$rows', replaces: null, label: '' },
      { path: ['model'], value: null, replaces: null, label: '' }
    ];
    const { id } = comm().request('inspect');
    const error = {
      what: 'No df.',
      where: 'data.train: $df',
      fix: '',
      changes
    };
    comm().receive({ id, type: 'error', error });
    await settle();
    expect(model.plan?.fault?.changes).toEqual(changes);
    const [message] = model.messages['data.train'];
    expect(message.changes).toEqual(changes);
    message.changes.forEach(change => model.mend(change));
    expect(shared(1).getSource()).toBe('%%finetune run\ndata: $rows\n');
  });

  it('heeds the last question only, whichever answer comes last', async () => {
    await show();
    choose(1);
    await pause(0.4);
    const first = comm().request('validate');
    model.change([{ path: RATE, value: 0.1 }]);
    await pause(0.4);
    comm().reply('validate', RIGHT);
    comm().receive({ id: first.id, type: 'reply', payload: WRONG });
    await settle();
    expect(model.problems).toEqual([]);
    expect(model.checkState).toBe('checked');
  });

  it('is read-only while the cell cannot be read, and says where', async () => {
    await show();
    choose(1);
    const cell = panel.content.activeCell!.model.sharedModel;
    cell.setSource('%%finetune run\ndata: {$df\n');
    expect(model.edited.isEditable).toBe(false);
    expect(model.edited.document.problem).not.toBeNull();
    expect(model.edited.linesBefore).toBe(1);
    expect(model.fields.length).toBeGreaterThan(20);
    model.change([{ path: RATE, value: 0.1 }]);
    expect(cell.getSource()).toBe('%%finetune run\ndata: {$df\n');
    cell.setSource(RUN);
    expect(model.edited.isEditable).toBe(true);
  });

  it('knows what a LLaMA-Factory file says, and leaves it alone until it is translated', async () => {
    await show();
    choose(1);
    const { sharedModel } = panel.content.activeCell!.model;
    const theirs = 'model_name_or_path: m\ndataset: mine\nstage: sft\n';
    sharedModel.setSource(`%%finetune\n${theirs}`);
    await pause(0.5);
    comm().reply('validate', { ...RIGHT, translation: 'data: mine # !\n' });
    await settle();
    expect(model.sources).toEqual(['mine']);
    expect(model.canRun).toBe(true);
    model.change([{ path: ['data', 'train'], value: 'other' }]);
    expect(model.edited.text).toBe(theirs);

    model.edited.replace(model.edited.translation!);
    expect(sharedModel.getSource()).toBe('%%finetune\ndata: mine # !\n');
    expect(model.edited.translation).toBeNull();
    expect(model.edited.isEditable).toBe(true);
    (sharedModel as any).undo();
    expect(model.edited.text).toBe(theirs);
  });

  it('shows nothing of a configuration in whose place one that cannot be read was put', async () => {
    await show();
    choose(1);
    const { edited } = model;
    edited.replace('model_name_or_path: m\ndataset: mine\n');
    expect(edited.readable.isForeign).toBe(true);
    edited.replace('model_name_or_path: m\ndataset: mine\n');
    expect(edited.readable.isForeign).toBe(true);
    edited.replace('{');
    expect(edited.readable.isForeign).toBe(false);
    expect(edited.isEditable).toBe(false);
  });

  it('keeps an edit that was on its way when the cell became unreadable', async () => {
    await show();
    choose(1);
    model.change([{ path: RATE, value: 0.1 }], true);
    const cell = panel.content.activeCell!.model.sharedModel;
    cell.setSource('%%finetune run\ndata: {$df\n');
    await pause(0.5);
    cell.setSource(RUN);
    expect(model.edited.document.get(RATE)).toBe(0.1);
    model.edited.flush();
    expect(cell.getSource()).toContain('learning_rate: 0.1');
  });

  it('looks at the data a second after the configuration is right, and lets an older look go', async () => {
    await show();
    choose(1);
    await pause(0.4);
    comm().reply('validate', RIGHT);
    await pause(1.1);
    expect(count('inspect')).toBe(1);
    expect(model.plan?.isComputing).toBe(true);
    void model.computePlan();
    expect(count('inspect')).toBe(1);
    const older = comm().request('inspect').id;
    model.change([{ path: RATE, value: 0.1 }]);
    void model.computePlan();
    await settle();
    expect(count('inspect')).toBe(2);
    const gone = { what: 'A newer one came.', where: '', fix: '' };
    comm().receive({ id: older, type: 'error', error: gone });
    await settle();
    expect(model.plan).toMatchObject({ fault: null, isComputing: true });
    expect(comm().request('inspect').payload.text).toBe(model.edited.text);
    const fault = { what: 'No rows.', where: '$df', fix: 'Add one.' };
    const { id } = comm().request('inspect');
    comm().receive({ id, type: 'error', error: fault });
    await settle();
    expect(model.plan?.fault).toMatchObject(fault);
    expect(messages()['data.train']).toEqual(['No rows. Add one.']);
  });

  it('shows no plan of another cell, of an empty or of a wrong configuration', async () => {
    shared(2).setSource('%%finetune other\ndata: $other\n');
    await show();
    choose(1);
    await planned({ steps: 60, notices: [] });
    expect(model.plan).toMatchObject({ isOld: false, isComputing: false });
    choose(2);
    expect(model.plan).toBeNull();
    choose(0);
    expect(model.plan).toBeNull();
    choose(1);
    expect(model.plan?.inspection?.steps).toBe(60);
    model.change([{ path: RATE, value: -1 }]);
    expect(model.plan).toMatchObject({ isOld: true });
    await pause(0.4);
    comm().reply('validate', WRONG);
    await settle();
    expect(model.plan).toBeNull();
    expect(model.canRun).toBe(false);
    expect(model.mistakes[0].key).toBe('training.learning_rate');
    choose(2);
    expect(model.problems).toEqual([]);
  });

  it('says what the kernel found of one cell only there', async () => {
    shared(2).setSource('%%finetune other\nmodel: Y\ndata: $df\n');
    await show();
    choose(1);
    await pause(0.4);
    comm().reply('validate', RIGHT);
    await pause(1.1);
    const { id } = comm().request('inspect');
    const fault = { what: 'No X.', where: 'model.name_or_path', fix: '' };
    comm().receive({ id, type: 'error', error: fault });
    await settle();
    expect(messages()).toEqual({ 'model.name_or_path': ['No X.'] });
    choose(2);
    expect(model.plan).toBeNull();
    expect(messages()).toEqual({});
    expect(model.mistakes).toEqual([]);
  });

  it('looks at the data again when a cell has changed the variable', async () => {
    await show();
    choose(1);
    await planned({ steps: 60, notices: [] });
    const ran = async (variables: IVariable[]) => {
      const notebook = panel.content;
      (NotebookActions.executed as Signal<any, any>).emit({ notebook });
      await settle();
      comm().reply('variables', variables);
      await pause(1.1);
    };
    await ran([DF, { ...DF, name: 'another' }]);
    expect(count('inspect')).toBe(1);
    await ran([{ ...DF, rows: 5 }]);
    expect(count('inspect')).toBe(2);
    expect(model.plan).toMatchObject({ isOld: true, isComputing: true });
    comm().reply('inspect', { steps: 30, notices: [] });
    await settle();
    expect(model.plan).toMatchObject({ isOld: false, isComputing: false });
    // Other rows, as many, with the same columns.
    await ran([{ ...DF, rows: 5, content: '2d3c' }]);
    expect(count('inspect')).toBe(3);
    expect(model.plan).toMatchObject({ isOld: true, isComputing: true });
  });

  it('takes a kernel that goes away for no fault of the configuration', async () => {
    await show();
    choose(1);
    await pause(0.4);
    comm().reply('validate', RIGHT);
    await pause(1.1);
    contexts.get(panel)!.restart();
    await settle();
    expect(model.plan).toBeNull();
  });

  it('offers no variables of another notebook', async () => {
    await show();
    expect(model.facts.variables).toEqual([DF]);
    focus(other);
    expect(model.facts.variables).toBeNull();
    contexts.get(panel)!.restart();
    focus(panel);
    expect(model.facts.variables).toEqual([DF]);
    focus(other);
    expect(model.facts.variables).toBeNull();
  });

  it('leaves a cell alone that may not be edited', async () => {
    shared(1).setMetadata('editable', false);
    await show();
    choose(1);
    expect(model.edited.canReplace).toBe(false);
    model.edited.replace('data: $other\n');
    expect(sources(panel)[1]).toBe(RUN);
    shared(1).deleteMetadata('editable');
    expect(model.edited.canReplace).toBe(true);
  });

  it('takes a configuration with the line ends of another system', async () => {
    await show();
    choose(1);
    model.edited.replace('\ufeffdata: $df\r\ntraining:\r  seed: 1\r\n');
    expect(sources(panel)[1]).toBe(
      '%%finetune run\ndata: $df\ntraining:\n  seed: 1\n'
    );
  });

  it('shows what a cell said last while it cannot be read', async () => {
    await show();
    choose(1);
    shared(1).setSource('%%finetune run\ndata: {$df\n');
    expect(model.values).toEqual({
      model: { name_or_path: 'X' },
      data: { train: '$df' }
    });
    expect(model.canRun).toBe(false);
    expect(model.plan).toBeNull();
  });

  it('makes JupyterLab ask before it closes a notebook while something is typed', async () => {
    await show();
    choose(1);
    panel.context.model.dirty = false;
    model.change([{ path: RATE, value: 0.1 }], true);
    expect(sources(panel)[1]).toBe(RUN);
    expect(panel.context.model.dirty).toBe(true);
  });

  it('gives an edit back to its cell when that can be read again', async () => {
    await show();
    choose(1);
    model.change([{ path: RATE, value: 0.1 }], true);
    shared(1).setSource('%%finetune run\ndata: {$df\n');
    choose(2);
    await pause(0.5);
    expect(sources(panel)[1]).toBe('%%finetune run\ndata: {$df\n');
    shared(1).setSource(RUN);
    choose(1);
    expect(model.edited.document.get(RATE)).toBe(0.1);
    await pause(0.5);
    expect(sources(panel)[1]).toContain('learning_rate: 0.1');
  });

  it('writes nothing into a cell that has become another kind', async () => {
    await show();
    choose(1);
    model.change([{ path: RATE, value: 0.1 }], true);
    shared(1).setSource('print(1)');
    await pause(0.5);
    expect(sources(panel)[1]).toBe('print(1)');
  });

  it('writes what is typed before the page goes', async () => {
    await show();
    choose(1);
    model.change([{ path: RATE, value: 0.1 }], true);
    window.dispatchEvent(new Event('beforeunload'));
    expect(sources(panel)[1]).toContain('learning_rate: 0.1');
  });

  it('brings the values of a method back with it', async () => {
    await show();
    choose(1);
    model.change([{ path: ['method', 'r'], value: 64 }]);
    model.change([{ path: ['method', 'type'], value: 'full' }]);
    expect(model.edited.document.expanded.method).toEqual({ type: 'full' });
    model.change([{ path: ['method', 'type'], value: 'lora' }]);
    expect(model.edited.document.expanded.method).toEqual({
      type: 'lora',
      r: 64
    });
  });

  it('says when a variable has changed or gone since it was chosen', async () => {
    await show();
    choose(1);
    expect(messages()).toEqual({});
    const look = async (variables: IVariable[]) => {
      const notebook = panel.content;
      (NotebookActions.executed as Signal<any, any>).emit({ notebook });
      await settle();
      comm().reply('variables', variables);
      await settle();
      return messages()['data.train'];
    };
    const field = model.fields.find(({ key }) => key === 'data.train')!;
    // Not wrong: it may be what the user wants.
    expect(await look([{ ...DF, rows: 7 }])).toBeUndefined();
    expect(model.noteOn(field)).toMatch(/10 rows then, 7 now/);
    const weighted = { source: '$df', num_samples: 3 };
    model.change([{ path: ['data', 'train'], value: weighted }]);
    expect(model.noteOn(field)).toMatch(/10 rows then, 7 now/);
    await look([{ ...DF, columns: ['text'] }]);
    expect(model.noteOn(field)).toMatch(/columns/);
    model.accept(field);
    expect(model.noteOn(field)).toBeNull();
    expect(await look([])).toEqual([expect.stringMatching(/df has gone/)]);
    expect(model.noteOn(field)).toBeNull();
    expect(await look([{ ...DF, columns: ['text'] }])).toBeUndefined();
  });

  it('says once that a variable has gone, as the kernel says it when it has looked', async () => {
    await show();
    choose(1);
    await planned({ steps: 60, notices: [] });
    void model.facts.loadVariables();
    await settle();
    comm().reply('variables', []);
    await settle();
    expect(messages()['data.train']).toHaveLength(1);
    await pause(1.1);
    const { id } = comm().request('inspect');
    const fault = { what: 'No df.', where: 'data.train: $df', fix: 'Run it.' };
    comm().receive({ id, type: 'error', error: fault });
    await settle();
    expect(messages()['data.train']).toEqual(['No df. Run it.']);
  });

  it('runs nothing whose data are not there, until they are there again', async () => {
    const executed = NotebookActions.executed as Signal<any, any>;
    const ran = async (variables: IVariable[]) => {
      executed.emit({ notebook: panel.content });
      await settle();
      comm().reply('variables', variables);
      await pause(1.1);
    };
    await show();
    choose(1);
    await planned({ steps: 60, notices: [] });
    expect(model.canRun).toBe(true);
    await ran([]);
    expect(model.mistakes).toHaveLength(1);
    expect(runObstacle(model, trans)).toContain('Training data: ');
    expect(model.canRun).toBe(false);
    await ran([DF]);
    comm().reply('inspect', { steps: 60, notices: [] });
    await settle();
    expect(model.mistakes).toEqual([]);
    expect(model.canRun).toBe(true);
  });

  it('asks for the variables when one is named that is not known, once', async () => {
    await show();
    const asked = count('variables');
    choose(1);
    model.change([{ path: ['data', 'train'], value: '$kept' }]);
    await pause(0.8);
    comm().reply('validate', RIGHT);
    await settle();
    expect(count('variables')).toBe(asked + 1);
    comm().reply('variables', [DF, { ...DF, name: 'kept' }]);
    await settle();
    expect(model.mistakes).toEqual([]);
    model.change([{ path: RATE, value: 0.1 }]);
    await pause(0.8);
    comm().reply('validate', RIGHT);
    await settle();
    expect(count('variables')).toBe(asked + 1);
  });

  it('runs nothing whose file is missing, and looks again when a cell has been run', async () => {
    await show();
    choose(1);
    await pause(0.4);
    comm().reply('validate', RIGHT);
    await pause(1.1);
    const { id } = comm().request('inspect');
    const fault = { what: 'No file.', where: 'data.train: a.jsonl', fix: '' };
    comm().receive({ id, type: 'error', error: fault });
    await settle();
    expect(runObstacle(model, trans)).toBe('Training data: No file.');
    expect(model.canRun).toBe(false);
    expect(model.canLook).toBe(true);
    const executed = NotebookActions.executed as Signal<any, any>;
    executed.emit({ notebook: panel.content });
    await settle();
    comm().reply('variables', [DF]);
    await pause(1.1);
    comm().reply('inspect', { steps: 60, notices: [] });
    await settle();
    expect(model.canRun).toBe(true);
  });

  it('looks again at what was at fault, and at nothing else, when the user turns to the form', async () => {
    await show();
    choose(1);
    model.lookAgain();
    await pause(0.4);
    comm().reply('validate', RIGHT);
    await pause(1.1);
    const looks = () =>
      comm().sent.filter(({ type }: any) => type === 'inspect').length;
    const { id } = comm().request('inspect');
    const fault = { what: 'The Hub cannot be reached.', where: '', fix: '' };
    comm().receive({ id, type: 'error', error: fault });
    await settle();
    expect(looks()).toBe(1);
    model.lookAgain();
    model.lookAgain();
    await pause(1.1);
    expect(looks()).toBe(2);
    comm().reply('inspect', { steps: 60, notices: [] });
    await settle();
    expect(model.plan?.fault).toBeNull();
    model.lookAgain();
    await pause(1.1);
    expect(looks()).toBe(2);
  });

  it('looks how long a run takes when one has finished', async () => {
    await show();
    told('running');
    choose(1);
    await planned({ steps: 60, seconds: null, notices: [] });
    told('running');
    await settle();
    expect(count('inspect')).toBe(1);
    told('finished');
    await settle();
    expect(count('inspect')).toBe(2);
    comm().reply('inspect', { steps: 60, seconds: 9, notices: [] });
    await settle();
    expect(model.plan?.inspection?.seconds).toBe(9);
    told('running');
    told('finished');
    await settle();
    expect(count('inspect')).toBe(2);
  });

  it('looks anew at a draft that was not measured when a run of another cell has finished', async () => {
    await show();
    told('running');
    model.change([{ path: ['data', 'train'], value: '$df' }]);
    await planned({ steps: 60, seconds: null, notices: [] });
    expect(model.plan?.inspection?.steps).toBe(60);
    choose(1);
    await planned({ steps: 9, seconds: 9, notices: [] });
    told('finished');
    await settle();
    choose(0);
    await planned({ steps: 60, seconds: 12, notices: [] });
    expect(model.plan?.inspection?.seconds).toBe(12);
  });

  it('goes on without a kernel, and asks the next one again', async () => {
    await show();
    choose(1);
    const { schema } = model.facts;
    contexts.get(panel)!.setKernel(null);
    expect(model.checkState).toBe('waiting');
    expect(model.facts.schema).toBe(schema);
    model.change([{ path: RATE, value: 0.1 }]);
    expect(sources(panel)[1]).toContain('learning_rate: 0.1');
    const kernel = new FakeKernel();
    kernels.set(panel, kernel);
    contexts.get(panel)!.setKernel(kernel);
    await settle();
    comm().reply('version', { version: '0.1.0', python: '3.11.7' });
    await settle();
    expect(comm().request('schema')).toBeDefined();
    await pause(0.4);
    expect(comm().request('validate').payload.text).toBe(model.edited.text);
  });

  it('inserts the draft as a cell under a free name', async () => {
    await show();
    choose(2);
    model.change([{ path: ['data', 'train'], value: '$df' }], true);
    const inserted = model.launch.insert();
    await settle();
    comm().reply('runs', [{ name: 'run2' }]);
    await inserted;
    expect(sources(panel).slice(-2)).toEqual([
      '%load_ext llmtune_kernel',
      '%%finetune run3\ndata: $df'
    ]);
    expect(model.edited.cell?.header.name).toBe('run3');
  });

  it('gives a cell whose name a run has the next free one before it runs', async () => {
    await show();
    choose(1);
    const runs = { type: 'runs', removed: [], runs: [SUMMARY], fault: null };
    expect(model.launch.nextName).toBeNull();
    comm().receive(runs);
    expect(model.launch.nextName).toBe('run2');
    const done = model.launch.run();
    const again = model.launch.run();
    await settle();
    expect(count('runs')).toBe(1);
    comm().reply('runs', [SUMMARY]);
    await Promise.all([done, again]);
    expect(sources(panel)[1]).toBe(RUN.replace('run', 'run2'));
    expect(model.launch.nextName).toBeNull();
    shared(1).setSource(RUN.replace('run', 'run --resume old'));
    expect(model.launch.nextName).toBeNull();
  });

  it('inserts one cell, however often it is clicked', async () => {
    await show();
    choose(2);
    model.change([{ path: ['data', 'train'], value: '$df' }]);
    const before = sources(panel).length;
    const clicks = [
      model.launch.insert(),
      model.launch.run(),
      model.launch.insert()
    ];
    await settle();
    comm().reply('runs', []);
    await Promise.all(clicks);
    expect(sources(panel)).toHaveLength(before + 2);
  });

  it('begins a draft as the settings say, until the user edits it', async () => {
    settings.composite = { defaultPreset: 'quick', onKernelExit: 'stop' };
    await show();
    expect(model.edited.document.expanded).toMatchObject({
      training: { max_steps: 20 },
      launch: { on_kernel_exit: 'stop' }
    });
    model.edited.replace('data: $df\n');
    void model.facts.loadVariables();
    await settle();
    comm().reply('variables', []);
    await settle();
    expect(model.edited.text).toBe('data: $df\n');
    model.edited.draft.undo();
    expect(model.edited.document.get(['training', 'max_steps'])).toBe(20);
  });

  it('saves configurations in the settings', async () => {
    await show();
    choose(1);
    await model.saved.save('mine', model.edited.text);
    await model.saved.save('other', model.edited.text);
    expect(model.saved.all).toEqual({
      mine: model.edited.text,
      other: model.edited.text
    });
    await model.saved.delete('mine');
    expect(Object.keys(model.saved.all)).toEqual(['other']);
  });

  describe('with a store', () => {
    let kept: Map<string, string>;
    const TRAIN = { path: ['data', 'train'], value: '$df' };

    beforeEach(() => {
      kept = new Map();
    });

    /** As after a reload of the page. */
    async function create(): Promise<ConfigureModel> {
      const state = {
        fetch: async (id: string) => kept.get(id),
        save: async (id: string, text: string) => kept.set(id, text),
        remove: async (id: string) => kept.delete(id)
      };
      const made = new ConfigureModel(
        { clients, settings: null, trans, state },
        cells
      );
      await settle();
      return made;
    }

    it('keeps a draft, and takes it from there', async () => {
      const first = await create();
      first.change([TRAIN]);
      first.dispose();
      const second = await create();
      expect(second.edited.text).toBe('data: $df');
      second.dispose();
    });

    it('keeps none that was taken back', async () => {
      const first = await create();
      first.change([TRAIN]);
      first.edited.draft.undo();
      first.dispose();
      const second = await create();
      expect(second.edited.text).toBe('');
      second.dispose();
    });

    it('keeps one draft for all views of a notebook', async () => {
      const view = NBTestUtils.createNotebookPanel(panel.context as any);
      Widget.attach(view, document.body);
      await notebooks.add(view);
      const first = await create();
      first.change([TRAIN]);
      focus(view);
      expect(cells.panel).toBe(view);
      expect(first.edited.text).toBe('data: $df');
      first.dispose();
      focus(panel);
      view.dispose();
    });

    it('lets a draft go along with the notebook when that is renamed', async () => {
      const first = await create();
      first.change([TRAIN]);
      const [old] = kept.keys();
      const { context } = panel;
      (context as any)._path = 'renamed.ipynb';
      (context.pathChanged as Signal<any, string>).emit('renamed.ipynb');
      expect([...kept]).toEqual([
        [expect.stringMatching(/renamed\.ipynb$/), 'data: $df']
      ]);
      expect(kept.has(old)).toBe(false);
      first.dispose();
    });
  });
});

/** The settings of the extension, without a server to save them. */
class FakeSettings {
  composite: { [key: string]: unknown } = {};
  readonly changed = new Signal<this, void>(this);

  async set(key: string, value: unknown): Promise<void> {
    this.composite = { ...this.composite, [key]: value };
    this.changed.emit();
  }
}
