import type { TranslationBundle } from '@jupyterlab/translation';

import {
  BasicKeyHandler,
  BasicMouseHandler,
  BasicSelectionModel,
  DataGrid,
  TextRenderer
} from '@lumino/datagrid';
import type { Message } from '@lumino/messaging';

import { observeTheme } from '../chart/theme';
import type { ColumnKind } from '../kernel/protocol';
import type { TablePages } from './pages';
import { RowModel } from './rowModel';
import { inOneLine } from './unseen';

/**
 * The rows of a table to look at; the header of a row is its number in the source.
 */
export class RowGrid extends DataGrid {
  constructor(options: RowGrid.IOptions) {
    super({
      headerVisibility: 'all',
      stretchLastColumn: true,
      defaultSizes: {
        rowHeight: 24,
        columnWidth: 160,
        rowHeaderWidth: 80,
        columnHeaderHeight: 26
      },
      minimumSizes: {
        rowHeight: 24,
        columnWidth: 40,
        rowHeaderWidth: 40,
        columnHeaderHeight: 26
      }
    });
    this._pages = options.pages;
    this.dataModel = new RowModel(options.pages);
    this.selectionModel = new BasicSelectionModel({
      dataModel: this.dataModel,
      selectionMode: 'row'
    });
    this.keyHandler = new RowKeyHandler(options.onEnter);
    this.mouseHandler = new HeaderMouseHandler(options.onColumn);
    this.addClass('jp-llmtune-grid');
    this._label(options.trans);
    this._pages.changed.connect(this._onChanged, this);
    this._onChanged();
  }

  /** The rows of the view that are selected, from the first to the last of each block. */
  get selectedRows(): number[] {
    const rows = new Set<number>();
    for (const { r1, r2 } of this.selectionModel?.selections() ?? []) {
      for (let row = Math.min(r1, r2); row <= Math.max(r1, r2); row++) {
        rows.add(row);
      }
    }
    return [...rows].filter(row => row < this.rowCount('body'));
  }

  /** The row at which the keyboard is; -1 if there is none. */
  get cursorRow(): number {
    return this.selectionModel!.cursorRow;
  }

  /** Rows are chosen, not cells: where a column is wider than the room, its beginning stays in view. */
  scrollToCursor(): void {
    if (this.cursorRow >= 0) {
      this.scrollToRow(this.cursorRow);
    }
  }

  /** Select a row, if there is one, and show it. */
  choose(row: number): void {
    if (this.select(row)) {
      this.scrollToRow(row);
    }
  }

  /** Select a row; tells whether there is one. */
  select(row: number): boolean {
    const isThere = row >= 0 && row < this.rowCount('body');
    if (isThere) {
      this.selectionModel!.select({
        r1: row,
        r2: row,
        c1: 0,
        c2: this.columnCount('body') - 1,
        cursorRow: row,
        cursorColumn: Math.max(this.selectionModel!.cursorColumn, 0),
        clear: 'all'
      });
    }
    return isThere;
  }

  dispose(): void {
    if (!this.isDisposed) {
      this._pages.changed.disconnect(this._onChanged, this);
      this._theme?.disconnect();
      super.dispose();
    }
  }

  protected onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    this._paint();
    this._theme = observeTheme(() => this._paint());
  }

  protected onBeforeDetach(message: Message): void {
    this._theme?.disconnect();
    super.onBeforeDetach(message);
  }

  private _label(trans: TranslationBundle): void {
    const { node } = this.viewport;
    node.tabIndex = 0;
    // The cells are painted: what is chosen is told in words beside.
    node.setAttribute('role', 'application');
    node.setAttribute('aria-label', trans.__('Rows of the data'));
  }

  /** Tell whether other rows are on their way, and give a column the room of its first values. */
  private _onChanged(): void {
    const { isOld, state } = this._pages;
    this.node.setAttribute('aria-busy', String(isOld));
    const rows = Math.min(state?.matching ?? 0, MEASURED);
    state?.columns.forEach(({ name }, column) => {
      if (
        !this._sized.has(column) &&
        this._pages.cell(0, column) !== undefined
      ) {
        this._sized.add(column);
        const texts = Array.from({ length: rows }, (_, row) =>
          shown(this._pages.cell(row, column))
        );
        const longest = Math.max(...[name, ...texts].map(text => text.length));
        const width = LETTER * longest + PADDING;
        this.resizeColumn('body', column, Math.min(width, WIDEST));
      }
    });
  }

  /** Take colours and font of the theme. */
  private _paint(): void {
    const style = getComputedStyle(this.node);
    const color = (name: string) => style.getPropertyValue(name).trim();
    const font = `${style.fontSize} ${style.fontFamily}`;
    this.style = {
      voidColor: color('--jp-layout-color1'),
      backgroundColor: color('--jp-layout-color1'),
      rowBackgroundColor: index =>
        index % 2 ? color('--jp-layout-color1') : color('--jp-layout-color0'),
      gridLineColor: color('--jp-layout-color2'),
      headerBackgroundColor: color('--jp-layout-color2'),
      headerGridLineColor: color('--jp-layout-color3'),
      selectionFillColor: translucent(color('--jp-brand-color1'), 0.25),
      selectionBorderColor: color('--jp-brand-color1'),
      cursorFillColor: translucent(color('--jp-brand-color1'), 0.1),
      cursorBorderColor: color('--jp-brand-color1'),
      headerSelectionFillColor: translucent(color('--jp-brand-color1'), 0.15),
      headerSelectionBorderColor: color('--jp-brand-color1')
    };
    const text = new TextRenderer({
      font,
      textColor: ({ value }) =>
        color(value === null ? '--jp-ui-font-color2' : '--jp-ui-font-color1'),
      horizontalAlignment: ({ region, column }) =>
        region === 'body' && isNumeric(this._kind(column)) ? 'right' : 'left',
      format: ({ value }) => shown(value),
      elideDirection: 'right'
    });
    const header = new TextRenderer({
      font,
      textColor: color('--jp-ui-font-color1'),
      format: ({ value }) => shown(value),
      elideDirection: 'right'
    });
    this.cellRenderers.update({
      body: text,
      'row-header': header,
      'column-header': header,
      'corner-header': header
    });
  }

  private _kind(column: number): ColumnKind {
    return this._pages.state?.columns[column]?.kind ?? 'empty';
  }

  private readonly _pages: TablePages;
  private _theme: MutationObserver | null = null;
  /** The columns that have got their width. */
  private readonly _sized = new Set<number>();
}

export namespace RowGrid {
  export interface IOptions {
    pages: TablePages;
    trans: TranslationBundle;
    /** The header of a column was clicked. */
    onColumn: (column: number) => void;
    /** The chosen row is to be looked at. */
    onEnter: () => void;
  }
}

/**
 * Keys that choose rows; Tab goes on to what is beside.
 */
class RowKeyHandler extends BasicKeyHandler {
  constructor(private readonly _onEnter: () => void) {
    super();
  }

  onKeyDown(grid: RowGrid, event: KeyboardEvent): void {
    switch (event.key) {
      case 'Tab':
        return;
      case 'Home':
        grid.choose(0);
        break;
      case 'End':
        grid.choose(grid.rowCount('body') - 1);
        break;
      case 'Enter':
        if (grid.cursorRow < 0) {
          grid.choose(0);
        }
        this._onEnter();
        break;
      default:
        super.onKeyDown(grid, event);
        return;
    }
    event.preventDefault();
    event.stopPropagation();
  }
}

/**
 * A click on the header of a column tells so; near the border it begins to resize, as everywhere.
 */
class HeaderMouseHandler extends BasicMouseHandler {
  constructor(private readonly _onColumn: (column: number) => void) {
    super();
  }

  onMouseDown(grid: DataGrid, event: MouseEvent): void {
    const hit = grid.hitTest(event.clientX, event.clientY);
    const isInside = hit.x > BORDER && hit.width - hit.x > BORDER;
    if (hit.region === 'column-header' && isInside) {
      this._onColumn(hit.column);
    } else {
      super.onMouseDown(grid, event);
    }
  }
}

/** A value in one line. */
function shown(value: unknown): string {
  return value === undefined
    ? '…'
    : value === null
      ? 'null'
      : inOneLine(String(value));
}

function isNumeric(kind: ColumnKind): boolean {
  return kind === 'integer' || kind === 'number';
}

function translucent(color: string, share: number): string {
  return `color-mix(in srgb, ${color} ${share * 100}%, transparent)`;
}

/** In pixels. */
const BORDER = 6;
const LETTER = 8;
const PADDING = 64;
const WIDEST = 400;

/** In rows. */
const MEASURED = 50;
