import type { ISignal } from '@lumino/signaling';

import { Changing } from '../changing';
import { KernelRequestError } from '../kernel/error';
import type { IFault, IRowView, ITableView } from '../kernel/protocol';

/**
 * The chosen row through the eyes of the trainer: it is asked for again when another row is chosen, or when the
 * configuration changes.
 */
export class RowViewModel extends Changing {
  constructor(options: RowViewModel.IOptions) {
    super();
    this._options = options;
    options.rows.changed.connect(this._onChanged, this);
    options.configuration.changed.connect(this._onChanged, this);
  }

  /** The number of the row that is wanted; null for none. */
  get number(): number | null {
    return this._options.rows.chosenRow;
  }

  /** What is known of the row that is wanted, or of the one before it while nothing else is known. */
  get view(): IRowView | null {
    return this._view;
  }

  /** The number of the row that is shown: until something is known of one, of the one that is wanted. */
  get shownNumber(): number | null {
    return this._seen?.number ?? this.number;
  }

  /** What a user searches for in the rows; empty if nothing. */
  get sought(): string {
    return this._sought;
  }

  /** Why the row cannot be shown. */
  get fault(): IFault | null {
    return this._fault;
  }

  /** Whether what is shown is of another row or configuration than is wanted. */
  get isOld(): boolean {
    return this._wanted !== null && this._seen?.key !== this._wanted.key;
  }

  /** Whether anybody sees it: only then it asks. */
  set isShown(isShown: boolean) {
    this._isShown = isShown;
    this._onChanged();
  }

  protected onDispose(): void {
    window.clearTimeout(this._timer);
  }

  private _onChanged(): void {
    const { configuration, rows } = this._options;
    const { search = '' } = rows.view;
    if (search !== this._sought) {
      this._sought = search;
      this.emit();
    }
    const table = rows.pages?.table ?? null;
    const number = rows.chosenRow;
    if (!this._isShown) {
      return;
    }
    if (table === null || number === null) {
      this._forget();
      return;
    }
    const { text } = configuration;
    const key = JSON.stringify([table, number, text]);
    if (key === this._wanted?.key) {
      return;
    }
    const isTyped = this._wanted !== null && text !== this._wanted.text;
    this._wanted = { key, number, text };
    this.emit();
    window.clearTimeout(this._timer);
    this._timer = window.setTimeout(
      () => void this._ask(),
      isTyped ? PAUSE : 0
    );
  }

  private _forget(): void {
    window.clearTimeout(this._timer);
    if (this._wanted) {
      this._wanted = null;
      this._show(null, null, null);
    }
  }

  /** One row at a time: who goes through many rows sees the last one next. */
  private async _ask(): Promise<void> {
    const wanted = this._wanted;
    if (!wanted || this._isAsking || wanted.key === this._seen?.key) {
      return;
    }
    this._isAsking = true;
    let view: IRowView | null = null;
    let fault: IFault | null = null;
    try {
      view = await this._options.rows.viewRow(wanted.number, wanted.text);
    } catch (error) {
      fault =
        error instanceof KernelRequestError
          ? error
          : { what: String(error), where: '', fix: '' };
    }
    this._isAsking = false;
    if (!this.isDisposed && this._wanted) {
      this._show(wanted, view, fault);
      void this._ask();
    }
  }

  private _show(
    seen: IWanted | null,
    view: IRowView | null,
    fault: IFault | null
  ): void {
    this._seen = seen;
    this._view = view;
    this._fault = fault;
    this.emit();
  }

  private readonly _options: RowViewModel.IOptions;
  private _wanted: IWanted | null = null;
  /** Of what is shown. */
  private _seen: IWanted | null = null;
  private _view: IRowView | null = null;
  private _fault: IFault | null = null;
  private _isAsking = false;
  private _isShown = false;
  private _sought = '';
  private _timer?: number;
}

interface IWanted {
  key: string;
  number: number;
  text: string;
}

export namespace RowViewModel {
  export interface IOptions {
    rows: IRows;
    configuration: IConfigurationText;
  }

  /** Rows of which one is chosen. */
  export interface IRows {
    readonly chosenRow: number | null;
    readonly pages: { readonly table: string | null } | null;
    readonly view: Readonly<ITableView>;
    readonly changed: ISignal<unknown, void>;

    /**
     * @throws KernelRequestError
     */
    viewRow(number: number, text: string): Promise<IRowView>;
  }

  export interface IConfigurationText {
    readonly text: string;
    readonly changed: ISignal<unknown, void>;
  }
}

/** In milliseconds, while a configuration is typed. */
const PAUSE = 400;
