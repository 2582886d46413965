import type { JSONValue } from '@lumino/coreutils';

import { isObject } from './shortForms';

/**
 * The part of a value at a path.
 */
export function valueAt(
  values: JSONValue | undefined,
  path: string[]
): JSONValue | undefined {
  let value = values;
  for (const key of path) {
    if (Array.isArray(value)) {
      value = value[Number(key)];
    } else if (isObject(value)) {
      value = Object.keys(value).includes(key) ? value[key] : undefined;
    } else {
      return undefined;
    }
  }
  return value;
}

/**
 * A value inside of maps of one key each.
 */
export function wrap(path: string[], value: JSONValue): JSONValue {
  return path.reduceRight<JSONValue>((inner, key) => ({ [key]: inner }), value);
}

/**
 * A copy of a value in which the part at a path is another.
 */
export function setIn(
  whole: JSONValue,
  [key, ...inner]: string[],
  value: JSONValue
): JSONValue {
  if (key === undefined) {
    return value;
  }
  if (
    Array.isArray(whole) &&
    /^\d+$/.test(key) &&
    Number(key) <= whole.length
  ) {
    const copy = whole.slice();
    copy[Number(key)] = setIn(whole[Number(key)] ?? null, inner, value);
    return copy;
  }
  const object = isObject(whole) ? whole : {};
  return { ...object, [key]: setIn(object[key] ?? null, inner, value) };
}
