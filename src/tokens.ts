import type { NotebookPanel } from '@jupyterlab/notebook';
import type { ISettingRegistry } from '@jupyterlab/settingregistry';

import { Token } from '@lumino/coreutils';
import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';

import type { IChange } from './cell/document';
import type {
  IAnswer,
  IFault,
  IProgress,
  IQuestion,
  IRequests,
  IRunEdit,
  IRunSummary,
  ISnapshot,
  IStatistics,
  RequestType,
  RunEvent
} from './kernel/protocol';

export const TRANSLATION_DOMAIN = 'jupyterlab_llmtune';

export namespace CommandIDs {
  export const openQuickstart = 'llmtune:open-quickstart';
  export const insertCell = 'llmtune:insert-cell';
  export const showSidebar = 'llmtune:show-sidebar';
  export const openRuns = 'llmtune:open-runs';
  export const inspectData = 'llmtune:inspect-data';
  export const runConfiguration = 'llmtune:run-configuration';
  export const insertConfiguration = 'llmtune:insert-configuration';
  export const applyPreset = 'llmtune:apply-preset';
  export const openRun = 'llmtune:open-run';
  export const compareRuns = 'llmtune:compare-runs';
  export const pauseRun = 'llmtune:pause-run';
  export const resumeRun = 'llmtune:resume-run';
  export const stopRun = 'llmtune:stop-run';
  export const sampleRun = 'llmtune:sample-run';
  export const ask = 'llmtune:ask';
}

/**
 * The user's settings of the extension.
 */
export interface IUserSettings {
  load(): Promise<ISettingRegistry.ISettings>;
}

export const IUserSettings = new Token<IUserSettings>(
  'jupyterlab-llmtune:IUserSettings',
  'The user’s settings of jupyterlab-llmtune.'
);

export type { ISnapshot } from './kernel/protocol';

/**
 * Replaces live outputs in open notebooks by their static snapshot.
 */
export interface ISnapshotWriter {
  write(snapshot: ISnapshot): void;
}

export const ISnapshotWriter = new Token<ISnapshotWriter>(
  'jupyterlab-llmtune:ISnapshotWriter',
  'Replaces the live outputs of a run by their static snapshot.'
);

/**
 * How the connection to the kernel half stands; `message` says it to the user.
 */
export type KernelStatus =
  | { kind: 'no-kernel'; message: string }
  | { kind: 'connecting'; message: string }
  | { kind: 'busy'; message: string }
  | { kind: 'ready'; version: string }
  | { kind: 'not-loaded'; message: string }
  | {
      kind: 'version-mismatch';
      kernel: string;
      frontend: string;
      message: string;
    }
  | { kind: 'elsewhere'; message: string }
  | { kind: 'dead'; message: string };

export interface IEditedRun {
  was: string;
  run: IRunSummary;
}

/**
 * Talks to the kernel half in the kernel of one notebook.
 */
export interface IKernelClient {
  readonly status: KernelStatus;
  readonly statusChanged: ISignal<IKernelClient, KernelStatus>;

  /**
   * @throws KernelRequestError (a rejection) if the kernel finds a mistake, does not answer in time, or goes away.
   */
  request<T extends RequestType>(
    type: T,
    payload: IRequests[T]['payload'],
    options?: IKernelClient.IRequestOptions
  ): Promise<IRequests[T]['reply']>;

  /**
   * Follow the events of a run, across reconnections.
   *
   * @param offset - in bytes, of the first event wanted in the run's event file.
   */
  subscribe(run: string, offset?: number): IRunSubscription;

  /**
   * Change name, tags or note of a run.
   *
   * @throws KernelRequestError (a rejection), as `request`.
   */
  edit(edit: IRunEdit): Promise<IRunSummary>;

  /** Emitted when that was done: the name that the run had, and what it is now. */
  readonly edited: ISignal<IKernelClient, IEditedRun>;

  /**
   * The list of runs, kept up to date across reconnections until it is disposed.
   */
  watchRuns(): IRunList;

  /**
   * Let models answer; the text comes in pieces.
   *
   * @param onText - called with the number of the column and the next piece of its answer.
   */
  ask(
    question: IQuestion,
    onText: (column: number, text: string) => void
  ): IAnswering;

  /**
   * Count the statistics of the data of a configuration.
   *
   * @param onProgress - told how far it has come.
   */
  count(
    text: string,
    onProgress: (progress: IProgress) => void
  ): IUnderWay<IStatistics>;
}

export namespace IKernelClient {
  export interface IRequestOptions {
    /** In milliseconds; 30,000 by default. */
    timeout?: number;
  }
}

/**
 * The events of a run as they come; dispose it to stop them.
 */
export interface IRunSubscription extends IDisposable {
  readonly run: string;
  /** Where to subscribe again to go on after the last event that came. */
  readonly offset: number;
  readonly events: ISignal<IRunSubscription, RunEvent[]>;
  /** Emitted if the kernel does not know the run. */
  readonly failed: ISignal<IRunSubscription, IFault>;
}

/**
 * The runs of the runs folder, newest first.
 */
export interface IRunList extends IDisposable {
  readonly runs: readonly IRunSummary[];
  /** Whether the list has come: before, `runs` is empty. */
  readonly isReady: boolean;
  /** Why the list cannot come, such as a folder that may not be read. */
  readonly fault: IFault | null;
  readonly changed: ISignal<IRunList, void>;
}

/**
 * A request that takes long.
 */
export interface IUnderWay<T> {
  /**
   * @throws KernelRequestError (a rejection) if something is wrong, or if it was cancelled.
   */
  readonly done: Promise<T>;
  cancel(): void;
}

/**
 * Answers on their way: what each column said in full.
 */
export type IAnswering = IUnderWay<IAnswer[]>;

/**
 * The clients of all open notebooks, one each.
 */
export interface IKernelClients {
  /** The client of the current notebook. */
  readonly current: IKernelClient | null;
  readonly currentChanged: ISignal<IKernelClients, IKernelClient | null>;
  /** The client of a notebook. */
  of(panel: NotebookPanel): IKernelClient | null;
}

export const IKernelClients = new Token<IKernelClients>(
  'jupyterlab-llmtune:IKernelClients',
  'Talks to the kernel half of jupyterlab-llmtune, in each open notebook.'
);

/**
 * A configuration as YAML, while the text cannot be read as it was before.
 */
export interface IShownConfiguration {
  /** The notebook that it is of. */
  readonly panel: NotebookPanel | null;
  /** In our YAML. */
  readonly ours: { readonly text: string };
  /** Whether it can be changed now. */
  readonly isEditable: boolean;
  change(changes: IChange[]): void;
  readonly changed: ISignal<IShownConfiguration, void>;
}

/**
 * The form of the sidebar.
 */
export interface IConfigurationForm {
  /** The configuration that the form shows, also while the sidebar is not shown. */
  load(): Promise<IShownConfiguration>;
}

export const IConfigurationForm = new Token<IConfigurationForm>(
  'jupyterlab-llmtune:IConfigurationForm',
  'Tells the configuration that the form of the sidebar shows.'
);
