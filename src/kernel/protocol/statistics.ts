/** What is known of the training data, or of those rows that were read; tokens are those after cutting. */
export interface ISoFar {
  rows: number;
  tokens: number;
  trained_tokens: number;
  max_length: number;
  groups: ILengthGroups;
  left_out: ILeftOut[];
}

/** The training data as a whole. */
export interface IStatistics extends ISoFar {
  train_rows: number;
  /** Of the rows to train on, those that weights repeat as often. */
  epoch_tokens: number;
  epoch_trained_tokens: number;
  steps: number;
  run_tokens: number;
  duplicates: ITwins;
  near_duplicates: ITwins;
  /** Rows looked at for near duplicates. */
  compared: number;
  /** Code of ISO 639, and share of the rows. */
  languages: [string, number][];
  sources: ICountedSource[];
}

export interface ICountedSource {
  name: string;
  rows: number;
  used: number;
  /** In an epoch, those that weights repeat as often. */
  train_rows: number;
  epoch_tokens: number;
  epoch_trained_tokens: number;
}

/** Rows by their length in tokens before cutting; lists of equal length. */
export interface ILengthGroups {
  /** What becomes of a row that is too long; `part`: it is used in pieces. */
  policy: 'right' | 'left' | 'drop' | 'error' | 'part';
  /** Of a preference those of the longer side. */
  lengths: number[];
  /** Of the other side of a preference, else 0. */
  others: number[];
  rows: number[];
  /** The least max_length with which something is learned, and how many rows need it. */
  needed: number[];
  needing: number[];
}

/** Rows that are an earlier one again, or nearly; the first of them, each with the earlier one. */
export interface ITwins {
  count: number;
  rows: [number, number][];
}

/** Rows that are left out for one kind of reason; the first of them, and what is wrong with the first one. */
export interface ILeftOut {
  kind: 'empty' | 'order' | 'untrained' | 'long' | 'other';
  count: number;
  rows: number[];
  message: string;
}
