import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { IKernelClient, KernelStatus } from '../tokens';
import type { ISidebarContext } from './context';

/**
 * How the sidebar stands with the current notebook and its kernel.
 */
export type ConnectionState =
  | { kind: 'no-notebook' }
  | { kind: 'other-language'; language: string }
  | KernelStatus;

/**
 * Follows the current notebook, and tells what the sidebar can do with its kernel.
 */
export class Connection implements IDisposable {
  constructor(context: ISidebarContext) {
    this._context = context;
    context.clients.currentChanged.connect(this._onCurrentChanged, this);
    this._onCurrentChanged();
  }

  get state(): ConnectionState {
    return this._state;
  }

  /** Emitted when the state, or the notebook, is another. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Whether the kernel of this notebook has answered before, so that what is known of it can stay on the page. */
  get wasReady(): boolean {
    return this._client !== null && this._known.has(this._client);
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    if (!this._isDisposed) {
      this._isDisposed = true;
      this._context.clients.currentChanged.disconnect(
        this._onCurrentChanged,
        this
      );
      this._client?.statusChanged.disconnect(this._follow, this);
      Signal.clearData(this);
    }
  }

  private _onCurrentChanged(): void {
    this._client?.statusChanged.disconnect(this._follow, this);
    this._client = this._context.clients.current;
    this._client?.statusChanged.connect(this._follow, this);
    this._follow();
  }

  private _follow(): void {
    const client = this._client;
    this._state = client ? client.status : { kind: 'no-notebook' };
    if (client?.status.kind === 'ready') {
      this._known.add(client);
    }
    this._changed.emit();
    if (client?.status.kind === 'not-loaded') {
      void this._askLanguage(client);
    }
  }

  /** A kernel of another language cannot load the kernel half. */
  private async _askLanguage(client: IKernelClient): Promise<void> {
    const kernel =
      this._context.notebooks.currentWidget?.sessionContext.session?.kernel;
    const language = (await kernel?.info)?.language_info.name ?? 'python';
    if (client === this._client && this._state.kind === 'not-loaded') {
      if (language !== 'python') {
        this._state = { kind: 'other-language', language };
        this._changed.emit();
      }
    }
  }

  private readonly _context: ISidebarContext;
  private readonly _known = new WeakSet<IKernelClient>();
  private _client: IKernelClient | null = null;
  private _state: ConnectionState = { kind: 'no-notebook' };
  private _isDisposed = false;
  private readonly _changed = new Signal<this, void>(this);
}
