import { KernelRequestError } from '../../kernel/error';
import { settle } from '../../kernel/__tests__/fakeKernel';
import type {
  IPageWanted,
  IReadBefore,
  ITablePage
} from '../../kernel/protocol';
import { TablePages } from '../pages';

/** The kernel half, with a table of `rows` rows; answers when it is told to. */
class FakeKernelTable {
  rows = 100_000;
  asked: IPageWanted[] = [];
  closed: string[] = [];
  fault: KernelRequestError | null = null;
  hasChanged = false;
  /** Whether no row of a view is known yet. */
  isSorting = false;
  /** What was asked of a source that was read before. */
  before: IReadBefore | undefined;

  ask = async (type: string, payload: any): Promise<any> => {
    switch (type) {
      case 'open_table':
        this.before = payload.before;
        // Of the rows that were left out the first is another one.
        return {
          table: '1',
          content: 'new',
          excluded: payload.before?.excluded.slice(1) ?? [],
          left_out: []
        };
      case 'close_table':
        this.closed.push(payload.table);
        return {};
      default:
        this.asked.push(payload);
        return new Promise((resolve, reject) =>
          this._waiting.push(() =>
            this.fault ? reject(this.fault) : resolve(this.page(payload))
          )
        );
    }
  };

  page({ first, count, view, find }: IPageWanted): ITablePage {
    // A search takes every other row.
    const step = view?.search ? 2 : 1;
    const matching = this.isSorting ? 0 : this.rows / step;
    const numbers = Array.from(
      { length: Math.max(0, Math.min(count, matching - first)) },
      (_, index) => (first + index) * step
    );
    return {
      columns: [{ name: 'text', kind: 'text', sql: 'text' }],
      numbers,
      cells: numbers.map(number => [`row ${number}`]),
      matching,
      seen: this.rows,
      is_done: !this.isSorting,
      place: find === undefined || find % step ? null : find / step,
      rows: this.rows,
      is_whole: true,
      fault: null,
      has_changed: this.hasChanged
    };
  }

  /** Answer what has been asked, and what is asked upon that. */
  async answer(): Promise<void> {
    await settle();
    while (this._waiting.length) {
      this._waiting.splice(0).forEach(answer => answer());
      await settle();
    }
  }

  /** Answer the last that was asked, before all others. */
  async answerLast(): Promise<void> {
    await settle();
    this._waiting.pop()!();
    await settle();
  }

  private _waiting: (() => void)[] = [];
}

describe('TablePages', () => {
  let kernel: FakeKernelTable;
  let pages: TablePages;

  const firsts = () => kernel.asked.map(({ first }) => first);

  beforeEach(() => {
    kernel = new FakeKernelTable();
    pages = new TablePages(
      kernel.ask as any,
      { source: '$rows', dataset_dir: 'data' },
      {}
    );
  });

  afterEach(() => pages.dispose());

  it('shows the rows of a page once it has come, and the next is there for who scrolls on', async () => {
    expect(pages.cell(0, 0)).toBeUndefined();
    await kernel.answer();
    expect(pages.state!.matching).toBe(100_000);
    expect([pages.number(7), pages.cell(7, 0)]).toEqual([7, 'row 7']);
    expect(firsts()).toEqual([0, 100]);
  });

  it('asks nothing of a table that is not open yet', async () => {
    const source = { source: '$other', dataset_dir: 'data' };
    const opening = new TablePages(kernel.ask as any, source, {});
    const early = Promise.all([opening.place(7), opening.numbers([7])]);
    await kernel.answer();
    expect(await early).toEqual([null, []]);
    expect(kernel.asked.every(({ table }) => table === '1')).toBe(true);
    opening.dispose();
  });

  it('asks for each page that is looked at once', async () => {
    await kernel.answer();
    kernel.asked = [];
    pages.cell(90_000, 0);
    pages.cell(90_001, 0);
    pages.cell(90_002, 0);
    await kernel.answer();
    expect(pages.cell(90_050, 0)).toBe('row 90050');
    expect(firsts().filter(first => first === 90_000)).toHaveLength(1);
  });

  it('comes to where the user is before all that was scrolled past', async () => {
    await kernel.answer();
    kernel.asked = [];
    for (let row = 1_000; row <= 60_000; row += 1_000) {
      pages.cell(row, 0);
    }
    await kernel.answer();
    expect(firsts()[2]).toBe(60_000);
    expect(kernel.asked.length).toBeLessThan(20);
  });

  it('drops what comes late of another view', async () => {
    await kernel.answer();
    pages.cell(5_000, 0);
    await settle();
    pages.view = { search: 'even' };
    await kernel.answerLast();
    expect(pages.cell(1, 0)).toBe('row 2');
    await kernel.answer();
    expect(pages.cell(1, 0)).toBe('row 2');
    expect(pages.state!.matching).toBe(50_000);
  });

  it('keeps showing the rows of the view before until others come, or a mistake is mended', async () => {
    await kernel.answer();
    kernel.fault = new KernelRequestError({ what: 'no', where: 'x', fix: '' });
    pages.view = { filter: 'x' };
    expect(pages.cell(1, 0)).toBe('row 1');
    await kernel.answer();
    expect(pages.fault).toMatchObject({ what: 'no', where: 'x' });
    expect(pages.cell(1, 0)).toBe('row 1');
    kernel.fault = null;
    pages.view = { search: 'even' };
    await kernel.answer();
    expect(pages.fault).toBeNull();
    expect(pages.cell(1, 0)).toBe('row 2');
  });

  it('shows the rows of the view before while a long sort knows none', async () => {
    pages.isShown = true;
    await kernel.answer();
    kernel.isSorting = true;
    pages.view = { search: 'even' };
    await kernel.answer();
    expect(pages.isOld).toBe(true);
    expect([pages.cell(1, 0), pages.state!.matching]).toEqual([
      'row 1',
      100_000
    ]);
    expect(await pages.numbers([1])).toEqual([]);
    kernel.isSorting = false;
    while (pages.isOld) {
      await kernel.answer();
    }
    expect(pages.cell(1, 0)).toBe('row 2');
  });

  it('tells where a row is in the view', async () => {
    pages.view = { search: 'even' };
    await kernel.answer();
    const places = [pages.place(6), pages.place(7)];
    await kernel.answer();
    expect(await Promise.all(places)).toEqual([3, null]);
  });

  it('knows the numbers of rows that were never looked at', async () => {
    await kernel.answer();
    pages.view = { search: 'even' };
    await kernel.answer();
    const numbers = pages.numbers([1, 250, 251]);
    await kernel.answer();
    expect(await numbers).toEqual([2, 500, 502]);
  });

  it('tells that the source has changed when it is asked', async () => {
    await kernel.answer();
    expect(pages.state!.has_changed).toBe(false);
    kernel.hasChanged = true;
    void pages.check();
    await kernel.answer();
    expect(pages.state!.has_changed).toBe(true);
    expect(pages.cell(1, 0)).toBe('row 1');
  });

  it('leaves out only rows that are the same when a source is read anew', async () => {
    await kernel.answer();
    const again = new TablePages(
      kernel.ask as any,
      { source: '$rows', dataset_dir: 'data' },
      { search: 'even', excluded: [2, 4] },
      { table: '1', content: 'old' }
    );
    await kernel.answer();
    await again.opened;
    expect(kernel.before).toEqual({
      table: '1',
      content: 'old',
      excluded: [2, 4]
    });
    expect(again.content).toBe('new');
    expect(kernel.asked.pop()!.view).toEqual({
      search: 'even',
      excluded: [4]
    });
    again.dispose();
  });

  it('closes the table when it goes, even one that was opened late', async () => {
    pages.dispose();
    await settle();
    expect(kernel.closed).toEqual(['1']);
  });
});
