import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { IDefaultFileBrowser } from '@jupyterlab/filebrowser';
import type { INotebookTracker } from '@jupyterlab/notebook';
import type { ISettingRegistry } from '@jupyterlab/settingregistry';
import type { IStateDB } from '@jupyterlab/statedb';
import type { ITranslator, TranslationBundle } from '@jupyterlab/translation';
import { SidePanel } from '@jupyterlab/ui-components';

import type { Message } from '@lumino/messaging';
import { MessageLoop } from '@lumino/messaging';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { AccordionPanel } from '@lumino/widgets';
import { Widget } from '@lumino/widgets';

import { keepFocus } from '../focus';
import type { IKernelClients, IShownConfiguration } from '../tokens';
import type { ISidebarContext } from './context';
import { shareHeight } from './heights';
import type { IStateStore } from './store';
import { forgetDeleted } from './kept';
import { PageStore } from './store';
import type { Deeds } from './deeds';

/**
 * The sidebar: empty until it is first shown, then an accordion of sections.
 */
export class Sidebar extends SidePanel implements ISidebarContext {
  constructor(options: Sidebar.IOptions) {
    super({ translator: options.translator });
    this.app = options.app;
    this.clients = options.clients;
    this.notebooks = options.notebooks;
    this.fileBrowser = options.fileBrowser;
    this.state =
      options.state &&
      new PageStore(
        options.state,
        window.sessionStorage,
        options.app.serviceManager.serverSettings.baseUrl
      );
    if (this.state) {
      forgetDeleted(options.app.serviceManager.contents, this.state);
    }
    this.translator = options.translator;
    this.trans = options.trans;
    this._loadSettings = options.loadSettings;
    this.id = 'jp-llmtune-sidebar';
    this.addClass('jp-llmtune-sidebar');
    this.node.tabIndex = -1;
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', this.trans.__('Fine-tuning'));
    const focus = keepFocus(this.node);
    this.disposed.connect(() => focus.dispose());
  }

  readonly app: JupyterFrontEnd;
  readonly clients: IKernelClients;
  readonly notebooks: INotebookTracker;
  readonly fileBrowser: IDefaultFileBrowser | null;
  readonly state: IStateStore | null;
  readonly translator: ITranslator;
  readonly trans: TranslationBundle;

  get settings(): ISettingRegistry.ISettings | null {
    return this._settings;
  }

  get isActive(): boolean {
    return this._isActive;
  }

  get activeChanged(): ISignal<this, boolean> {
    return this._activeChanged;
  }

  /** What can be done from elsewhere; null until the sections are loaded. */
  get deeds(): Deeds | null {
    return this._loaded?.deeds ?? null;
  }

  /** Load the sections, without showing them. */
  async load(): Promise<Sidebar.ILoaded> {
    this._sections ??= this._load();
    await this._sections;
    return this._loaded!;
  }

  /** Once the sidebar is shown, unfold a section and give it the keyboard. */
  async reveal(id: string): Promise<void> {
    await this._sections;
    const accordion = this.content as AccordionPanel;
    const index = accordion.widgets.findIndex(section => section.id === id);
    accordion.expand(index);
    accordion.widgets[index].activate();
  }

  /** From here the Tab key leads through what can be done. */
  protected onActivateRequest(message: Message): void {
    super.onActivateRequest(message);
    this.node.focus();
  }

  protected onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this._setActive(true);
  }

  protected onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    this._setActive(this.isVisible);
  }

  protected onBeforeHide(message: Message): void {
    super.onBeforeHide(message);
    this._setActive(false);
  }

  protected onBeforeDetach(message: Message): void {
    super.onBeforeDetach(message);
    this._setActive(false);
  }

  private _setActive(isActive: boolean): void {
    if (isActive) {
      void this.load();
    }
    if (isActive !== this._isActive) {
      this._isActive = isActive;
      this._activeChanged.emit(isActive);
    }
  }

  private async _load(): Promise<void> {
    const [{ createSections }, settings] = await Promise.all([
      import('./sections'),
      this._loadSettings()
    ]);
    this._settings = settings;
    if (this.isDisposed) {
      return;
    }
    const { connection, header, sections, ...loaded } = createSections(this);
    this._loaded = loaded;
    this.header.addWidget(header);
    for (const section of sections) {
      this.addWidget(section);
    }
    const accordion = this.content as AccordionPanel;
    for (let index = FIRST_FOLDED; index < sections.length; index++) {
      accordion.collapse(index);
    }
    const share = shareHeight(accordion, HEIGHTS);
    // Without a notebook there is nothing to configure; while a kernel restarts, what is on the page stays.
    const show = () =>
      this.content.setHidden(
        connection.state.kind !== 'ready' && !connection.wasReady
      );
    connection.changed.connect(show);
    show();
    // What the header says comes and goes, and the rest of the height is of the sections.
    new ResizeObserver(() => {
      MessageLoop.sendMessage(accordion, Widget.ResizeMessage.UnknownSize);
      share();
    }).observe(accordion.node);
  }

  private readonly _loadSettings: Sidebar.IOptions['loadSettings'];
  private _settings: ISettingRegistry.ISettings | null = null;
  private _loaded: Sidebar.ILoaded | null = null;
  private _sections: Promise<void> | null = null;
  private _isActive = false;
  private readonly _activeChanged = new Signal<this, boolean>(this);
}

/** The sections from this one on are folded at first. */
const FIRST_FOLDED = 2;

/** Of the sections, against each other. */
const HEIGHTS = [4, 1.5, 4, 2];

export namespace Sidebar {
  /** What is of use elsewhere. */
  export interface ILoaded {
    deeds: Deeds;
    configuration: IShownConfiguration;
  }

  export interface IOptions {
    app: JupyterFrontEnd;
    clients: IKernelClients;
    notebooks: INotebookTracker;
    fileBrowser: IDefaultFileBrowser | null;
    state: IStateDB | null;
    translator: ITranslator;
    trans: TranslationBundle;
    /** Asked when the sidebar is first shown. */
    loadSettings: () => Promise<ISettingRegistry.ISettings | null>;
  }
}
