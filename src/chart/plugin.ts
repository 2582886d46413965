import { IJupyterWidgetRegistry } from '@jupyter-widgets/base';
import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { SETTINGS_ID } from '../settings';
import { ISnapshotWriter, TRANSLATION_DOMAIN } from '../tokens';
import { VERSION } from '../version';

/**
 * Registers the loss chart; its code is loaded when the first chart shows.
 */
export const chartPlugin: JupyterFrontEndPlugin<void> = {
  id: SETTINGS_ID,
  description: 'Draws the live loss chart of a fine-tuning run.',
  autoStart: true,
  requires: [IJupyterWidgetRegistry, ISnapshotWriter],
  optional: [ISettingRegistry, ITranslator],
  activate: (
    _,
    widgets: IJupyterWidgetRegistry,
    snapshots: ISnapshotWriter,
    settingRegistry: ISettingRegistry | null,
    translator: ITranslator | null
  ) => {
    const defaults = { logScale: false, smoothing: 0.6 };
    if (settingRegistry) {
      void followSettings(settingRegistry, defaults);
    }
    const trans = (translator ?? nullTranslator).load(TRANSLATION_DOMAIN);
    widgets.registerWidget({
      name: 'jupyterlab-llmtune',
      version: VERSION,
      exports: async () => {
        const { chartWidgets } = await import('./index');
        return chartWidgets({ trans, snapshots, defaults });
      }
    });
  }
};

async function followSettings(
  registry: ISettingRegistry,
  defaults: { logScale: boolean; smoothing: number }
): Promise<void> {
  const settings = await registry.load(SETTINGS_ID);
  const read = () => {
    defaults.logScale = settings.get('chartLogScale').composite as boolean;
    defaults.smoothing = settings.get('chartSmoothing').composite as number;
  };
  read();
  settings.changed.connect(read);
}
