import { StateDB } from '@jupyterlab/statedb';
import { nullTranslator } from '@jupyterlab/translation';

import { Signal } from '@lumino/signaling';

import { openNotebook } from '../../cell/__tests__/notebooks';
import { forgetDeleted, PerNotebook } from '../kept';
import { PlaygroundModel } from '../playground/model';

const trans = nullTranslator.load('');

describe('What is kept of each notebook', () => {
  let store: StateDB;

  /** As after the page was loaded. */
  function load(): PerNotebook<PlaygroundModel> {
    return new PerNotebook({
      name: 'playground',
      store,
      create: () => new PlaygroundModel(null, trans)
    });
  }

  const settle = () => new Promise(resolve => setTimeout(resolve, 10));

  beforeEach(() => {
    store = new StateDB();
  });

  it('is one for each, and is there again after a reload', async () => {
    const [first, second] = [await openNotebook([]), await openNotebook([])];
    const page = load();
    await settle();
    page.of(first).text = 'Who are';
    await settle();
    expect(page.of(second).text).toBe('');
    page.dispose();
    const reloaded = load();
    reloaded.of(first);
    await settle();
    expect(reloaded.of(first).text).toBe('Who are');
    expect(reloaded.of(second).text).toBe('');
    reloaded.dispose();
    first.dispose();
    second.dispose();
  });

  it('does not take the place of what was typed meanwhile', async () => {
    const panel = await openNotebook([]);
    const page = load();
    page.of(panel);
    await settle();
    page.of(panel).text = 'old';
    await settle();
    page.dispose();
    const reloaded = load();
    reloaded.of(panel).text = 'new';
    await settle();
    expect(reloaded.of(panel).text).toBe('new');
    panel.dispose();
  });

  it('is gone with a deleted notebook, and not for a new one of the name', async () => {
    const contents = { fileChanged: new Signal<any, any>({}) };
    forgetDeleted(contents, store);
    for (const type of ['delete', 'new']) {
      const panel = await openNotebook([]);
      const { path } = panel.context;
      const page = load();
      page.of(panel);
      await settle();
      page.of(panel).text = 'Who are';
      await settle();
      page.dispose();
      const change = type === 'new' ? 'newValue' : 'oldValue';
      contents.fileChanged.emit({ type, [change]: { path } });
      await settle();
      const reloaded = load();
      reloaded.of(panel);
      await settle();
      expect(reloaded.of(panel).text).toBe('');
      reloaded.dispose();
      panel.dispose();
    }
  });

  it('ends with its notebook', async () => {
    const panel = await openNotebook([]);
    const model = load().of(panel);
    panel.dispose();
    expect(model.isDisposed).toBe(true);
  });
});
