import type {
  JSONObject,
  JSONValue,
  ReadonlyPartialJSONObject
} from '@lumino/coreutils';
import { JSONExt } from '@lumino/coreutils';

import type { IChange } from '../../cell/document';
import { ConfigDocument } from '../../cell/document';
import type { IPreset } from '../../kernel/protocol';
import type { IField, Values } from './fields';
import { fieldsOf, isChanged, valueOf } from './fields';
import { isObject } from './schema';

/**
 * The changes that put one preset in the place of another; what belongs to none stays.
 */
export function changesToApply(
  presets: readonly IPreset[],
  wanted: JSONObject,
  schema: JSONObject,
  values: Values
): IChange[] {
  const others = presets.map(preset => preset.values);
  return [
    ...changesToLeave(others, wanted, schema, values),
    ...changesFor(wanted, schema, values)
  ];
}

/**
 * What a new draft says.
 *
 * @param settings - the user's.
 */
export function beginning(
  settings: ReadonlyPartialJSONObject,
  presets: readonly IPreset[],
  schema: JSONObject
): string {
  const { defaultPreset, onKernelExit } = settings;
  const preset = presets.find(({ name }) => name === defaultPreset);
  return new ConfigDocument('').apply([
    ...changesFor(preset?.values ?? {}, schema, {}),
    ...(onKernelExit === 'stop'
      ? [{ path: ['launch', 'on_kernel_exit'], value: 'stop' }]
      : [])
  ]);
}

/**
 * The changes that bring values into a configuration; what is so already, by default too, is left alone.
 */
function changesFor(
  wanted: JSONObject,
  schema: JSONObject,
  values: Values
): IChange[] {
  const target = { ...values };
  for (const [name, section] of Object.entries(wanted)) {
    if (isObject(section)) {
      target[name] = { ...objectAt(values, name), ...section };
    }
  }
  const fields = fieldsOf(schema, target);
  return leavesOf(wanted)
    .filter(leaf => !isInEffect(leaf, fields, values))
    .map(({ path, value }) => ({ path, value: value ?? undefined }));
}

/**
 * The changes that take back what stands there of other presets in full, so that one leaves nothing of another.
 *
 * @param presets - what each sets; those that set something else now are left alone.
 * @param wanted - what is set next.
 */
function changesToLeave(
  presets: readonly JSONObject[],
  wanted: JSONObject,
  schema: JSONObject,
  values: Values
): IChange[] {
  const fields = fieldsOf(schema, values);
  const next = leavesOf(wanted).map(({ path }) => path.join('.'));
  const left = presets
    .map(leavesOf)
    .filter(leaves => leaves.every(leaf => isInEffect(leaf, fields, values)))
    .flat()
    .map(({ path }) => path.join('.'));
  return fields
    .filter(({ key }) => left.includes(key) && !next.includes(key))
    .filter(field => isChanged(field, values))
    .map(({ path }) => ({ path, value: undefined }));
}

/** The values of a part of a configuration, one by one. */
function leavesOf(part: JSONObject): IChange[] {
  return Object.entries(part).flatMap(([name, section]) =>
    isObject(section as JSONValue)
      ? Object.entries(section as JSONObject).map(([key, value]) => ({
          path: [name, key],
          value: value as JSONValue
        }))
      : [{ path: [name], value: section as JSONValue }]
  );
}

function objectAt(values: Values, name: string): JSONObject {
  const value = values[name];
  return isObject(value) ? value : {};
}

/** Whether a value is written, or stands for none. */
function isInEffect(
  { path, value }: IChange,
  fields: IField[],
  values: Values
): boolean {
  const fallback = fields.find(({ key }) => key === path.join('.'))?.fallback;
  const effective = valueOf(values, path) ?? fallback ?? null;
  return JSONExt.deepEqual(effective, value ?? null);
}
