import type { INotebookContent, IOutput } from '@jupyterlab/nbformat';
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { Kernel } from '@jupyterlab/services';
import { nullTranslator } from '@jupyterlab/translation';

import type { Signal } from '@lumino/signaling';

import { openNotebook } from '../../cell/__tests__/notebooks';
import { FakeContext, FakeKernel } from '../../kernel/__tests__/fakeKernel';
import { KernelClient } from '../../kernel/client';
import { followLeftovers } from '../leftovers';

const trans = nullTranslator.load('');
const TEXT = { 'text/plain': 'running' };

const LIVE: IOutput = {
  output_type: 'display_data',
  data: {
    ...TEXT,
    'application/vnd.jupyter.widget-view+json': {
      version_major: 2,
      version_minor: 0,
      model_id: 'm'
    }
  },
  metadata: {
    llmtune: { id: '1', part: 'panel', run: 'run', began: 1.5, live: true }
  }
};

describe('followLeftovers', () => {
  let panel: NotebookPanel;
  let client: KernelClient;

  // JupyterLab fills cells before they belong to a document, of which yjs warns each time.
  beforeAll(() => {
    jest.spyOn(console, 'warn').mockImplementation();
    jest.spyOn(console, 'debug').mockImplementation();
  });
  afterAll(() => jest.restoreAllMocks());

  beforeEach(async () => {
    panel = await openNotebook(['%%finetune run']);
    const content = panel.model!.toJSON() as INotebookContent;
    content.cells[0].outputs = [LIVE];
    panel.model!.fromJSON(content);
    client = new KernelClient({
      sessionContext: new FakeContext(new FakeKernel()).asContext,
      version: '0.1.0',
      trans
    });
    followLeftovers(panel, client, trans);
  });

  afterEach(() => {
    client.dispose();
    panel.dispose();
  });

  const status = (status: Kernel.Status) =>
    (panel.sessionContext.statusChanged as Signal<any, Kernel.Status>).emit(
      status
    );
  const shown = () => {
    const { cells } = panel.model!.toJSON() as INotebookContent;
    return (cells[0].outputs as IOutput[])[0].data;
  };

  it.each<Kernel.Status>(['restarting', 'autorestarting'])(
    'shows the text of a live output as soon as its kernel is %s',
    restarting => {
      status('busy');
      expect(shown()).toEqual(LIVE.data);
      status(restarting);
      expect(shown()).toEqual(TEXT);
    }
  );
});
