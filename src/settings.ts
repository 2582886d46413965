import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { IFormRendererRegistry } from '@jupyterlab/ui-components';

import type { JSONObject } from '@lumino/coreutils';

import { writeNumbersIn } from './numbers';
import { localizedSchema } from './sidebar/configure/localized';
import { savedField } from './sidebar/configure/savedField';
import { IUserSettings, TRANSLATION_DOMAIN } from './tokens';

/** In `schema/settings/plugin.json`. */
const SETTINGS_ID = 'jupyterlab-llmtune:plugin';

/**
 * The user's settings of the whole extension, described in their language.
 *
 * JupyterLab's server translates settings with its own language packs alone, so the page does it here.
 */
export const settingsPlugin: JupyterFrontEndPlugin<IUserSettings> = {
  id: SETTINGS_ID,
  description: 'The settings of jupyterlab-llmtune.',
  autoStart: true,
  requires: [ISettingRegistry],
  optional: [ITranslator, IFormRendererRegistry],
  provides: IUserSettings,
  activate: (
    _,
    registry: ISettingRegistry,
    translator: ITranslator | null,
    renderers: IFormRendererRegistry | null
  ): IUserSettings => {
    const { languageCode } = translator ?? nullTranslator;
    writeNumbersIn(languageCode);
    const trans = (translator ?? nullTranslator).load(TRANSLATION_DOMAIN);
    renderers?.addRenderer(`${SETTINGS_ID}.configurations`, savedField(trans));
    registry.transform(SETTINGS_ID, {
      fetch: plugin => ({
        ...plugin,
        schema: localizedSchema(
          plugin.schema as JSONObject,
          trans
        ) as unknown as ISettingRegistry.ISchema
      })
    });
    return { load: () => registry.load(SETTINGS_ID) };
  }
};
