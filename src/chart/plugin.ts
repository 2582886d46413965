import { IJupyterWidgetRegistry } from '@jupyter-widgets/base';
import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { ISnapshotWriter, IUserSettings, TRANSLATION_DOMAIN } from '../tokens';
import { VERSION } from '../version';
import { CHART_TYPE, RenderedLossChart } from './rendered';

/**
 * Registers the loss chart; its code is loaded when the first chart shows.
 */
export const chartPlugin: JupyterFrontEndPlugin<void> = {
  id: 'jupyterlab-llmtune:chart',
  description: 'Draws the loss chart of a fine-tuning run.',
  autoStart: true,
  requires: [IJupyterWidgetRegistry, IRenderMimeRegistry, ISnapshotWriter],
  optional: [IUserSettings, ITranslator],
  activate: (
    _,
    widgets: IJupyterWidgetRegistry,
    rendermime: IRenderMimeRegistry,
    snapshots: ISnapshotWriter,
    userSettings: IUserSettings | null,
    translator: ITranslator | null
  ) => {
    const defaults = { logScale: false, smoothing: 0.6 };
    if (userSettings) {
      void followSettings(userSettings, defaults);
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
    rendermime.addFactory({
      safe: true,
      mimeTypes: [CHART_TYPE],
      // Rather than the figure of plotly beside it, which is for pages without us.
      defaultRank: 1,
      createRenderer: () => new RenderedLossChart({ defaults, trans })
    });
  }
};

async function followSettings(
  userSettings: IUserSettings,
  defaults: { logScale: boolean; smoothing: number }
): Promise<void> {
  const settings = await userSettings.load();
  const read = () => {
    defaults.logScale = settings.get('chartLogScale').composite as boolean;
    defaults.smoothing = settings.get('chartSmoothing').composite as number;
  };
  read();
  settings.changed.connect(read);
}
