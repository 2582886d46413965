import { Changing } from '../changing';
import { KernelRequestError } from '../kernel/error';
import type {
  IFault,
  IReadBefore,
  IRequests,
  ITablePage,
  ITableSource,
  ITableView,
  RequestType
} from '../kernel/protocol';

/**
 * Asks the kernel; what it cannot answer is a rejection.
 */
export type Ask = <T extends RequestType>(
  type: T,
  payload: IRequests[T]['payload']
) => Promise<IRequests[T]['reply']>;

/** How far a table and a view of it have come. */
export type TableState = Omit<ITablePage, 'numbers' | 'cells'>;

/**
 * The rows of a view of a source: a page is asked for when one of its cells is looked at, the last looked at first.
 *
 * It changes when there are more rows, other columns or another view.
 */
export class TablePages extends Changing {
  /**
   * @param before - what was read of the source before: of the rows that `view` leaves out only the same are left out.
   */
  constructor(
    ask: Ask,
    source: ITableSource,
    view: ITableView,
    before: Omit<IReadBefore, 'excluded'> | null = null
  ) {
    super();
    this._ask = ask;
    this._view = view;
    this.opened = this._open(source, before);
  }

  /** Resolves when the table is open, or cannot be opened. */
  readonly opened: Promise<void>;

  /** What the content of the source was when it was read; empty before. */
  get content(): string {
    return this._content;
  }

  /** Columns whose values cannot be kept. */
  get leftOut(): readonly string[] {
    return this._leftOut;
  }

  /** Null before the first answer of a view. */
  get state(): TableState | null {
    return this._state;
  }

  /** How requests name the table; null until it is open. */
  get table(): string | null {
    return this._table;
  }

  /** Why the rows cannot be shown. */
  get fault(): IFault | null {
    return this._fault;
  }

  get view(): Readonly<ITableView> {
    return this._view;
  }

  /** Whether the rows are those of the view before: of this one none has come yet. */
  get isOld(): boolean {
    return this._isStale && !this._fault;
  }

  set view(view: ITableView) {
    this._view = view;
    this._turn++;
    this._isStale = true;
    this._asked.clear();
    this._ahead.clear();
    this._wanted = [];
    this._fault = this._table === null ? this._fault : null;
    this.emit();
    this._want(0);
  }

  /** Whether anybody sees it: only then it asks how far the table has come. */
  set isShown(isShown: boolean) {
    this._isShown = isShown;
    this._poll();
  }

  /** Ask how the table stands, and whether its source has changed. */
  async check(): Promise<void> {
    if (this._table !== null && !this._isStale) {
      const page = await this._request(0, 0, this._turn);
      if (page) {
        this._learn(page);
      }
    }
  }

  /** Where a row of the source is in the view; null if it is not, by what is known. */
  async place(number: number): Promise<number | null> {
    const page = await this._request(0, 0, this._turn, number);
    return page?.place ?? null;
  }

  /** The number in the source of a row of the view; undefined until it is known. */
  number(row: number): number | undefined {
    return this._page(row)?.numbers[row % PAGE_ROWS];
  }

  /** The beginning of a value; undefined until it is known. */
  cell(row: number, column: number): string | null | undefined {
    return this._page(row)?.cells[row % PAGE_ROWS]?.[column];
  }

  /**
   * The numbers in the source of rows of the view; those that are not known yet are asked for. There are none while
   * the rows are those of another view.
   */
  async numbers(rows: number[]): Promise<number[]> {
    if (this.isOld) {
      return [];
    }
    const numbers: number[] = [];
    let page: ITablePage | null | undefined;
    let last = -1;
    for (const row of rows) {
      const index = Math.floor(row / PAGE_ROWS);
      if (index !== last) {
        last = index;
        page =
          this._pages.get(index) ??
          (await this._request(index * PAGE_ROWS, PAGE_ROWS, this._turn));
      }
      const number = page?.numbers[row % PAGE_ROWS];
      if (number !== undefined) {
        numbers.push(number);
      }
    }
    return numbers;
  }

  protected onDispose(): void {
    window.clearTimeout(this._timer);
    this._close(this._table);
  }

  private async _open(
    source: ITableSource,
    before: Omit<IReadBefore, 'excluded'> | null
  ): Promise<void> {
    const { excluded = [] } = this._view;
    const wanted = before
      ? { ...source, before: { ...before, excluded } }
      : source;
    try {
      const opened = await this._ask('open_table', wanted);
      if (this.isDisposed) {
        this._close(opened.table);
        return;
      }
      this._table = opened.table;
      this._content = opened.content;
      this._leftOut = opened.left_out;
      if (before) {
        this._view = { ...this._view, excluded: opened.excluded };
      }
      this._want(0);
    } catch (error) {
      this._fail(error);
    }
  }

  private _close(table: string | null): void {
    if (table !== null) {
      this._ask('close_table', { table }).catch(() => undefined);
    }
  }

  private _page(row: number): ITablePage | undefined {
    const index = Math.floor(row / PAGE_ROWS);
    const page = this._pages.get(index);
    const known = (this._state?.matching ?? 0) - index * PAGE_ROWS;
    const isWhole = page && page.numbers.length >= Math.min(PAGE_ROWS, known);
    if (!isWhole && !this._isStale) {
      this._want(index);
    } else if (this._ahead.delete(index)) {
      this._lookAhead(index);
    }
    return page;
  }

  /** Ask for a page next. */
  private _want(index: number): void {
    if (!this._asked.has(index)) {
      const others = this._wanted.filter(other => other !== index);
      this._wanted = [index, ...others].slice(0, MOST_WANTED);
      this._next();
    }
  }

  private _next(): void {
    while (this._table !== null && this._asked.size < AT_ONCE && !this._fault) {
      const index = this._wanted.shift();
      if (index === undefined) {
        return;
      }
      this._asked.add(index);
      void this._fetch(index, this._turn);
    }
  }

  private async _fetch(index: number, turn: number): Promise<void> {
    const page = await this._request(index * PAGE_ROWS, PAGE_ROWS, turn);
    if (turn !== this._turn) {
      return;
    }
    this._asked.delete(index);
    const isNews = page && (page.numbers.length || page.is_done);
    if (this._isStale && !isNews) {
      this._poll();
      return;
    }
    if (page) {
      if (this._isStale) {
        this._isStale = false;
        this._pages.clear();
      }
      this._pages.delete(index);
      this._pages.set(index, page);
      const [oldest] = this._pages.keys();
      if (this._pages.size > MOST_PAGES) {
        this._pages.delete(oldest);
      }
      this._learn(page);
      if (!this._ahead.has(index)) {
        this._lookAhead(index);
      }
    }
    this._next();
  }

  /** Who scrolls on finds the next page there: it is asked for once this one is looked at. */
  private _lookAhead(index: number): void {
    const next = index + 1;
    const isThere = this._pages.has(next) || this._asked.has(next);
    if (!isThere && next * PAGE_ROWS < (this._state?.matching ?? 0)) {
      this._ahead.add(next);
      this._wanted.push(next);
      this._next();
    }
  }

  /** Some rows of the view; null if there is another view, a fault, or no table yet. */
  private async _request(
    first: number,
    count: number,
    turn: number,
    find?: number
  ): Promise<ITablePage | null> {
    const { _table: table, _view: view } = this;
    if (table === null) {
      return null;
    }
    try {
      const wanted = { table, first, count, view, find };
      const page = await this._ask('table_page', wanted);
      return turn === this._turn && !this.isDisposed ? page : null;
    } catch (error) {
      if (turn === this._turn) {
        this._fail(error);
      }
      return null;
    }
  }

  private _learn(page: ITablePage): void {
    this._state = page;
    this.emit();
    this._poll();
  }

  /** While rows come, ask how many there are; before the first of a view, ask for these. */
  private _poll(): void {
    window.clearTimeout(this._timer);
    const isComing =
      this._state && !(this._state.is_done && this._state.is_whole);
    const isAwaited = this._isStale || isComing;
    if (this._isShown && isAwaited && !this._fault && !this.isDisposed) {
      this._timer = window.setTimeout(
        () => (this._isStale ? this._want(0) : void this.check()),
        POLL
      );
    }
  }

  private _fail(error: unknown): void {
    if (!this.isDisposed) {
      this._fault =
        error instanceof KernelRequestError
          ? error
          : { what: String(error), where: '', fix: '' };
      this.emit();
    }
  }

  private readonly _ask: Ask;
  private readonly _pages = new Map<number, ITablePage>();
  /** Whether the pages are those of the view before, until the first of this one comes. */
  private _isStale = false;
  /** Pages on their way. */
  private readonly _asked = new Set<number>();
  private _wanted: number[] = [];
  /** Pages that nobody has looked at yet. */
  private readonly _ahead = new Set<number>();
  private _table: string | null = null;
  private _content = '';
  private _leftOut: readonly string[] = [];
  private _state: TableState | null = null;
  private _fault: IFault | null = null;
  private _view: ITableView;
  /** Counts the views: an answer to an older one is of no use. */
  private _turn = 0;
  private _isShown = false;
  private _timer?: number;
}

const PAGE_ROWS = 100;
const AT_ONCE = 2;
const MOST_WANTED = 4;
const MOST_PAGES = 50;

/** In milliseconds. */
const POLL = 400;
