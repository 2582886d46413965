import type { NotebookPanel } from '@jupyterlab/notebook';
import type { Kernel } from '@jupyterlab/services';

import { Changing } from '../changing';
import type { IKernelClient, KernelStatus } from '../tokens';
import type { ISidebarContext } from './context';
import { PerNotebook } from './kept';
import { loadAgain, LoadedKernel } from './loaded';

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
    this._loaded = new PerNotebook({
      name: 'loaded',
      store: context.state,
      create: () => {
        const loaded = new LoadedKernel();
        loaded.changed.connect(this._follow, this);
        return loaded;
      }
    });
    context.clients.currentChanged.connect(this._onCurrentChanged, this);
    context.activeChanged.connect(this._follow, this);
    this._onCurrentChanged();
  }

  get state(): ConnectionState {
    return this._state;
  }

  /** Whether the kernel of this notebook has answered before, so that what is known of it can stay on the page. */
  get wasReady(): boolean {
    return this._client !== null && this._known.has(this._client);
  }

  protected onDispose(): void {
    this._loaded.dispose();
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
      this._loaded.of(this._panel).id = this._kernel?.id ?? null;
    } else if (client?.status.kind === 'not-loaded') {
      this._loadAgain();
      void this._askLanguage(client);
    }
    this.emit();
  }

  /** Give a kernel what it had before it was restarted. */
  private _loadAgain(): void {
    const kernel = this._kernel;
    const loaded = this._loaded.of(this._panel);
    if (!kernel || kernel.id !== loaded.id || !this._context.isActive) {
      return;
    }
    const message = this._context.trans.__('Loading llmtune_kernel again…');
    this._state = { kind: 'connecting', message };
    if (!this._loading.has(kernel)) {
      this._loading.add(kernel);
      void loadAgain(kernel).then(isLoaded => {
        this._loading.delete(kernel);
        if (!isLoaded) {
          loaded.id = null;
        }
      });
    }
  }

  /** A kernel of another language cannot load the kernel half. */
  private async _askLanguage(client: IKernelClient): Promise<void> {
    const language = (await this._kernel?.info)?.language_info.name ?? 'python';
    if (client === this._client && this._state.kind === 'not-loaded') {
      if (language !== 'python') {
        this._state = { kind: 'other-language', language };
        this.emit();
      }
    }
  }

  private get _panel(): NotebookPanel | null {
    return this._context.notebooks.currentWidget;
  }

  private get _kernel(): Kernel.IKernelConnection | null {
    return this._panel?.sessionContext.session?.kernel ?? null;
  }

  private readonly _context: ISidebarContext;
  private readonly _loaded: PerNotebook<LoadedKernel>;
  private readonly _loading = new WeakSet<Kernel.IKernelConnection>();
  private readonly _known = new WeakSet<IKernelClient>();
  private _client: IKernelClient | null = null;
  private _state: ConnectionState = { kind: 'no-notebook' };
}
