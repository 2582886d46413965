import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { IDefaultFileBrowser } from '@jupyterlab/filebrowser';
import type { INotebookTracker } from '@jupyterlab/notebook';
import type { ISettingRegistry } from '@jupyterlab/settingregistry';
import type { ITranslator, TranslationBundle } from '@jupyterlab/translation';

import type { ISignal } from '@lumino/signaling';

import type { IKernelClients } from '../tokens';
import type { IStateStore } from './store';

/**
 * What the sections of the sidebar share.
 */
export interface ISidebarContext {
  readonly app: JupyterFrontEnd;
  readonly notebooks: INotebookTracker;
  readonly clients: IKernelClients;
  /** The user's settings of the sidebar; null where JupyterLab has none. */
  readonly settings: ISettingRegistry.ISettings | null;
  /** Keeps what is typed over a reload of the page. */
  readonly state: IStateStore | null;
  readonly fileBrowser: IDefaultFileBrowser | null;
  readonly translator: ITranslator;
  readonly trans: TranslationBundle;
  /** Whether the panel is shown. While it is not, nothing may run a timer or send a message. */
  readonly isActive: boolean;
  readonly activeChanged: ISignal<ISidebarContext, boolean>;
}
