import type { ISessionContext } from '@jupyterlab/apputils';
import type { Kernel } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type {
  IAnswering,
  IEditedRun,
  IKernelClient,
  IRunList,
  IRunSubscription,
  IUnderWay,
  KernelStatus
} from '../tokens';
import { CommLink } from './commLink';
import { KernelRequestError } from './error';
import type {
  IEventsMessage,
  IGreeting,
  IProgress,
  IQuestion,
  IRequests,
  IRunEdit,
  IRunsMessage,
  IRunSummary,
  IStatistics,
  IVersion,
  RequestType
} from './protocol';
import { RunsWatch } from './runsWatch';
import { KernelStatuses } from './status';
import { subshellReady } from './subshell';
import { RunSubscription } from './subscription';

/**
 * Talks to the kernel half in the kernel of one session context, whichever kernel that is.
 */
export class KernelClient implements IKernelClient, IDisposable {
  constructor(options: KernelClient.IOptions) {
    this._context = options.sessionContext;
    this._version = options.version;
    this._trans = options.trans;
    this._greeting = options.greeting ?? (async () => ({}));
    this._borrow = options.borrow ?? (() => null);
    this._statuses = new KernelStatuses(options.version, options.trans);
    this._status = this._statuses.noKernel();
    this._context.kernelChanged.connect(this._onKernelChanged, this);
    this._context.statusChanged.connect(this._follow, this);
    this._onKernelChanged();
  }

  get status(): KernelStatus {
    return this._status;
  }

  get statusChanged(): ISignal<this, KernelStatus> {
    return this._statusChanged;
  }

  /** What gets the messages of comms, for others of the same kernel; null if it does not. */
  get lent(): Kernel.IKernelConnection | null {
    return this._kernel?.handleComms ? this._kernel : null;
  }

  /** Emitted when `lent`, or the kernel half behind it, is another. */
  get lentChanged(): ISignal<this, void> {
    return this._lentChanged;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /** What it has borrowed is another. */
  borrowAnew(): void {
    if (this._kernel && !this._kernel.handleComms) {
      this._drop();
      this._follow();
    }
  }

  request<T extends RequestType>(
    type: T,
    payload: IRequests[T]['payload'],
    options: IKernelClient.IRequestOptions = {}
  ): Promise<IRequests[T]['reply']> {
    const { timeout = DEFAULT_TIMEOUT } = options;
    return (
      this._link?.request(type, payload, timeout) ?? this._unanswered().done
    );
  }

  subscribe(run: string, offset = 0): IRunSubscription {
    const subscription = new RunSubscription(run, offset, () =>
      this._unsubscribe(subscription)
    );
    this._subscriptions.add(subscription);
    if (this._status.kind === 'ready') {
      void this._resume(subscription);
    }
    return subscription;
  }

  async edit(edit: IRunEdit): Promise<IRunSummary> {
    const run = await this.request('edit', edit);
    this._edited.emit({ was: edit.run, run });
    return run;
  }

  get edited(): ISignal<this, IEditedRun> {
    return this._edited;
  }

  watchRuns(): IRunList {
    return this._runs.add();
  }

  ask(
    question: IQuestion,
    onText: (column: number, text: string) => void
  ): IAnswering {
    return this._link?.ask(question, onText) ?? this._unanswered();
  }

  count(
    text: string,
    onProgress: (progress: IProgress) => void
  ): IUnderWay<IStatistics> {
    return this._link?.count(text, onProgress) ?? this._unanswered();
  }

  /**
   * Tell the kernel anew what the page prefers.
   */
  greet(): void {
    if (this._link) {
      this._greet(this._link).catch(() => undefined);
    }
  }

  dispose(): void {
    if (this._isDisposed) {
      return;
    }
    this._isDisposed = true;
    this._context.kernelChanged.disconnect(this._onKernelChanged, this);
    this._context.statusChanged.disconnect(this._follow, this);
    this._drop();
    this._kernel?.removeCommTarget(HELLO, this._onHello);
    for (const subscription of [...this._subscriptions]) {
      subscription.dispose();
    }
    this._runs.dispose();
    Signal.clearData(this);
  }

  /** A request for which there is no kernel to ask. */
  private _unanswered(): IUnderWay<never> {
    const fault = this._statuses.fault(this._status);
    return {
      done: Promise.reject(new KernelRequestError(fault)),
      cancel: () => undefined
    };
  }

  private _onKernelChanged(): void {
    this._drop();
    this._kernel?.removeCommTarget(HELLO, this._onHello);
    this._kernel = this._context.session?.kernel ?? null;
    this._kernel?.registerCommTarget(HELLO, this._onHello);
    this._follow();
    this._lentChanged.emit();
  }

  /** The kernel half was loaded just now: what was open before belongs to an older one. */
  private _onHello = (comm: Kernel.IComm): void => {
    const kernel = this._kernel!;
    void subshellReady(kernel, comm).then(() => {
      if (!comm.isDisposed) {
        comm.send({ type: 'hello', version: this._version });
      }
    });
    this._drop();
    this._connect(kernel);
    this._lentChanged.emit();
  };

  /** Connect, wait or give up, as the kernel is now. */
  private _follow(): void {
    const kernel = this._kernel;
    if (!kernel) {
      this._drop();
      // The server soon forgets a kernel that died; why there is none is still to be said.
      if (this._status.kind !== 'dead') {
        this._setStatus(this._statuses.noKernel());
      }
      return;
    }
    switch (kernel.status) {
      case 'idle':
      case 'busy':
        if (!this._link && !this._refused) {
          this._connect(kernel);
        } else if (this._isWaiting) {
          this._setStatus(this._statuses.waiting(kernel));
        }
        break;
      case 'dead':
        this._drop();
        this._setStatus(this._statuses.dead());
        break;
      default:
        this._drop();
        this._setStatus(this._statuses.waiting(kernel));
    }
  }

  private _connect(kernel: Kernel.IKernelConnection): void {
    const connection = this.lent ?? this._borrow(kernel.id);
    if (!connection) {
      this._setStatus(this._statuses.elsewhere());
      return;
    }
    const link = new CommLink({
      kernel: connection,
      version: this._version,
      trans: this._trans
    });
    this._link = link;
    link.refused.connect(this._onRefused, this);
    link.events.connect(this._onEvents, this);
    link.runs.connect(this._onRuns, this);
    this._setStatus(this._statuses.waiting(kernel));
    this._watch(kernel);
    this._greet(link)
      .then(reply => {
        if (link === this._link) {
          this._onVersion(reply.version);
        }
      })
      .catch(() => undefined);
  }

  private async _greet(link: CommLink): Promise<IVersion> {
    return link.request('version', await this._greeting(), Infinity);
  }

  /**
   * Connect anew if an idle kernel stays silent: a restart can lose what was sent while it went on.
   */
  private _watch(kernel: Kernel.IKernelConnection): void {
    clearTimeout(this._watching);
    this._watching = setTimeout(() => {
      if (!this._link || !this._isWaiting) {
        return;
      }
      if (kernel.status === 'idle') {
        this._drop();
        this._connect(kernel);
      } else {
        this._watch(kernel);
      }
    }, SILENCE);
  }

  private _onVersion(kernelVersion: string): void {
    clearTimeout(this._watching);
    this._setStatus(this._statuses.connected(kernelVersion));
    if (this._status.kind === 'ready') {
      for (const subscription of this._subscriptions) {
        void this._resume(subscription);
      }
      this._runs.start(this._link);
    }
  }

  private _onRefused(): void {
    this._link = null;
    this._runs.start(null);
    this._refused = true;
    this._setStatus(this._statuses.notLoaded());
  }

  private _onEvents(_: CommLink, message: IEventsMessage): void {
    for (const subscription of this._subscriptions) {
      if (subscription.run === message.run && !subscription.accept(message)) {
        void this._resume(subscription);
      }
    }
  }

  private _onRuns(_: CommLink, message: IRunsMessage): void {
    this._runs.accept(message);
  }

  /** Ask for the events after those that a subscription has. */
  private async _resume(subscription: RunSubscription): Promise<void> {
    const link = this._link;
    const { run, offset } = subscription;
    if (!link || this._resuming.get(subscription) === link) {
      return;
    }
    this._resuming.set(subscription, link);
    try {
      await link.request('subscribe', { run, offset }, Infinity);
    } catch (error) {
      // A link that ended is no fault of the run: the next one resumes.
      if (link === this._link && error instanceof KernelRequestError) {
        subscription.fail(error);
      }
    } finally {
      if (this._resuming.get(subscription) === link) {
        this._resuming.delete(subscription);
      }
    }
  }

  private _unsubscribe(subscription: RunSubscription): void {
    const { run } = subscription;
    this._subscriptions.delete(subscription);
    const followed = [...this._subscriptions].some(other => other.run === run);
    if (this._link && !followed) {
      this._link
        .request('unsubscribe', { run }, Infinity)
        .catch(() => undefined);
    }
  }

  private _drop(): void {
    const link = this._link;
    clearTimeout(this._watching);
    this._link = null;
    this._refused = false;
    link?.refused.disconnect(this._onRefused, this);
    link?.events.disconnect(this._onEvents, this);
    link?.runs.disconnect(this._onRuns, this);
    this._runs.start(null);
    link?.close();
  }

  private _setStatus(status: KernelStatus): void {
    if (status.kind !== this._status.kind) {
      this._status = status;
      this._statusChanged.emit(status);
    }
  }

  private get _isWaiting(): boolean {
    return this._status.kind === 'connecting' || this._status.kind === 'busy';
  }

  private readonly _context: ISessionContext;
  private readonly _version: string;
  private readonly _trans: TranslationBundle;
  private readonly _greeting: () => Promise<IGreeting>;
  private readonly _borrow: KernelClient.Borrow;
  private readonly _statuses: KernelStatuses;
  private readonly _subscriptions = new Set<RunSubscription>();
  private readonly _runs = new RunsWatch();
  private readonly _resuming = new Map<RunSubscription, CommLink>();
  private _kernel: Kernel.IKernelConnection | null = null;
  private _link: CommLink | null = null;
  private _refused = false;
  private _watching?: ReturnType<typeof setTimeout>;
  private _status: KernelStatus;
  private _isDisposed = false;
  private readonly _statusChanged = new Signal<this, KernelStatus>(this);
  private readonly _lentChanged = new Signal<this, void>(this);
  private readonly _edited = new Signal<this, IEditedRun>(this);
}

export namespace KernelClient {
  /** Of the connections of the page to a kernel only the first gets the messages of comms; null if it is not known. */
  export type Borrow = (kernel: string) => Kernel.IKernelConnection | null;

  export interface IOptions {
    sessionContext: ISessionContext;
    /** Of the front end. */
    version: string;
    trans: TranslationBundle;
    /** What the page prefers; nothing by default. */
    greeting?: () => Promise<IGreeting>;
    /** Asked where another connection gets the messages. */
    borrow?: Borrow;
  }
}

/** The comm that the kernel half opens when it is loaded. */
const HELLO = 'llmtune.hello';

/** In milliseconds. */
const DEFAULT_TIMEOUT = 30_000;
const SILENCE = 5_000;
