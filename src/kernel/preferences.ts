import type { ISettingRegistry } from '@jupyterlab/settingregistry';

import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { IGreeting } from './protocol';

/**
 * What the user of this page prefers, for the kernels that it talks to.
 */
export class Preferences {
  constructor(options: Preferences.IOptions) {
    this._language = isEnglish(options.language) ? '' : options.language;
    this._read = this._load(options.settings);
  }

  /** Emitted when the settings have changed. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /**
   * What to tell a kernel, once the settings are loaded; what is empty is left out.
   */
  async greeting(): Promise<IGreeting> {
    await this._read;
    return {
      ...(this._language && { language: this._language }),
      ...(this._runsFolder && { runs_folder: this._runsFolder })
    };
  }

  private async _load(loading?: Promise<ISettingRegistry.ISettings>) {
    const settings = await loading?.catch(() => null);
    if (!settings) {
      return;
    }
    const read = () => (settings.get('runsFolder').composite ?? '') as string;
    this._runsFolder = read();
    settings.changed.connect(() => {
      if (this._runsFolder !== read()) {
        this._runsFolder = read();
        this._changed.emit();
      }
    });
  }

  private readonly _language: string;
  private readonly _read: Promise<void>;
  private _runsFolder = '';
  private readonly _changed = new Signal<this, void>(this);
}

export namespace Preferences {
  export interface IOptions {
    /** Of the page, such as `ja-JP`. */
    language: string;
    /** Absent where JupyterLab has none. */
    settings?: Promise<ISettingRegistry.ISettings>;
  }
}

function isEnglish(language: string): boolean {
  return /^(en\b|default$)/.test(language);
}
