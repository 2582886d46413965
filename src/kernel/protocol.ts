import type { IMimeBundle } from '@jupyterlab/nbformat';

import type { JSONObject, JSONValue } from '@lumino/coreutils';

/**
 * The messages of the comm `llmtune` and the events of a run, as `schema/protocol.json` has them.
 */

/** What the front end can ask of the kernel, and what it gets. */
export interface IRequests {
  version: { payload: IGreeting; reply: IVersion };
  /** The JSON Schema of a run's configuration. */
  schema: { payload: INothing; reply: JSONObject };
  validate: { payload: IConfigurationSource; reply: IValidation };
  variables: { payload: INothing; reply: IVariable[] };
  /** The names that dataset_info.json in a folder gives to data sets. */
  registered: { payload: { dataset_dir: string }; reply: string[] };
  /** The well-known public data sets, those of a task together. */
  catalogue: { payload: INothing; reply: IDatasetChoice[] };
  runs: { payload: INothing; reply: IRunSummary[] };
  control: { payload: IRunCommand; reply: INothing };
  subscribe: { payload: { run: string; offset: number }; reply: INothing };
  unsubscribe: { payload: { run: string }; reply: INothing };
  models: { payload: INothing; reply: IModelChoice[] };
  presets: { payload: INothing; reply: IPreset[] };
  /** Look at the data of a configuration through the eyes of the trainer. */
  inspect: { payload: { text: string; first?: number }; reply: IInspection };
  /** Push the list of runs now and whenever it changes. */
  watch: { payload: INothing; reply: INothing };
  unwatch: { payload: INothing; reply: INothing };
  view: { payload: { run: string }; reply: IRunView };
  /** What saved outputs of live runs are to show. */
  outputs: { payload: { outputs: ILiveOutput[] }; reply: IOutputs };
  edit: { payload: IRunEdit; reply: IRunSummary };
  /** Move runs that are over to the trash of the runs folder. */
  delete: { payload: { runs: string[] }; reply: INothing };
  /** Answered when all columns are done; the text comes before, in pieces. */
  ask: { payload: IQuestion; reply: IAnswer[] };
  /** Answered when all is counted; how far it has come is told before. */
  statistics: { payload: { text: string }; reply: IStatistics };
  /** End `ask` or `statistics`. */
  cancel: { payload: { id: string }; reply: INothing };
  /** Open the rows of a source as a table; it is closed with the page at the latest. */
  open_table: { payload: ITableSource; reply: { table: string } };
  table_page: { payload: IPageWanted; reply: ITablePage };
  /** One row of a table through the eyes of the trainer. */
  table_row: { payload: IRowWanted; reply: IRowView };
  table_problem: { payload: IProblemWanted; reply: IProblemFound };
  /** A column in numbers, over the rows that are known by now. */
  column_summary: {
    payload: { table: string; column: string; view?: ITableView };
    reply: IColumnSummary;
  };
  /** Answered when all rows are saved. */
  save_table: { payload: IViewSaved; reply: ISavedView };
  close_table: { payload: { table: string }; reply: INothing };
}

export type RequestType = keyof IRequests;

export type INothing = Record<string, never>;

/** What the page prefers where the environment of the kernel says nothing. */
export interface IGreeting {
  /** Empty or absent for English. */
  language?: string;
  /** Relative to the notebook's folder; empty or absent for the default. */
  runs_folder?: string;
}

/** An output that shows a run live, by what it carries in `metadata.llmtune`. */
export interface ILiveOutput extends JSONObject {
  id: string;
  run: string;
  /** Unix time of the first event of the run: another of its name is not meant. */
  began: number;
}

/** Ids of outputs that are kept up to date, and what the others become; of unknown runs there is neither. */
export interface IOutputs {
  live: string[];
  snapshots: ISnapshot[];
}

/**
 * What the live outputs of a run look like without a kernel.
 */
export interface ISnapshot {
  /** Of the display of a run; outputs carry it in `metadata.llmtune.id`. */
  id: string;
  /** By `metadata.llmtune.part`. */
  outputs: { [part: string]: { data: IMimeBundle; metadata: JSONObject } };
}

/** Versions of the kernel half and of its Python. */
export interface IVersion {
  version: string;
  python: string;
}

/** The YAML text of a cell, or the values of a form. */
export type IConfigurationSource = { text: string } | { values: JSONObject };

export interface IValidation {
  ok: boolean;
  problems: IConfigurationProblem[];
  /** Every value where it is, if all are right. */
  config: JSONObject | null;
}

export interface IConfigurationProblem {
  /** Null for values of a form. */
  line: number | null;
  key: string;
  message: string;
  hint: string;
}

/** A variable of the notebook that can be a data set. */
export interface IVariable {
  name: string;
  type: string;
  rows: number | null;
  columns: string[];
  /** Differs when the rows do, as far as a sample of them tells. */
  content: string;
}

/** Times in Unix seconds, `eta` and `duration` in seconds. */
export interface IRunSummary {
  name: string;
  state: IState['state'];
  step: number;
  max_steps: number;
  loss: number | null;
  started: number;
  duration: number;
  eta: number | null;
  model: string;
  tags: string[];
  note: string;
  /** The loss, 40 values at most. */
  curve: (number | null)[];
  /** Whether it can be continued. */
  has_checkpoint: boolean;
  /** Whether it can be asked after its end. */
  has_result: boolean;
  /** Whether it can be told to answer its prompts. */
  has_prompts: boolean;
}

/** What is left out stays as it is. */
export interface IRunEdit {
  run: string;
  name?: string;
  tags?: string[];
  note?: string;
}

/** All that a view of a run shows at first; what comes later is in the events from `offset` on. */
export interface IRunView {
  summary: IRunSummary;
  /** The configuration as written by the user. */
  text: string;
  /** Every value; null before the worker resolved it. */
  config: JSONObject | null;
  directory: string;
  /** Paths relative to the directory, sizes in bytes. */
  files: { path: string; size: number }[];
  /** Columns `step, loss, learning_rate, grad_norm`. */
  train: { [column: string]: (number | null)[] };
  /** Columns `step, loss`. */
  eval: { [column: string]: (number | null)[] };
  /** The last state, metrics, samples, log lines and errors, in order. */
  events: RunEvent[];
  offset: number;
}

/** A model to choose. */
export interface IModelChoice {
  name: string;
  kind: 'built-in' | 'cached' | 'catalogue';
  title: string;
  /** In billions. */
  parameters: number | null;
  licence: string;
  description: string;
}

/** A data set of the catalogue; what is for people is in their language. */
export interface IDatasetChoice {
  name: string;
  /** Its id on the Hugging Face Hub. */
  hub: string;
  task: string;
  rows: number | null;
  licence: string;
  description: string;
}

/** Settings for a purpose; `values` are a part of a configuration. */
export interface IPreset {
  name: string;
  title: string;
  description: string;
  values: JSONObject;
}

/** What the trainer will see, and what the run will take. Times in seconds, memory in bytes. */
export interface IInspection {
  model: string;
  rows: number;
  train_rows: number;
  eval_rows: number;
  columns: string[];
  format: string;
  format_columns: string[];
  tokens: number;
  trained_tokens: number;
  truncated: number;
  /** Rows left out: that cannot be trained on, and that are too long. */
  skipped: number;
  dropped: number;
  /** The first of them. */
  problems: { row: number; column: string; message: string }[];
  /** In tokens a row. */
  lengths: {
    edges: number[];
    counts: number[];
    min: number;
    median: number;
    max: number;
  };
  preview: { row: number; spans: { text: string; trained: boolean }[] }[];
  steps: number;
  /** Null where no speed of this model was measured on this machine. */
  seconds: number | null;
  memory: number;
  memory_available: number;
  notices: INotice[];
}

/** The training data as a whole; tokens are those after cutting. */
export interface IStatistics {
  rows: number;
  train_rows: number;
  tokens: number;
  trained_tokens: number;
  steps: number;
  run_tokens: number;
  max_length: number;
  groups: ILengthGroups;
  duplicates: ITwins;
  near_duplicates: ITwins;
  /** Rows looked at for near duplicates. */
  compared: number;
  left_out: ILeftOut[];
  /** Code of ISO 639, and share of the rows. */
  languages: [string, number][];
  sources: {
    name: string;
    rows: number;
    used: number;
    tokens: number;
    trained_tokens: number;
  }[];
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

/** Something to know before the run, and changes of the configuration that mend it. */
export interface INotice {
  message: string;
  fixes: { label: string; path: string; value: JSONValue }[];
}

/** A chat that ends with the user's turn, and up to four models to answer it. */
export interface IQuestion {
  columns: ({ run: string } | { model: string })[];
  messages: { role: string; content: string }[];
  settings?: JSONObject;
}

/** What a model said in full. */
export interface IAnswer {
  column: number;
  text: string;
  /** Whether it ended by itself, or was cut at the most tokens that were allowed. */
  finish_reason: 'stop' | 'length';
  tokens: number;
}

/** A source as `data.train` has it: text, or a section with split and subset. */
export interface ITableSource {
  source: string | JSONObject;
  /** The folder of dataset_info.json. */
  dataset_dir: string;
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

/** Some rows of a view as text to show, and how far the table has come. */
export interface ITablePage {
  columns: { name: string; kind: ColumnKind }[];
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
  /** Rows of the source known so far. */
  rows: number;
  /** Whether no more rows come. */
  is_whole: boolean;
  /** A mistake in the source after its last row. */
  fault: IFault | null;
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

/** The tokens of a row, or of one side of a preference. */
export interface IRowSide {
  name: '' | 'chosen' | 'rejected' | 'desirable' | 'undesirable';
  /** Those with `answers` are learned or judged; the role of a plain text is empty. */
  turns: { role: string; text: string; answers: boolean }[];
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
  /** Tokens that both sides of a preference have in common at their start. */
  shared: number;
  sides: IRowSide[];
}

/** A column of a view in numbers, over the first `seen` rows of the source. */
export interface IColumnSummary {
  kind: ColumnKind;
  rows: number;
  nulls: number;
  /** Estimated. */
  distinct: number;
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

/** A command for the worker of a run; the last three belong to `sample`. */
export interface IRunCommand {
  run: string;
  command: 'stop' | 'pause' | 'resume' | 'save' | 'sample';
  request?: string;
  prompts?: (string | { [key: string]: string }[])[];
  settings?: JSONObject;
}

/** Front end to kernel. */
export interface IRequest<T extends RequestType = RequestType> {
  id: string;
  type: T;
  payload: IRequests[T]['payload'];
}

/** What is wrong, where it is, and what to do about it; the last two can be empty. */
export interface IFault {
  what: string;
  where: string;
  fix: string;
}

/** Kernel to front end. */
export type KernelMessage =
  | { id: string; type: 'reply'; payload: JSONValue }
  | { id: string; type: 'error'; error: IFault }
  | IEventsMessage
  | IRunsMessage
  | IAnswerMessage
  | IProgressMessage;

/** Runs that are new or have changed, and names of those that have gone. */
export interface IRunsMessage {
  type: 'runs';
  runs: IRunSummary[];
  removed: string[];
  /** Why the runs folder cannot be read; null if it can. */
  fault: IFault | null;
}

/** The next piece of what a column answers to the request `ask` of this id. */
export interface IAnswerMessage {
  type: 'answer';
  id: string;
  column: number;
  text: string;
}

/** How far the request `statistics` of this id has come, in rows. */
export interface IProgressMessage extends IProgress {
  type: 'progress';
  id: string;
}

export interface IProgress {
  stage: 'reading' | 'comparing';
  done: number;
  total: number;
}

/** Events of a run that the front end subscribed to, in order. */
export interface IEventsMessage {
  type: 'events';
  run: string;
  events: RunEvent[];
  /** Where in the run's event file, in bytes, the next event begins. */
  offset: number;
}

export type RunEvent =
  | IEvent<'state', IState>
  | IEvent<'metrics', IMetrics>
  | IEvent<'evaluation', IEvaluation>
  | IEvent<'sample', ISample>
  | IEvent<'checkpoint', ICheckpoint>
  | IEvent<'log', ILog>
  | IEvent<'error', IFailure>;

export interface IEvent<Type extends string, Payload> {
  /** Counts up from 0 without gaps. */
  seq: number;
  /** Unix time in seconds. */
  time: number;
  type: Type;
  payload: Payload;
}

export interface IState {
  state:
    | 'queued'
    | 'loading'
    | 'training'
    | 'pausing'
    | 'paused'
    | 'stopping'
    | 'finished'
    | 'stopped'
    | 'failed';
  detail: string;
}

export interface IMetrics {
  step: number;
  max_steps: number;
  epoch: number;
  /** Mean over trained tokens, pairs or answers since the last metrics; null if not finite. */
  loss: number | null;
  learning_rate: number;
  grad_norm: number | null;
  /** Seen since the run began, without padding. */
  tokens: number;
  tokens_per_second: number;
  /** In bytes. */
  memory: number;
  /** Seconds left. */
  eta: number;
  /** What else the objective measures, means since the last metrics. */
  measures?: { [name: string]: number };
}

export interface IEvaluation {
  step: number;
  epoch: number;
  loss: number | null;
  tokens: number;
  seconds: number;
  measures?: { [name: string]: number };
}

export interface ISample {
  step: number;
  /** Id of the command that asked for it, if any. */
  request: string | null;
  answers: { prompt: { role: string; content: string }[]; answer: string }[];
}

export interface ICheckpoint {
  step: number;
  /** Relative to the run directory. */
  path: string;
  kind: 'checkpoint' | 'result';
}

export interface ILog {
  level: 'info' | 'warning';
  message: string;
}

export interface IFailure extends IFault {
  /** Path of worker.log, for faults. */
  log: string;
  /** Its last lines, for faults. */
  tail: string[];
}
