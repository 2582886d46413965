import type { JSONObject, JSONValue } from '@lumino/coreutils';
import { JSONExt } from '@lumino/coreutils';

/**
 * The sections of a configuration, in the order in which they are written.
 */
export const SECTIONS = [
  'model',
  'data',
  'method',
  'objective',
  'training',
  'samples',
  'tracking',
  'launch'
];

/**
 * The key that a section stands for when it is written without keys.
 */
export const MAIN_KEYS: { readonly [section: string]: string | undefined } = {
  model: 'name_or_path',
  data: 'train',
  method: 'type',
  objective: 'type',
  samples: 'prompts',
  tracking: 'report_to'
};

const LISTS = ['data', 'samples', 'tracking'];

/**
 * Whether a value of a section is its short form.
 */
export function isShort(
  section: string,
  value: JSONValue | undefined
): value is string | JSONValue[] {
  return (
    MAIN_KEYS[section] !== undefined &&
    (typeof value === 'string' ||
      (Array.isArray(value) && LISTS.includes(section)))
  );
}

/**
 * The short form of a section whose only key is its main one.
 *
 * @returns undefined if there is none.
 */
export function shorten(
  section: string,
  main: JSONValue
): string | JSONValue[] | undefined {
  if (section === 'samples') {
    if (!Array.isArray(main)) {
      return undefined;
    }
    const [prompt] = main;
    return main.length === 1 && typeof prompt === 'string' ? prompt : main;
  }
  return isShort(section, main) ? main : undefined;
}

/**
 * What the main key of a section has as value, given its short form.
 */
export function lengthen(
  section: string,
  short: string | JSONValue[]
): JSONValue {
  return section === 'samples' && typeof short === 'string' ? [short] : short;
}

/**
 * Write each section out as a mapping: `model: X` becomes `model: {name_or_path: X}`. An empty section is left out.
 */
export function expandShortForms(values: JSONObject): JSONObject {
  const expanded: JSONObject = {};
  for (const [section, value] of Object.entries(values)) {
    const main = MAIN_KEYS[section];
    if (main && isShort(section, value)) {
      expanded[section] = { [main]: lengthen(section, value) };
    } else if (value !== null || !SECTIONS.includes(section)) {
      expanded[section] = value;
    }
  }
  const method = expanded.method;
  if (isObject(method) && !('type' in method)) {
    expanded.method = { type: 'lora', ...method };
  }
  return expanded;
}

export function isObject(value: JSONValue | undefined): value is JSONObject {
  return value !== undefined && JSONExt.isObject(value);
}
