import type { ICodeCellModel } from '@jupyterlab/cells';
import type { ICell, INotebookContent, IOutput } from '@jupyterlab/nbformat';
import { NotebookModel } from '@jupyterlab/notebook';

import type { ISnapshot } from '../../tokens';
import { liveOutputs, replaceOutputs, takeWidgetsAway } from '../outputs';

const WIDGET_VIEW = 'application/vnd.jupyter.widget-view+json';

const SNAPSHOT: ISnapshot = {
  id: 'run-1',
  outputs: {
    panel: { data: { 'text/plain': 'finished' }, metadata: {} },
    chart: {
      data: { 'text/html': '<svg></svg>', 'text/plain': 'loss 3 → 1' },
      metadata: { llmtune: { id: 'run-1', part: 'chart' } }
    }
  }
};

function live(id: string, part: string): IOutput {
  return {
    output_type: 'display_data',
    data: {
      [WIDGET_VIEW]: { version_major: 2, version_minor: 0, model_id: 'm' },
      'text/plain': 'running'
    },
    metadata: {
      llmtune: { id, part, run: `run ${id}`, began: 1.5, live: true }
    }
  };
}

function code(outputs: IOutput[]): ICell {
  return {
    cell_type: 'code',
    source: '',
    metadata: {},
    execution_count: 1,
    outputs
  };
}

function notebook(cells: ICell[]): NotebookModel {
  const model = new NotebookModel();
  model.fromJSON({
    cells,
    metadata: {},
    nbformat: 4,
    nbformat_minor: 4
  } as INotebookContent);
  model.dirty = false;
  return model;
}

/** The outputs of a cell as they would be saved. */
function saved(model: NotebookModel, cell: number): IOutput[] {
  const content = model.sharedModel.toJSON() as INotebookContent;
  return content.cells[cell].outputs as IOutput[];
}

describe('replaceOutputs', () => {
  // JupyterLab fills cells before they belong to a document, of which yjs warns each time.
  beforeAll(() => jest.spyOn(console, 'warn').mockImplementation());
  afterAll(() => jest.restoreAllMocks());

  it('puts each part in its place, in what is saved too', () => {
    const stream: IOutput = {
      output_type: 'stream',
      name: 'stdout',
      text: 'hello\n'
    };
    const model = notebook([
      { cell_type: 'markdown', source: '# Title', metadata: {} },
      code([live('run-1', 'panel'), stream, live('run-1', 'chart')])
    ]);
    replaceOutputs(model, SNAPSHOT);

    const [panel, between, chart] = saved(model, 1);
    expect(panel.data).toEqual({ 'text/plain': 'finished' });
    expect(chart.data).toEqual(SNAPSHOT.outputs.chart.data);
    expect(between).toEqual(stream);
    expect(chart.metadata).toEqual({ llmtune: { id: 'run-1', part: 'chart' } });
    expect(panel.metadata).toEqual({});
    const { outputs } = model.cells.get(1) as ICodeCellModel;
    expect(outputs.get(0).data).toEqual({ 'text/plain': 'finished' });
    expect(model.dirty).toBe(true);
  });

  it('leaves the outputs of other runs and of other programs alone', () => {
    const other: IOutput = {
      output_type: 'display_data',
      data: { [WIDGET_VIEW]: { model_id: 'x' } },
      metadata: {}
    };
    const cells = [code([live('run-2', 'chart'), other])];
    const model = notebook(cells);
    replaceOutputs(model, SNAPSHOT);
    expect(saved(model, 0)).toEqual(cells[0].outputs);
    expect(model.dirty).toBe(false);
  });

  it('leaves an output alone that is static already', () => {
    const done = live('run-1', 'panel');
    done.data = { 'text/plain': 'finished, as the kernel had it' };
    done.metadata = { llmtune: { id: 'run-1', part: 'panel' } };
    const model = notebook([code([done])]);
    replaceOutputs(model, SNAPSHOT);
    expect(saved(model, 0)).toEqual([done]);
    expect(model.dirty).toBe(false);
  });

  it('leaves a part alone that the snapshot lacks', () => {
    const cells = [code([live('run-1', 'samples')])];
    const model = notebook(cells);
    replaceOutputs(model, SNAPSHOT);
    expect(saved(model, 0)).toEqual(cells[0].outputs);
  });
});

describe('liveOutputs', () => {
  it('names each live display once, and its run', () => {
    const done = live('gone', 'panel');
    done.metadata = { llmtune: { id: 'gone', part: 'panel' } };
    const model = notebook([
      code([live('a', 'panel'), live('a', 'chart'), done]),
      code([live('b', 'panel')])
    ]);
    expect(liveOutputs(model)).toEqual([
      { id: 'a', run: 'run a', began: 1.5 },
      { id: 'b', run: 'run b', began: 1.5 }
    ]);
  });
});

describe('takeWidgetsAway', () => {
  it('leaves the text, and what is needed to put the snapshot there later', () => {
    const model = notebook([
      code([live('run-1', 'panel'), live('b', 'panel')])
    ]);
    const [first] = liveOutputs(model);
    takeWidgetsAway(model, [first]);
    const [panel, other] = saved(model, 0);
    expect(panel.data).toEqual({ 'text/plain': 'running' });
    expect(other).toEqual(live('b', 'panel'));
    replaceOutputs(model, SNAPSHOT);
    expect(saved(model, 0)[0].data).toEqual({ 'text/plain': 'finished' });
  });

  it('says in the panel alone what there is to say, and once', () => {
    const model = notebook([
      code([live('run-1', 'panel'), live('run-1', 'chart')])
    ]);
    const say = (run: string) => `${run} is gone`;
    takeWidgetsAway(model, liveOutputs(model), say);
    const [panel, chart] = saved(model, 0);
    expect(panel.data).toEqual({ 'text/plain': 'run run-1 is gone' });
    expect(chart.data).toEqual({ 'text/plain': 'running' });
    model.dirty = false;
    takeWidgetsAway(model, liveOutputs(model), say);
    expect(model.dirty).toBe(false);
  });
});
