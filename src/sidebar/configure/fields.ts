import type { JSONObject, JSONValue } from '@lumino/coreutils';
import { JSONExt } from '@lumino/coreutils';

import type { IChange } from '../../cell/document';
import type { IFault } from '../../kernel/protocol';

/**
 * How a value is entered.
 */
export type FieldKind =
  | 'choice'
  | 'flag'
  | 'number'
  | 'text'
  | 'longText'
  /** A list of texts, one below the other. */
  | 'texts'
  /** A list of words on one line. */
  | 'words'
  /** Any number of given values. */
  | 'checks'
  | 'model'
  | 'data'
  /** Anything else, entered as YAML. */
  | 'yaml';

/**
 * One value of a configuration.
 */
export interface IField {
  readonly path: string[];
  /** The path with dots. */
  readonly key: string;
  readonly kind: FieldKind;
  readonly title: string;
  readonly help: string;
  /** Empty if the title says it. */
  readonly unit: string;
  /** Undefined if it has none. */
  readonly fallback: JSONValue | undefined;
  readonly isRequired: boolean;
  /** Of a choice, and of checks. */
  readonly choices: JSONValue[];
  /** What may stand in place of a number or a list, such as `auto`. */
  readonly keywords: string[];
}

/**
 * Fields under one heading.
 */
export interface IGroup {
  /** Of the section; empty for the essential fields and for what is in no section. */
  readonly name: string;
  readonly title: string;
  readonly fields: IField[];
}

/** What is written in a configuration, each section as a map. */
export type Values = JSONObject;

/**
 * The fields of a schema, those of sections with variants for the variant that the values choose.
 *
 * A value that cannot be chosen, because only one is possible, is no field.
 */
export function fieldsOf(schema: JSONObject, values: Values): IField[] {
  return Object.entries(propertiesOf(schema)).flatMap(([name, section]) => {
    const variants = listOf(section.oneOf);
    if (!variants.length && !isSection(section)) {
      return fieldOf([name], section, isRequired(schema, name)) ?? [];
    }
    const chosen = variants.length
      ? variantOf(variants, values[name])
      : section;
    return Object.entries(propertiesOf(chosen)).flatMap(([key, property]) => {
      const path = [name, key];
      const field =
        key === 'type' && variants.length
          ? typeField(path, variants)
          : fieldOf(path, property, isRequired(chosen, key));
      return field ?? [];
    });
  });
}

/**
 * What a field is in effect: the value written, or what stands for none.
 */
export function effectiveValue(
  fields: IField[],
  values: Values,
  key: string
): JSONValue | undefined {
  const field = fields.find(field => field.key === key);
  return field ? (valueOf(values, field.path) ?? field.fallback) : undefined;
}

/**
 * The fields that make sense with the values chosen; a value that is written keeps its field.
 */
export function applicable(fields: IField[], values: Values): IField[] {
  const get = (key: string) => effectiveValue(fields, values, key);
  return fields.filter(
    field =>
      valueOf(values, field.path) !== undefined ||
      !ABSENT_WHEN.some(
        ({ keys, when }) => keys.includes(field.key) && when(get)
      )
  );
}

/**
 * The essential fields first, then the others by section.
 */
export function groupsOf(fields: IField[], schema: JSONObject): IGroup[] {
  const rest = fields.filter(field => !ESSENTIAL.includes(field.key));
  const sections = Object.entries(propertiesOf(schema))
    .filter(([, section]) => isSection(section) || listOf(section.oneOf).length)
    .map(([name, section]) => ({
      name,
      title: textOf(section.title) || name,
      fields: rest.filter(({ path }) => path.length > 1 && path[0] === name)
    }));
  const others = rest.filter(({ path }) => path.length === 1);
  return [
    { name: '', title: '', fields: essential(fields) },
    ...sections,
    { name: '', title: '', fields: others }
  ].filter(group => group.fields.length > 0);
}

/**
 * The fields whose title, key, description, unit and choices have all words of a query.
 */
export function search(fields: IField[], query: string): IField[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  return fields.filter(field => {
    const { title, key, help, unit, choices, keywords } = field;
    const text = [title, key, help, unit, ...choices, ...keywords]
      .join('\n')
      .toLowerCase();
    return words.every(word => text.includes(word));
  });
}

/**
 * Whether a value is written and is not what stands for none.
 */
export function isChanged(field: IField, values: Values): boolean {
  const value = valueOf(values, field.path);
  return (
    value !== undefined && !JSONExt.deepEqual(value, field.fallback ?? null)
  );
}

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

/**
 * What else goes when a value changes: keys of a variant that is left are unknown in the other.
 */
export function withConsequences(
  changes: IChange[],
  schema: JSONObject,
  values: Values
): IChange[] {
  return changes.flatMap(change => {
    const [name, key] = change.path;
    const section = propertiesOf(schema)[name];
    const variants = section ? listOf(section.oneOf) : [];
    const written = values[name];
    if (key !== 'type' || !variants.length || !isObject(written)) {
      return [change];
    }
    const known = propertiesOf(variantOf(variants, { type: change.value! }));
    const gone = Object.keys(written).filter(key => !(key in known));
    return [
      ...gone.map(key => ({ path: [name, key], value: undefined })),
      change
    ];
  });
}

/**
 * The changes that bring values into a configuration; what is so already, by default too, is left alone.
 */
export function changesFor(
  wanted: JSONObject,
  schema: JSONObject,
  values: Values
): IChange[] {
  const target = { ...values };
  for (const [name, section] of Object.entries(wanted)) {
    if (isObject(section)) {
      target[name] = { ...(objectAt(values, name) ?? {}), ...section };
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
export function changesToLeave(
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

/**
 * The field that a problem of the kernel is about.
 *
 * @param key - dotted, such as `samples.prompts[1]`, or only a section.
 */
export function fieldOfProblem(
  fields: IField[],
  key: string
): IField | undefined {
  const main = MAIN_FIELDS[key] ?? key;
  return fields.find(
    field =>
      field.key === main ||
      (field.path.length > 1 &&
        (main.startsWith(`${field.key}[`) || main.startsWith(`${field.key}.`)))
  );
}

/**
 * The field that a fault of the kernel is about: the one that it names, or whose value it names.
 */
export function fieldOfFault(
  fields: IField[],
  values: Values,
  { where, fix }: IFault
): IField | undefined {
  const [key] = where.split(':');
  const picked = fields.filter(({ kind }) => PICKED.includes(kind));
  const isNamed = (field: IField) => {
    const value = valueOf(values, field.path);
    return typeof value === 'string' && value !== '' && where.includes(value);
  };
  return (
    fieldOfProblem(fields, key) ??
    picked.find(isNamed) ??
    picked.find(field => fix.includes(field.key))
  );
}

/**
 * The value at a path; undefined if nothing is written there.
 */
export function valueOf(values: Values, path: string[]): JSONValue | undefined {
  const value = path.reduce<JSONValue | undefined>(
    (value, key) =>
      isObject(value) && Object.keys(value).includes(key)
        ? (value[key] as JSONValue)
        : undefined,
    values
  );
  return value;
}

function fieldOf(
  path: string[],
  property: JSONObject,
  isRequired: boolean
): IField | null {
  if ('const' in property) {
    return null;
  }
  const key = path.join('.');
  const title = textOf(property.title) || path[path.length - 1];
  const unit = textOf(property.unit);
  const options = listOf(property.anyOf).filter(
    option => option.type !== 'null'
  );
  const parts = options.length ? options : [property];
  const keywords = parts.flatMap(part =>
    typeof part.const === 'string' ? [part.const] : []
  );
  const { kind, choices } = kindOf(
    parts.filter(part => !('const' in part)),
    keywords
  );
  return {
    path,
    key,
    kind: KINDS[key] ?? kind,
    title,
    help: textOf(property.description),
    unit: title.toLowerCase().includes(unit.toLowerCase()) ? '' : unit,
    fallback: property.default as JSONValue | undefined,
    isRequired,
    choices,
    keywords
  };
}

/** The field that chooses a variant. */
function typeField(path: string[], variants: JSONObject[]): IField {
  const types = variants.map(variant => propertiesOf(variant).type);
  const [first] = types;
  return {
    path,
    key: path.join('.'),
    kind: 'choice',
    title: textOf(first.title) || path[0],
    help: types
      .map(type => `${textOf(type.const)}: ${textOf(type.description)}`)
      .join(' '),
    unit: '',
    fallback: first.const as JSONValue,
    isRequired: false,
    choices: types.map(type => type.const as JSONValue),
    keywords: []
  };
}

function kindOf(
  parts: JSONObject[],
  keywords: string[]
): { kind: FieldKind; choices: JSONValue[] } {
  const [part] = parts;
  if (!part) {
    return { kind: 'choice', choices: keywords };
  }
  if (parts.length > 1) {
    return { kind: 'yaml', choices: [] };
  }
  if (Array.isArray(part.enum)) {
    return { kind: 'choice', choices: [...keywords, ...part.enum] };
  }
  switch (part.type) {
    case 'boolean':
      return keywords.length
        ? { kind: 'choice', choices: [...keywords, true, false] }
        : { kind: 'flag', choices: [] };
    case 'integer':
    case 'number':
      return { kind: 'number', choices: [] };
    case 'string':
      return { kind: 'text', choices: [] };
    case 'array':
      return listKind(part, keywords);
    default:
      return { kind: 'yaml', choices: [] };
  }
}

function listKind(
  list: JSONObject,
  keywords: string[]
): { kind: FieldKind; choices: JSONValue[] } {
  const items = isObject(list.items) ? list.items : {};
  if ('const' in items) {
    return { kind: 'checks', choices: [items.const as JSONValue] };
  }
  if (Array.isArray(items.enum)) {
    return { kind: 'checks', choices: items.enum };
  }
  const isText = [items, ...listOf(items.anyOf)].some(
    item => item.type === 'string'
  );
  if (!isText) {
    return { kind: 'yaml', choices: [] };
  }
  return { kind: keywords.length ? 'words' : 'texts', choices: [] };
}

function variantOf(
  variants: JSONObject[],
  written: JSONValue | undefined
): JSONObject {
  const type = isObject(written) ? written.type : undefined;
  return (
    variants.find(variant => propertiesOf(variant).type?.const === type) ??
    variants[0]
  );
}

function essential(fields: IField[]): IField[] {
  return ESSENTIAL.flatMap(key => fields.filter(field => field.key === key));
}

function isSection(schema: JSONObject): boolean {
  return isObject(schema.properties);
}

function propertiesOf(schema: JSONObject): { [key: string]: JSONObject } {
  const properties = schema.properties;
  return isObject(properties)
    ? (Object.fromEntries(
        Object.entries(properties).filter(([, value]) =>
          isObject(value as JSONValue)
        )
      ) as { [key: string]: JSONObject })
    : {};
}

function isRequired(schema: JSONObject, key: string): boolean {
  return Array.isArray(schema.required) && schema.required.includes(key);
}

function listOf(value: JSONValue | undefined): JSONObject[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

function textOf(value: JSONValue | undefined): string {
  return typeof value === 'string' ? value : '';
}

function objectAt(values: JSONObject, key: string): JSONObject | null {
  const value = values[key];
  return isObject(value) ? value : null;
}

function isObject(value: JSONValue | undefined): value is JSONObject {
  return value !== undefined && JSONExt.isObject(value);
}

const ESSENTIAL = [
  'model.name_or_path',
  'data.train',
  'method.type',
  'method.r',
  'training.num_train_epochs',
  'training.learning_rate',
  'training.per_device_train_batch_size',
  'samples.prompts'
];

/** Fields that are more than their type says. */
const KINDS: { [key: string]: FieldKind | undefined } = {
  'model.name_or_path': 'model',
  'data.train': 'data',
  'data.eval': 'data',
  'samples.system': 'longText'
};

/** Of fields that name something the kernel has to find. */
const PICKED: FieldKind[] = ['model', 'data'];

/** Where a problem of a whole section is shown. */
const MAIN_FIELDS: { [section: string]: string | undefined } = {
  model: 'model.name_or_path',
  data: 'data.train',
  method: 'method.type',
  objective: 'objective.type',
  samples: 'samples.prompts',
  tracking: 'tracking.report_to'
};

type Get = (key: string) => JSONValue | undefined;

/** Fields without a meaning for a choice made elsewhere. */
const ABSENT_WHEN: { keys: string[]; when: (get: Get) => boolean }[] = [
  {
    keys: ['data.eval_fraction'],
    when: get => isSet(get('data.eval'))
  },
  {
    keys: ['training.eval_steps', 'training.per_device_eval_batch_size'],
    when: get => !isSet(get('data.eval')) && !get('data.eval_fraction')
  },
  {
    keys: ['data.mask_prompt'],
    when: get => get('data.format') === 'text'
  },
  {
    keys: ['training.num_train_epochs'],
    when: get => isSet(get('training.max_steps'))
  },
  {
    keys: ['training.warmup_ratio'],
    when: get => get('training.lr_scheduler_type') === 'constant'
  },
  {
    keys: ['samples.top_p', 'samples.top_k'],
    when: get => get('samples.temperature') === 0
  },
  {
    // The others are what answers are drawn with after the run, too.
    keys: ['samples.every_steps'],
    when: get => {
      const prompts = get('samples.prompts');
      return !Array.isArray(prompts) || prompts.length === 0;
    }
  }
];

function isSet(value: JSONValue | undefined): boolean {
  return value !== undefined && value !== null && value !== '';
}
