import type {
  Kernel,
  KernelMessage as JupyterMessage
} from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { JSONObject } from '@lumino/coreutils';
import { PromiseDelegate } from '@lumino/coreutils';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { IAnswering, IUnderWay } from '../tokens';
import { KernelRequestError } from './error';
import type {
  IAnswerMessage,
  IEventsMessage,
  IFault,
  IProgress,
  IProgressMessage,
  IQuestion,
  IRequest,
  IRequests,
  IRunsMessage,
  IStatistics,
  KernelMessage,
  RequestType
} from './protocol';
import { subshellReady } from './subshell';

/**
 * One comm `llmtune`, from its opening to its end: pairs answers with requests.
 */
export class CommLink {
  constructor(options: CommLink.IOptions) {
    this._trans = options.trans;
    this._comm = options.kernel.createComm('llmtune');
    // These return at once: a promise would hold up every message of the kernel.
    this._comm.onMsg = message => this._onMessage(message);
    this._comm.onClose = () => {
      this.close();
      this._refused.emit();
    };
    this._opened = subshellReady(options.kernel, this._comm).then(() => {
      if (!this._isClosed) {
        this._comm.open({ version: options.version });
      }
    });
  }

  /** Emitted when the kernel closed the comm. */
  get refused(): ISignal<this, void> {
    return this._refused;
  }

  get events(): ISignal<this, IEventsMessage> {
    return this._events;
  }

  get runs(): ISignal<this, IRunsMessage> {
    return this._runs;
  }

  /**
   * @param timeout - in milliseconds; Infinity waits as long as the link lives.
   * @throws KernelRequestError
   */
  request<T extends RequestType>(
    type: T,
    payload: IRequests[T]['payload'],
    timeout: number
  ): Promise<IRequests[T]['reply']> {
    const { id, answer } = this._send(type, payload);
    if (timeout === Infinity) {
      return answer;
    }
    const timer = setTimeout(() => {
      this._reject(id, {
        what: this._trans.__(
          'The kernel did not answer within %1 s.',
          timeout / 1000
        ),
        where: '',
        fix: this._trans.__(
          'If a cell is running, wait for its end or interrupt it; then try again.'
        )
      });
    }, timeout);
    return answer.finally(() => clearTimeout(timer));
  }

  /** See `IKernelClient.ask`. */
  ask(
    question: IQuestion,
    onText: (column: number, text: string) => void
  ): IAnswering {
    return this._follow(
      'ask',
      question,
      message =>
        message.type === 'answer' && onText(message.column, message.text),
      this._trans.__('The answer was cancelled.')
    );
  }

  /** See `IKernelClient.count`. */
  count(
    text: string,
    onProgress: (progress: IProgress) => void
  ): IUnderWay<IStatistics> {
    return this._follow(
      'statistics',
      { text },
      message => message.type === 'progress' && onProgress(message),
      this._trans.__('Counting was cancelled.')
    );
  }

  /** Send a request of which something is told before it is answered, and which can be cancelled. */
  private _follow<T extends RequestType>(
    type: T,
    payload: IRequests[T]['payload'],
    onPush: IPending['onPush'],
    cancelled: string
  ): IUnderWay<IRequests[T]['reply']> {
    const { id, answer } = this._send(type, payload, onPush);
    return {
      done: answer,
      cancel: () => {
        const wasSent = this._pending.get(id)?.isSent;
        this._reject(id, { what: cancelled, where: '', fix: '' });
        if (wasSent) {
          this._send('cancel', { id }).answer.catch(() => undefined);
        }
      }
    };
  }

  /** End the link: open requests fail, later messages are ignored. */
  close(): void {
    if (this._isClosed) {
      return;
    }
    this._isClosed = true;
    this._comm.onMsg = () => undefined;
    this._comm.onClose = () => undefined;
    try {
      this._comm.close();
    } catch {
      // The comm or its kernel is gone already.
    }
    for (const id of [...this._pending.keys()]) {
      this._reject(id, this._connectionEnded());
    }
  }

  private _onMessage(message: JupyterMessage.ICommMsgMsg): void {
    const data = message.content.data as unknown as KernelMessage;
    switch (data.type) {
      case 'events':
        this._events.emit(data);
        break;
      case 'runs':
        this._runs.emit(data);
        break;
      case 'answer':
      case 'progress':
        this._pending.get(data.id)?.onPush?.(data);
        break;
      case 'reply':
        this._pending.get(data.id)?.answer.resolve(data.payload);
        this._pending.delete(data.id);
        break;
      case 'error':
        this._reject(data.id, data.error);
        break;
    }
  }

  /** Send a request as soon as the comm is open, unless it has been answered for before. */
  private _send<T extends RequestType>(
    type: T,
    payload: IRequests[T]['payload'],
    onPush?: IPending['onPush']
  ): { id: string; answer: Promise<IRequests[T]['reply']> } {
    const id = String(this._nextId++);
    const pending: IPending = {
      answer: new PromiseDelegate<any>(),
      onPush,
      isSent: false
    };
    this._pending.set(id, pending);
    this._opened
      .then(() => {
        if (this._pending.has(id)) {
          const request: IRequest<T> = { id, type, payload };
          this._comm.send(request as unknown as JSONObject);
          pending.isSent = true;
        }
      })
      .catch(() => this._reject(id, this._connectionEnded()));
    return { id, answer: pending.answer.promise };
  }

  private _reject(id: string, fault: IFault): void {
    this._pending.get(id)?.answer.reject(new KernelRequestError(fault));
    this._pending.delete(id);
  }

  private _connectionEnded(): IFault {
    return {
      what: this._trans.__(
        'The connection to the kernel ended before it answered.'
      ),
      where: '',
      fix: this._trans.__('Try again once the kernel is connected.')
    };
  }

  private readonly _trans: TranslationBundle;
  private readonly _comm: Kernel.IComm;
  private readonly _opened: Promise<void>;
  private readonly _pending = new Map<string, IPending>();
  private readonly _refused = new Signal<this, void>(this);
  private readonly _events = new Signal<this, IEventsMessage>(this);
  private readonly _runs = new Signal<this, IRunsMessage>(this);
  private _nextId = 0;
  private _isClosed = false;
}

export namespace CommLink {
  export interface IOptions {
    kernel: Kernel.IKernelConnection;
    /** Of the front end. */
    version: string;
    trans: TranslationBundle;
  }
}

/** A request without its answer. */
interface IPending {
  answer: PromiseDelegate<any>;
  /** Called with each piece of an answer, or with how far it has come. */
  onPush?: (message: IAnswerMessage | IProgressMessage) => void;
  isSent: boolean;
}
