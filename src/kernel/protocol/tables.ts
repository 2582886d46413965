import type { JSONObject } from '@lumino/coreutils';

import type { IFault } from './configuration';

/** A source as `data.train` has it: text, or a section with split and subset. */
export interface ITableSource {
  source: string | JSONObject;
  /** The folder of dataset_info.json. */
  dataset_dir: string;
}

/** What was read of a source that is read anew. */
export interface IReadBefore {
  /** Null where the kernel was another one. */
  table: string | null;
  content: string;
  /** Numbers of rows that are left out. */
  excluded: number[];
}

/** A table that is open now. */
export interface IOpenedTable {
  table: string;
  /** Differs when the rows do, as far as that is told without reading them. */
  content: string;
  /** Those of before whose rows are the same. */
  excluded: number[];
  /** Columns whose values cannot be kept: they are not in the table. */
  left_out: string[];
}

/** A choice of rows; without anything all rows in the order of the source. */
export interface ITableView {
  /** Text that a value of a row holds, in any case. */
  search?: string;
  /** An SQL expression of DuckDB over the columns. */
  filter?: string;
  sort?: { column: string; descending?: boolean }[];
  /** Numbers of rows that are left out. */
  excluded?: number[];
}

/** Rows of a view; what is not known yet within a second is left out. */
export interface IPageWanted {
  table: string;
  first: number;
  /** At most 1000. */
  count: number;
  view?: ITableView;
  /** A row of the source, to be told its place in the view. */
  find?: number;
}

export type ColumnKind =
  | 'text'
  | 'integer'
  | 'number'
  | 'boolean'
  | 'time'
  | 'json'
  | 'mixed'
  | 'other'
  | 'empty';

/** A column and what is known of its values; `empty` has none so far. */
export interface ITableColumn {
  name: string;
  kind: ColumnKind;
  /** How a filter names it. */
  sql: string;
}

/** Some rows of a view as text to show, and how far the table has come. */
export interface ITablePage {
  columns: ITableColumn[];
  /** Of the rows, as the trainer counts them from 0. */
  numbers: number[];
  /** Of each row the beginnings of its values, in the order of the columns. */
  cells: (string | null)[][];
  /** Rows of the view known so far. */
  matching: number;
  /** Rows of the source looked through for them. */
  seen: number;
  /** Whether `matching` is final. */
  is_done: boolean;
  /** Where the row to find is in the view; null if it is not, by what is known. */
  place: number | null;
  /** Rows of the source known so far. */
  rows: number;
  /** Whether no more rows come. */
  is_whole: boolean;
  /** A mistake in the source after its last row. */
  fault: IFault | null;
  /** Whether the source is known to hold other rows by now. */
  has_changed: boolean;
}

/** A row as the trainer sees it; of the configuration `text` the data are not read, but for how they are. */
export interface IRowWanted {
  table: string;
  number: number;
  /** A configuration as in a cell. */
  text: string;
}

/** The next row of a view that cannot be trained on; so many rows are looked through as take a moment. */
export interface IProblemWanted {
  table: string;
  /** The place in the view of the first row to look at. */
  first: number;
  view?: ITableView;
  /** A configuration as in a cell. */
  text: string;
}

/** How far a view was looked through for a row that cannot be trained on. */
export interface IProblemFound {
  /** Its place in the view. */
  place: number | null;
  /** The place from which to look on. */
  next: number;
  /** Whether no rows come after that. */
  is_done: boolean;
}

/**
 * A turn of a conversation, or what else it says: `thinking` and calls (`call`) of the turn, its `tools`.
 */
export interface IRowTurn {
  /** Empty for a plain text. */
  role: string;
  text: string;
  /**
   * `answer` where it is learned or judged, `dropped` where the chat template leaves it out, `wrong` where it is why
   * the row is left out.
   */
  mark: '' | 'answer' | 'dropped' | 'wrong';
}

/** The tokens of a row, or of one side of a preference. */
export interface IRowSide {
  name: '' | 'chosen' | 'rejected' | 'desirable' | 'undesirable';
  turns: IRowTurn[];
  /** As the chat template writes it. */
  text: string;
  ids: number[];
  /** The text of each token. */
  pieces: string[];
  /** Spans of tokens that are learned. */
  trained: [number, number][];
  /** The span of tokens that is left after cutting. */
  kept: [number, number];
}

/** A row as it is, and as the trainer sees it. */
export interface IRowView {
  /** The whole values of the row as text. */
  values: { [column: string]: string | null };
  format: string;
  /** Whose tokenizer it is. */
  model: string;
  /** Why it is left out. */
  problem: string | null;
  fix: string;
  /** Tokens that both sides of a preference have in common before their answers. */
  shared: number;
  sides: IRowSide[];
}

/** A column of a view in numbers, over the first `seen` rows of the source. */
export interface IColumnSummary {
  kind: ColumnKind;
  rows: number;
  nulls: number;
  /** Estimated where it is not `distinct_is_exact`. */
  distinct: number;
  distinct_is_exact: boolean;
  /** Whether minimum, maximum and mean are of the lengths of texts in characters. */
  lengths: boolean;
  /** Text where the column holds times. */
  minimum: number | string | null;
  maximum: number | string | null;
  mean: number | null;
  /** Values that are there more than once. */
  frequent: { value: string; rows: number }[];
  seen: number;
  is_done: boolean;
}

/** Save the rows of a view as a variable or a file that is not there yet. */
export type IViewSaved = { table: string; view?: ITableView } & (
  { variable: string } | { file: string }
);

/** How many rows were saved, and what names them in `data.train`: text, or a section that says how they are read. */
export interface ISavedView {
  rows: number;
  source: string | JSONObject;
}
