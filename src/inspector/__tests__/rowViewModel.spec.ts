import { Signal } from '@lumino/signaling';

import { KernelRequestError } from '../../kernel/error';
import type { IRowView } from '../../kernel/protocol';
import { ConfiguredText, withSource } from '../configured';
import { RowViewModel } from '../rowViewModel';

const viewOf = (number: number): IRowView => ({
  values: { text: String(number) },
  format: 'text',
  model: 'small',
  problem: null,
  fix: '',
  shared: 0,
  sides: []
});

/** Rows that answer when told to. */
class Rows implements RowViewModel.IRows {
  chosenRow: number | null = null;
  view = {};
  pages: { table: string | null } | null = { table: '1' };
  readonly changed = new Signal<this, void>(this);
  readonly asked: [number, string][] = [];
  answer: (view: IRowView | Error) => void = () => undefined;

  viewRow(number: number, text: string): Promise<IRowView> {
    this.asked.push([number, text]);
    return new Promise((resolve, reject) => {
      this.answer = view =>
        view instanceof Error ? reject(view) : resolve(view);
    });
  }

  choose(row: number | null): void {
    this.chosenRow = row;
    this.changed.emit();
  }
}

class Text implements RowViewModel.IConfigurationText {
  text = 'data: a';
  readonly changed = new Signal<this, void>(this);

  write(text: string): void {
    this.text = text;
    this.changed.emit();
  }
}

describe('The view of a row', () => {
  let rows: Rows;
  let text: Text;
  let model: RowViewModel;

  const settle = () => jest.advanceTimersByTimeAsync(1000);

  beforeEach(() => {
    jest.useFakeTimers();
    rows = new Rows();
    text = new Text();
    model = new RowViewModel({ rows, configuration: text });
    model.isShown = true;
  });

  afterEach(() => {
    model.dispose();
    jest.useRealTimers();
  });

  it('is that of the row that is chosen', async () => {
    rows.choose(7);
    await settle();
    expect(rows.asked).toEqual([[7, 'data: a']]);
    expect(model.isOld).toBe(true);
    rows.answer(viewOf(7));
    await settle();
    expect(model.view).toEqual(viewOf(7));
    expect(model.isOld).toBe(false);
    rows.choose(null);
    expect(model.view).toBeNull();
  });

  it('is asked for one row at a time, and then for the last one wanted', async () => {
    rows.choose(1);
    await settle();
    rows.choose(2);
    await settle();
    rows.choose(3);
    await settle();
    expect(rows.asked.length).toBe(1);
    rows.answer(viewOf(1));
    await settle();
    expect(rows.asked.map(([row]) => row)).toEqual([1, 3]);
    expect(model.view).toEqual(viewOf(1));
    expect([model.shownNumber, model.number]).toEqual([1, 3]);
    expect(model.isOld).toBe(true);
    rows.answer(viewOf(3));
    await settle();
    expect(model.view).toEqual(viewOf(3));
    expect(model.shownNumber).toBe(3);
  });

  it('follows the configuration when typing pauses', async () => {
    rows.choose(1);
    await settle();
    rows.answer(viewOf(1));
    await settle();
    text.write('data: ab');
    text.write('data: abc');
    await settle();
    expect(rows.asked).toEqual([
      [1, 'data: a'],
      [1, 'data: abc']
    ]);
  });

  it('says why there is none', async () => {
    rows.choose(1);
    await settle();
    const fault = {
      what: 'No such model.',
      where: 'model',
      fix: 'Choose one.'
    };
    rows.answer(new KernelRequestError(fault));
    await settle();
    expect(model.view).toBeNull();
    expect(model.fault?.what).toBe('No such model.');
  });

  it('asks nothing while nobody sees it', async () => {
    model.isShown = false;
    rows.choose(1);
    await settle();
    expect(rows.asked).toEqual([]);
    model.isShown = true;
    await settle();
    expect(rows.asked.length).toBe(1);
  });

  it('is asked for again when the table is another one', async () => {
    rows.choose(1);
    await settle();
    rows.answer(viewOf(1));
    await settle();
    rows.pages = { table: '2' };
    rows.changed.emit();
    await settle();
    expect(rows.asked.length).toBe(2);
  });
});

describe('The configuration of an inspected source', () => {
  it('is all at its default at first', () => {
    expect(withSource('', 'rows.jsonl')).toBe('data: rows.jsonl');
  });

  it('is taken as it is where it trains on the source', () => {
    const text = 'data:\n  train: [a.jsonl, b.jsonl]\n  format: alpaca\n';
    expect(withSource(text, 'b.jsonl')).toBe(text);
  });

  it('has the source for its data, read in its own way', () => {
    const text =
      'model: tiny\ndata:\n  train: a.jsonl\n  format: alpaca\n  max_length: 64\n';
    expect(withSource(text, 'b.jsonl')).toBe(
      'model: tiny\ndata:\n  train: b.jsonl\n  max_length: 64\n'
    );
  });

  it('is that of its own notebook, and stays while another one is current', async () => {
    const shown: any = {
      panel: { context: { path: 'mine.ipynb' } },
      ours: { text: 'model: tiny' }
    };
    const changed = (shown.changed = new Signal<any, void>(shown));
    const configured = new ConfiguredText(
      'a.jsonl',
      () => 'mine.ipynb',
      Promise.resolve(shown)
    );
    expect(configured.text).toBe('data: a.jsonl');
    await Promise.resolve();
    expect(configured.text).toContain('model: tiny');
    shown.panel = { context: { path: 'other.ipynb' } };
    shown.ours = { text: 'model: big' };
    changed.emit();
    expect(configured.text).toContain('model: tiny');
    configured.dispose();
  });

  it('stays the one that names the source while a cell with other data is chosen', async () => {
    const shown: any = {
      panel: { context: { path: 'mine.ipynb' } },
      isEditable: true,
      ours: { text: 'data: { train: b.jsonl, template: qwen3 }' }
    };
    const changed = (shown.changed = new Signal<any, void>(shown));
    const configured = new ConfiguredText(
      'a.jsonl',
      () => 'mine.ipynb',
      Promise.resolve(shown)
    );
    await Promise.resolve();
    const choose = (text: string) => {
      shown.ours = { text };
      changed.emit();
      return [configured.text, configured.isEditable];
    };
    // None has named it yet: the one that is shown says how it would be read.
    expect(configured.text).toContain('template: qwen3');
    const own = 'data: { train: [a.jsonl, c.jsonl], template: chatml }';
    expect(choose(own)).toEqual([own, true]);
    expect(choose('data: b.jsonl')).toEqual([own, false]);
    const other = 'data: { train: a.jsonl, max_length: 64 }';
    expect(choose(other)).toEqual([other, true]);
    configured.dispose();
  });
});
