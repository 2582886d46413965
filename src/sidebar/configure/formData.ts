import type { JSONObject } from '@lumino/coreutils';
import { JSONExt } from '@lumino/coreutils';

import type { IChange } from '../../cell/document';
import type { IField, Values } from './fields';
import { valueOf } from './fields';

/**
 * What rjsf draws: an object whose keys are those of the fields, dots and all.
 */
export function formOf(fields: IField[]): {
  schema: JSONObject;
  uiSchema: JSONObject;
} {
  const properties: JSONObject = {};
  const uiSchema: JSONObject = {};
  for (const { key, title, help, kind } of fields) {
    properties[key] = { title, description: help };
    uiSchema[key] = { 'ui:field': kind, 'ui:key': key };
  }
  return { schema: { type: 'object', properties }, uiSchema };
}

/**
 * The values of fields as rjsf takes them, by key.
 */
export function formDataOf(fields: IField[], values: Values): JSONObject {
  const data: JSONObject = {};
  for (const { key, path } of fields) {
    const value = valueOf(values, path);
    if (value !== undefined) {
      data[key] = value;
    }
  }
  return data;
}

/**
 * What was changed in a form.
 */
export function changesOf(
  fields: IField[],
  before: JSONObject,
  after: JSONObject
): IChange[] {
  return fields
    .filter(
      ({ key }) =>
        !JSONExt.deepEqual(before[key] ?? null, after[key] ?? null) ||
        (before[key] === undefined) !== (after[key] === undefined)
    )
    .map(({ path, key }) => ({ path, value: after[key] }));
}
