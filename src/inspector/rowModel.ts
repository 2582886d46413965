import type { TranslationBundle } from '@jupyterlab/translation';

import { DataModel } from '@lumino/datagrid';

import type { TablePages } from './pages';

/**
 * A row of a view that is known, for those who do not see what the grid draws.
 */
export function inWords(
  pages: TablePages,
  row: number,
  trans: TranslationBundle
): string {
  const cells = pages.state!.columns.map(
    ({ name }, column) => `${name}: ${pages.cell(row, column) ?? ''}`
  );
  return [trans.__('Row %1', pages.number(row)), ...cells].join('; ');
}

/**
 * What the grid draws of a table: looking at a cell asks for its page.
 */
export class RowModel extends DataModel {
  constructor(pages: TablePages) {
    super();
    this._pages = pages;
    pages.changed.connect(this._onChanged, this);
    this._onChanged();
  }

  rowCount(region: DataModel.RowRegion): number {
    return region === 'body' ? this._rows : 1;
  }

  columnCount(region: DataModel.ColumnRegion): number {
    return region === 'body' ? this._columns : 1;
  }

  data(region: DataModel.CellRegion, row: number, column: number): unknown {
    switch (region) {
      case 'body':
        return this._pages.cell(row, column);
      case 'row-header':
        return this._pages.number(row);
      case 'column-header':
        return this._header(column);
      default:
        return '';
    }
  }

  private _header(column: number): string {
    const name = this._pages.state?.columns[column]?.name ?? '';
    const key = this._pages.view.sort?.find(key => key.column === name);
    return key ? `${name} ${key.descending ? '▼' : '▲'}` : name;
  }

  private _onChanged(): void {
    const { state } = this._pages;
    const rows = state?.matching ?? 0;
    const columns = state?.columns.length ?? 0;
    const [oldRows, oldColumns] = [this._rows, this._columns];
    this._rows = rows;
    this._columns = columns;
    if (columns !== oldColumns) {
      this.emitChanged({
        type: columns > oldColumns ? 'columns-inserted' : 'columns-removed',
        region: 'body',
        index: Math.min(columns, oldColumns),
        span: Math.abs(columns - oldColumns)
      });
    }
    if (rows !== oldRows) {
      this.emitChanged({
        type: rows > oldRows ? 'rows-inserted' : 'rows-removed',
        region: 'body',
        index: Math.min(rows, oldRows),
        span: Math.abs(rows - oldRows)
      });
    }
    for (const region of ['body', 'row-header', 'column-header'] as const) {
      this.emitChanged({
        type: 'cells-changed',
        region,
        row: 0,
        column: 0,
        rowSpan: region === 'column-header' ? 1 : rows,
        columnSpan: region === 'row-header' ? 1 : columns
      });
    }
  }

  private readonly _pages: TablePages;
  private _rows = 0;
  private _columns = 0;
}
