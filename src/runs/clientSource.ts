import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';

import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { IKernelClient, IKernelClients } from '../tokens';

/**
 * Where a view gets its client from, which can come and go.
 */
export interface IClientSource {
  readonly client: IKernelClient | null;
  /** Of the notebook. */
  readonly path: string;
  readonly changed: ISignal<IClientSource, void>;
}

/**
 * The client of one notebook whenever it is open, also under another name.
 */
export class NotebookClient implements IClientSource, IDisposable {
  constructor(
    path: string,
    notebooks: INotebookTracker,
    clients: IKernelClients
  ) {
    this._path = path;
    this._notebooks = notebooks;
    this._clients = clients;
    notebooks.widgetAdded.connect(this._onAdded, this);
    const panel = notebooks.find(panel => panel.context.path === path);
    if (panel) {
      this._onAdded(notebooks, panel);
    }
  }

  /** Of the notebook; it changes when that is renamed. */
  get path(): string {
    return this._panel?.context.path ?? this._path;
  }

  get panel(): NotebookPanel | null {
    return this._panel;
  }

  get client(): IKernelClient | null {
    return this._panel && this._clients.of(this._panel);
  }

  /** Emitted when there is another client or path. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    if (!this._isDisposed) {
      this._isDisposed = true;
      this._notebooks.widgetAdded.disconnect(this._onAdded, this);
      this._panel?.context.pathChanged.disconnect(this._onRenamed, this);
      this._panel?.disposed.disconnect(this._onClosed, this);
      Signal.clearData(this);
    }
  }

  private _onAdded(_: unknown, panel: NotebookPanel): void {
    if (!this._panel && panel.context.path === this._path) {
      this._panel = panel;
      panel.context.pathChanged.connect(this._onRenamed, this);
      panel.disposed.connect(this._onClosed, this);
      this._changed.emit();
    }
  }

  private _onRenamed(): void {
    this._path = this.path;
    this._changed.emit();
  }

  private _onClosed(): void {
    this._panel = null;
    this._changed.emit();
  }

  private readonly _notebooks: INotebookTracker;
  private readonly _clients: IKernelClients;
  private _path: string;
  private _panel: NotebookPanel | null = null;
  private _isDisposed = false;
  private readonly _changed = new Signal<this, void>(this);
}
