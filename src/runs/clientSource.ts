import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';

import type { ISignal } from '@lumino/signaling';

import { Changing } from '../changing';
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
 *
 * It changes when there is another client or path.
 */
export class NotebookClient extends Changing implements IClientSource {
  constructor(
    path: string,
    notebooks: INotebookTracker,
    clients: IKernelClients
  ) {
    super();
    this._path = path;
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

  private _onAdded(_: unknown, panel: NotebookPanel): void {
    if (!this._panel && panel.context.path === this._path) {
      this._panel = panel;
      panel.context.pathChanged.connect(this._onRenamed, this);
      panel.disposed.connect(this._onClosed, this);
      this.emit();
    }
  }

  private _onRenamed(): void {
    this._path = this.path;
    this.emit();
  }

  private _onClosed(): void {
    this._panel = null;
    this.emit();
  }

  private readonly _clients: IKernelClients;
  private _path: string;
  private _panel: NotebookPanel | null = null;
}
