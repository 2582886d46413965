import type { JSONObject, JSONValue } from '@lumino/coreutils';

import type { IField, Values } from './fields';
import { valueOf } from './fields';
import { isObject } from './schema';
import type { Value } from './typed';

/**
 * The sources that data are, each as it is written: its name, or a section.
 */
export function sourcesOf(value: Value): JSONValue[] {
  if (value === undefined || value === null) {
    return [];
  }
  return Array.isArray(value) ? value : [value];
}

/** What a source is called; undefined if it has no name. */
export function nameOfSource(source: Value): Value {
  return isObject(source) ? (source.source as Value) : source;
}

/** Whether there is a source. */
export function isNamed(source: JSONValue): boolean {
  const name = nameOfSource(source);
  return typeof name === 'string' && name !== '';
}

/** The key that the kernel gives the problems of a source. */
export function keyOfSource(key: string, value: Value, index: number): string {
  return Array.isArray(value) ? `${key}[${index}]` : key;
}

/**
 * Each thing that a field names, with the key that the problems of it have.
 */
export function namesOf(
  field: IField,
  values: Values
): { key: string; name: Value }[] {
  const value = valueOf(values, field.path);
  if (field.kind !== 'data' || !Array.isArray(value)) {
    return [{ key: field.key, name: nameOfSource(value) }];
  }
  return [
    { key: field.key, name: undefined },
    ...value.map((source, index) => ({
      key: keyOfSource(field.key, value, index),
      name: nameOfSource(source)
    }))
  ];
}

/**
 * Sources as a value, those left out that are not named yet.
 *
 * @param isOne - whether a single source stands alone, and not in a list.
 */
export function valueOfSources(sources: JSONValue[], isOne: boolean): Value {
  const written = sources.filter(source => source !== '');
  const isAlone = written.length === 1 && isOne;
  return isAlone || written.length === 0 ? written[0] : written;
}

/** A source with another name. */
export function renamed(source: JSONValue, name: Value): JSONValue {
  return isObject(source) ? { ...source, source: name ?? '' } : (name ?? '');
}

/**
 * A source with another value of a setting; without one, if there is none.
 *
 * @param isName - whether a source without settings is its name, and no section.
 */
export function withSetting(
  source: JSONValue,
  key: string,
  value: Value,
  isName: boolean
): JSONValue {
  const section: JSONObject = isObject(source) ? { ...source } : { source };
  if (value === undefined || value === null) {
    delete section[key];
  } else {
    section[key] = value;
  }
  return isName && Object.keys(section).join() === 'source'
    ? (section.source as JSONValue)
    : section;
}
