/**
 * The plugin whose settings, in `schema/settings/plugin.json`, are those of the whole extension.
 */
export const SETTINGS_ID = 'jupyterlab-llmtune:plugin';
