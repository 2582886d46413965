import type { ISessionContext } from '@jupyterlab/apputils';
import type { Kernel } from '@jupyterlab/services';

import { Signal } from '@lumino/signaling';

/** The page's end of a comm; the test plays the kernel. */
export class FakeComm {
  constructor(readonly targetName: string) {}

  readonly commsOverSubshells = 'perCommTarget';
  subshellStarted: Promise<void> = Promise.resolve();
  opened: unknown = null;
  sent: any[] = [];
  closed = false;
  isDisposed = false;
  onMsg: (message: any) => unknown = () => undefined;
  onClose: (message: any) => unknown = () => undefined;

  open(data: unknown): void {
    this.opened = data;
  }

  send(data: unknown): void {
    if (this.isDisposed) {
      throw new Error('Cannot send');
    }
    this.sent.push(data);
  }

  close(): void {
    if (this.isDisposed) {
      throw new Error('Cannot close');
    }
    this.closed = true;
    this.isDisposed = true;
  }

  /** A message arrives. What the handler returns must not be a promise. */
  receive(data: unknown): void {
    expect(this.onMsg({ content: { data } })).toBeUndefined();
  }

  /** The kernel closes the comm. */
  receiveClose(): void {
    expect(this.onClose({})).toBeUndefined();
    this.isDisposed = true;
  }

  /** The last request of a type. */
  request(type: string): any {
    return [...this.sent].reverse().find(request => request.type === type);
  }

  reply(type: string, payload: unknown): void {
    this.receive({ id: this.request(type).id, type: 'reply', payload });
  }
}

/** A kernel connection without a kernel. */
export class FakeKernel {
  constructor(
    readonly id = 'kernel',
    readonly handleComms = true
  ) {}

  readonly isDisposed = false;
  readonly info = Promise.resolve({});
  supportsSubshells = true;
  status = 'idle';
  comms: FakeComm[] = [];
  targets = new Map<string, (comm: any, message: any) => unknown>();
  subshellStarted: Promise<void> = Promise.resolve();

  /** The newest comm that the page made. */
  get comm(): FakeComm {
    return this.comms[this.comms.length - 1];
  }

  createComm(target: string): FakeComm {
    if (!this.handleComms) {
      throw new Error('Comms are disabled on this kernel connection');
    }
    const comm = new FakeComm(target);
    comm.subshellStarted = this.subshellStarted;
    this.comms.push(comm);
    return comm;
  }

  registerCommTarget(name: string, callback: () => unknown): void {
    if (this.handleComms) {
      this.targets.set(name, callback);
    }
  }

  removeCommTarget(name: string, callback: () => unknown): void {
    if (this.targets.get(name) === callback) {
      this.targets.delete(name);
    }
  }

  /** `%load_ext llmtune_kernel` runs in the kernel. */
  load(): FakeComm {
    const comm = new FakeComm('llmtune.hello');
    expect(this.targets.get(comm.targetName)!(comm, {})).toBeUndefined();
    return comm;
  }
}

/** A session context around fake kernels. */
export class FakeContext {
  constructor(kernel: FakeKernel | null) {
    this.session = { kernel };
  }

  session: { kernel: FakeKernel | null };
  readonly kernelChanged = new Signal<this, unknown>(this);
  readonly statusChanged = new Signal<this, unknown>(this);

  get asContext(): ISessionContext {
    return this as unknown as ISessionContext;
  }

  setStatus(status: Kernel.Status): void {
    this.session.kernel!.status = status;
    this.statusChanged.emit(status);
  }

  /** What JupyterLab does when a kernel restarts: comms end without a word. */
  restart(): void {
    this.session.kernel!.comms.forEach(comm => (comm.isDisposed = true));
    this.setStatus('restarting');
  }

  setKernel(kernel: FakeKernel | null): void {
    this.session = { kernel };
    this.kernelChanged.emit(undefined);
  }
}

/** Let everything happen that does not wait for a message. */
export function settle(): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, 0));
}
