import type { TranslationBundle } from '@jupyterlab/translation';

import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import { Changing } from '../changing';
import type {
  IColumnSummary,
  IFault,
  IProblemFound,
  IRowView,
  ISavedView,
  ITableSource,
  ITableView
} from '../kernel/protocol';
import type { IClientSource } from '../runs/clientSource';
import type { IKernelClient } from '../tokens';
import { TablePages } from './pages';

/**
 * The data of one source, seen through a search, a filter, an order and exclusions, which outlive its kernel.
 */
export class InspectorModel extends Changing {
  constructor(options: InspectorModel.IOptions) {
    super();
    this._options = options;
    options.client.changed.connect(this._connect, this);
    this._connect();
  }

  get source(): ITableSource {
    return this._options.source;
  }

  /** Null while no kernel can tell about the data. */
  get pages(): TablePages | null {
    return this._pages;
  }

  /** Emitted when the pages are those of another table. */
  get pagesChanged(): ISignal<this, void> {
    return this._pagesChanged;
  }

  /** Why there are no rows to see; empty if there is no such reason. */
  get message(): string {
    const status = this._client?.status;
    if (!status) {
      return this._options.trans.__(
        'Open the notebook %1 to see its data.',
        this._options.client.path
      );
    }
    return 'message' in status ? status.message : '';
  }

  /** What is wrong with the filter. */
  get filterFault(): IFault | null {
    const fault = this._pages?.fault ?? null;
    return fault && this._view.filter && fault.where === this._view.filter
      ? fault
      : null;
  }

  /** What else keeps rows from being shown. */
  get fault(): IFault | null {
    const fault = this._pages?.fault ?? null;
    return fault && fault !== this.filterFault
      ? fault
      : (this._pages?.state?.fault ?? null);
  }

  get view(): Readonly<ITableView> {
    return this._view;
  }

  /** Whether the source is known to hold other rows than those that are shown. */
  get hasChanged(): boolean {
    return this._pages?.state?.has_changed ?? false;
  }

  /** Whether there is no row that fits the search and the filter. */
  get isInVain(): boolean {
    const { fault, isOld, state } = this._pages ?? {};
    const { filter, search } = this._view;
    const isNone = !!state?.is_done && state.matching === 0 && state.rows > 0;
    return isNone && !fault && !isOld && !!(filter?.trim() || search);
  }

  /** Whether it could not be read when it was tried; it may be there by now. */
  get isUnread(): boolean {
    return !!this._pages?.fault && this._pages.table === null;
  }

  /** How many rows that were left out are shown again, since others are in their places. */
  get broughtBack(): number {
    return this._broughtBack;
  }

  /** Ask whether the source has changed. */
  async check(): Promise<void> {
    if (!this._pages?.fault) {
      await this._pages?.check();
    }
  }

  /** Look for other rows. */
  look(change: Partial<ITableView>): void {
    if (change.excluded) {
      this._broughtBack = 0;
    }
    this._view = { ...this._view, ...change };
    this._summary = null;
    if (this._pages) {
      this._pages.view = this._view;
    }
    this.emit();
    void this._summarize();
  }

  /** Filter for rows by their numbers. */
  lookOnlyAt(numbers: number[]): void {
    const taken = this._pages?.state?.columns.map(({ name }) =>
      name.toLowerCase()
    );
    // As the kernel calls it: with more underscores if there is such a column.
    let name = '_row';
    while (taken?.includes(name)) {
      name = `_${name}`;
    }
    this.look({ filter: `${name} IN (${numbers.join(', ')})` });
  }

  /** Sort by a column; asked again the other way round, then not at all. */
  sort(column: string): void {
    const [key] = this._view.sort ?? [];
    const isSame = key?.column === column;
    this.look({
      sort:
        isSame && key.descending
          ? []
          : [{ column, descending: isSame || false }]
    });
  }

  /** Leave rows of the view out. */
  async exclude(rows: number[]): Promise<void> {
    const { _pages: pages, _view: view } = this;
    const numbers = (await pages?.numbers(rows)) ?? [];
    if (numbers.length && pages === this._pages && view === this._view) {
      this.chosenRow = null;
      this.look({ excluded: [...(view.excluded ?? []), ...numbers] });
    }
  }

  /** The number in the source of the row that is looked at. */
  get chosenRow(): number | null {
    return this._chosenRow;
  }

  set chosenRow(number: number | null) {
    if (number !== this._chosenRow) {
      this._chosenRow = number;
      this._chosenRowChanged.emit(number);
      this.emit();
    }
  }

  get chosenRowChanged(): ISignal<this, number | null> {
    return this._chosenRowChanged;
  }

  /** The column that is summarized; null for none. */
  get column(): string | null {
    return this._column;
  }

  set column(column: string | null) {
    this._column = column;
    this._summary = null;
    this.emit();
    void this._summarize();
  }

  /** Of the column, as far as the rows are known. */
  get summary(): IColumnSummary | null {
    return this._summary;
  }

  /**
   * A row of the source through the eyes of the trainer.
   *
   * @param text - the configuration.
   * @throws KernelRequestError
   */
  async viewRow(number: number, text: string): Promise<IRowView> {
    const wanted = { table: this._pages!.table!, number, text };
    return this._client!.request('table_row', wanted, { timeout: Infinity });
  }

  /**
   * Look through some rows that are shown for one that is left out.
   *
   * @param first - the place of the first of them.
   * @throws KernelRequestError
   */
  async findProblem(first: number, text: string): Promise<IProblemFound> {
    const table = this._pages!.table!;
    const wanted = { table, first, view: this._view, text };
    return this._client!.request('table_problem', wanted, {
      timeout: Infinity
    });
  }

  /**
   * Save the rows that are shown under a name that is free.
   *
   * @throws KernelRequestError
   */
  async save(
    where: { variable: string } | { file: string }
  ): Promise<ISavedView> {
    const table = this._pages!.table!;
    const wanted = { table, view: this._view, ...where };
    return this._client!.request('save_table', wanted, { timeout: Infinity });
  }

  /** Whether there are rows to save, and all are known. */
  get canSave(): boolean {
    const { fault, isOld, state } = this._pages ?? {};
    return (
      !fault &&
      !isOld &&
      !!state?.is_done &&
      state.is_whole &&
      state.matching > 0 &&
      !state.has_changed
    );
  }

  /** Read the source anew, which may have changed; a kernel that is ready again knows nothing of older tables. */
  reload(): void {
    const { _client: client, _pages: old } = this;
    this._summary = null;
    this._broughtBack = 0;
    this._pages = null;
    if (client?.status.kind === 'ready') {
      const pages = new TablePages(
        (type, payload) => client.request(type, payload, { timeout: Infinity }),
        this.source,
        this._view,
        this._content === null
          ? null
          : { table: old?.table ?? null, content: this._content }
      );
      pages.isShown = this._isShown;
      pages.changed.connect(this._onPages, this);
      this._pages = pages;
      // Until then its rows are compared with the new ones.
      void pages.opened.then(() => old?.dispose());
      void pages.opened.then(() => this._onOpened(pages));
    } else {
      old?.dispose();
    }
    this._pagesChanged.emit();
    this.emit();
  }

  set isShown(isShown: boolean) {
    this._isShown = isShown;
    if (this._pages) {
      this._pages.isShown = isShown;
    }
    void this._summarize();
  }

  protected onDispose(): void {
    window.clearTimeout(this._timer);
    this._pages?.dispose();
  }

  private _connect(): void {
    const { client } = this._options.client;
    if (client !== this._client) {
      this._client?.statusChanged.disconnect(this.reload, this);
      this._client = client;
      this._client?.statusChanged.connect(this.reload, this);
    }
    this.reload();
  }

  private _onOpened(pages: TablePages): void {
    if (pages !== this._pages || pages.table === null) {
      return;
    }
    this._content = pages.content;
    const { excluded: before = [] } = this._view;
    const { excluded: kept = [] } = pages.view;
    if (kept.length < before.length) {
      this._broughtBack = before.length - kept.length;
      this._view = pages.view;
      this.emit();
    }
  }

  private _onPages(): void {
    const [first] = this._pages?.state?.columns ?? [];
    if (first && this._column === null) {
      this._column = first.name;
    }
    this.emit();
    if (!this._summary) {
      void this._summarize();
    }
  }

  /** Ask for the summary of the column, again and again while rows come. */
  private async _summarize(): Promise<void> {
    window.clearTimeout(this._timer);
    const { _column: column, _pages: pages, _view: view } = this;
    const { table } = pages ?? {};
    const isMeant = () =>
      column === this._column && pages === this._pages && view === this._view;
    if (column === null || !table || !this._isShown || this._isSummarizing) {
      return;
    }
    this._isSummarizing = true;
    const wanted = { table, column, view };
    const summary = await this._client!.request('column_summary', wanted, {
      timeout: Infinity
    }).catch(() => null);
    this._isSummarizing = false;
    if (this.isDisposed) {
      return;
    }
    if (!isMeant()) {
      await this._summarize();
    } else if (summary) {
      this._summary = summary;
      this.emit();
      if (!summary.is_done) {
        this._timer = window.setTimeout(() => void this._summarize(), AGAIN);
      }
    }
  }

  private readonly _options: InspectorModel.IOptions;
  private _client: IKernelClient | null = null;
  private _pages: TablePages | null = null;
  private _view: ITableView = {};
  /** Of the source when it was last read; null if it was not. */
  private _content: string | null = null;
  private _broughtBack = 0;
  private _chosenRow: number | null = null;
  private _column: string | null = null;
  private _summary: IColumnSummary | null = null;
  private _isSummarizing = false;
  private _isShown = false;
  private _timer?: number;
  private readonly _pagesChanged = new Signal<this, void>(this);
  private readonly _chosenRowChanged = new Signal<this, number | null>(this);
}

export namespace InspectorModel {
  export interface IOptions {
    source: ITableSource;
    client: IClientSource;
    trans: TranslationBundle;
  }
}

/** In milliseconds. */
const AGAIN = 2_000;
