import type { TranslationBundle } from '@jupyterlab/translation';

import type { JSONObject, JSONValue } from '@lumino/coreutils';

import type { IField } from '../sidebar/configure/fields';
import { fieldsOf } from '../sidebar/configure/fields';
import { textOf } from '../sidebar/configure/wording';

/**
 * The fields that the form has for any of some configurations, by their keys.
 */
export function fieldsByKey(
  schema: JSONObject,
  configs: readonly (JSONObject | null)[]
): Map<string, IField> {
  const fields = configs.flatMap(config => fieldsOf(schema, config ?? {}));
  return new Map(fields.map(field => [field.key, field]));
}

/**
 * What the form calls a setting, or the one that it is a part of; empty if it knows neither.
 */
export function titleOf(key: string, fields: Map<string, IField>): string {
  const parts = key.split('.');
  for (let length = parts.length; length > 0; length--) {
    const field = fields.get(parts.slice(0, length).join('.'));
    if (field) {
      return field.unit ? `${field.title} (${field.unit})` : field.title;
    }
  }
  return '';
}

/**
 * A value as the form words it; undefined is one that is not set or not known.
 */
export function wordingOf(
  value: JSONValue | undefined,
  trans: TranslationBundle
): string {
  if (value === undefined) {
    return '–';
  }
  if (value === null) {
    return trans.__('none');
  }
  return Array.isArray(value) && value.every(item => typeof item === 'string')
    ? value.join(', ') || trans.__('none')
    : textOf(value, trans);
}
