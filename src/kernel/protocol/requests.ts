import type { IMimeBundle } from '@jupyterlab/nbformat';

import type { JSONObject } from '@lumino/coreutils';

import type {
  IConfigurationSource,
  IDatasetChoice,
  IInspection,
  IModelChoice,
  IPreset,
  IValidation,
  IVariable
} from './configuration';
import type {
  IAnswer,
  IQuestion,
  IRunCommand,
  IRunEdit,
  IRunSummary,
  IRunView
} from './runs';
import type { IStatistics } from './statistics';
import type {
  IColumnSummary,
  IOpenedTable,
  IPageWanted,
  IProblemFound,
  IProblemWanted,
  IReadBefore,
  IRowView,
  IRowWanted,
  ISavedView,
  ITablePage,
  ITableSource,
  ITableView,
  IViewSaved
} from './tables';

/** What the front end can ask of the kernel, and what it gets. */
export interface IRequests {
  version: { payload: IGreeting; reply: IVersion };
  /** The JSON Schema of a run's configuration. */
  schema: { payload: INothing; reply: JSONObject };
  validate: { payload: IConfigurationSource; reply: IValidation };
  variables: { payload: INothing; reply: IVariable[] };
  /** The names that dataset_info.json in a folder gives to data sets. */
  registered: { payload: { dataset_dir: string }; reply: string[] };
  /** Where the kernel is, from the folder of Jupyter's files; null if it is not in there. */
  folder: { payload: { root: string }; reply: { path: string | null } };
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
  /** Whether the data of a configuration, whose `content` was seen, are known to be others by now. */
  data_changed: {
    payload: { text: string; content: string };
    reply: { has_changed: boolean };
  };
  /** Open the rows of a source as a table; it is closed with the page at the latest. */
  open_table: {
    payload: ITableSource & { before?: IReadBefore };
    reply: IOpenedTable;
  };
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

/** Front end to kernel. */
export interface IRequest<T extends RequestType = RequestType> {
  id: string;
  type: T;
  payload: IRequests[T]['payload'];
}
