import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import type { Kernel } from '@jupyterlab/services';

import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { IKernelClients } from '../tokens';
import type { KernelClient } from './client';

/**
 * One client for each open notebook, as long as it is open.
 */
export class KernelClients implements IKernelClients {
  constructor(notebooks: INotebookTracker, create: KernelClients.Create) {
    this._notebooks = notebooks;
    this._create = create;
    notebooks.forEach(panel => this.of(panel));
    notebooks.widgetAdded.connect((_, panel) => this.of(panel));
    notebooks.currentChanged.connect(() =>
      this._currentChanged.emit(this.current)
    );
  }

  get current(): KernelClient | null {
    const panel = this._notebooks.currentWidget;
    return panel && this.of(panel);
  }

  get currentChanged(): ISignal<this, KernelClient | null> {
    return this._currentChanged;
  }

  of(panel: NotebookPanel): KernelClient | null {
    // A notebook can be the current one before the tracker says that it was added.
    const known = this._clients.get(panel);
    return known ?? (panel.isDisposed ? null : this._add(panel));
  }

  /** Tell all kernels anew what the page prefers. */
  greet(): void {
    this._notebooks.forEach(panel => this.of(panel)?.greet());
  }

  private _add(panel: NotebookPanel): KernelClient {
    const client = this._create(panel, kernel => this._lender(kernel));
    this._clients.set(panel, client);
    client.lentChanged.connect(() => this._borrowAnew());
    panel.disposed.connect(() => {
      this._clients.delete(panel);
      client.dispose();
      this._borrowAnew();
    });
    return client;
  }

  private _lender(kernel: string): Kernel.IKernelConnection | null {
    const lent = [...this._clients.values()].map(client => client.lent);
    return (
      lent.find(found => found?.id === kernel && !found.isDisposed) ?? null
    );
  }

  private _borrowAnew(): void {
    this._clients.forEach(client => client.borrowAnew());
  }

  private readonly _notebooks: INotebookTracker;
  private readonly _create: KernelClients.Create;
  private readonly _clients = new Map<NotebookPanel, KernelClient>();
  private readonly _currentChanged = new Signal<this, KernelClient | null>(
    this
  );
}

export namespace KernelClients {
  export type Create = (
    panel: NotebookPanel,
    borrow: KernelClient.Borrow
  ) => KernelClient;
}
