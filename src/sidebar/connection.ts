import { Changing } from '../changing';
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
 *
 * It changes when the state, or the notebook, is another.
 */
export class Connection extends Changing {
  constructor(context: ISidebarContext) {
    super();
    this._context = context;
    context.clients.currentChanged.connect(this._onCurrentChanged, this);
    this._onCurrentChanged();
  }

  get state(): ConnectionState {
    return this._state;
  }

  /** Whether the kernel of this notebook has answered before, so that what is known of it can stay on the page. */
  get wasReady(): boolean {
    return this._client !== null && this._known.has(this._client);
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
    this.emit();
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
        this.emit();
      }
    }
  }

  private readonly _context: ISidebarContext;
  private readonly _known = new WeakSet<IKernelClient>();
  private _client: IKernelClient | null = null;
  private _state: ConnectionState = { kind: 'no-notebook' };
}
