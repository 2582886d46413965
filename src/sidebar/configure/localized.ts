import type { TranslationBundle } from '@jupyterlab/translation';

import type { JSONObject, JSONValue } from '@lumino/coreutils';
import { JSONExt } from '@lumino/coreutils';

import type { IPreset } from '../../kernel/protocol';

/**
 * A schema of the kernel with the titles, descriptions and units of its sections and fields in the user's language.
 */
export function localizedSchema(
  schema: JSONObject,
  trans: TranslationBundle
): JSONObject {
  return localizedPart(schema, trans) as JSONObject;
}

/** Presets in the user's language. */
export function localizedPresets(
  presets: readonly IPreset[],
  trans: TranslationBundle
): IPreset[] {
  return presets.map(preset => ({
    ...preset,
    title: translated(preset.title, trans),
    description: translated(preset.description, trans)
  }));
}

function localizedPart(part: JSONValue, trans: TranslationBundle): JSONValue {
  if (Array.isArray(part)) {
    return part.map(item => localizedPart(item, trans));
  }
  if (!JSONExt.isObject(part)) {
    return part;
  }
  return Object.fromEntries(
    Object.entries(part as JSONObject).map(([key, value]) => [
      key,
      key === 'default'
        ? value
        : TEXTS.includes(key) && typeof value === 'string'
          ? translated(value, trans)
          : localizedPart(value, trans)
    ])
  );
}

/** In the user's language, or as it is where there is no translation. */
function translated(text: string, trans: TranslationBundle): string {
  // An empty text and a percent sign mean something else to gettext.
  return text && !text.includes('%')
    ? // eslint-disable-next-line jupyter/no-dynamic-translation -- scripts/messages.js finds the kernel's texts, too
      trans.gettext(text)
    : text;
}

const TEXTS = ['title', 'description', 'unit'];
