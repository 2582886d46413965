import type { JSONObject, JSONValue } from '@lumino/coreutils';
import { JSONExt } from '@lumino/coreutils';

import {
  isObject,
  isRequired,
  isSection,
  listOf,
  propertiesOf,
  textOf,
  variantOf
} from './schema';

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
  /** A name for each of some given things. */
  | 'names'
  /** Anything else, entered as YAML. */
  | 'yaml';

/** Of a value that is entered in one place, and needs nothing but itself. */
export type SimpleKind = Exclude<FieldKind, 'model' | 'data'>;

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
  /** Of a choice, and of checks; of names, what they are given to. */
  readonly choices: JSONValue[];
  /** What may stand in place of a number or a list, such as `auto`. */
  readonly keywords: string[];
  /** Of data, what a source can have when it is a section. */
  readonly inner: IField[];
  /** By the key of another field the choices of it that use this one; the others do not. */
  readonly usedBy: Readonly<Record<string, JSONValue[]>>;
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
          : withFallback(
              fieldOf(path, property, isRequired(chosen, key)),
              property,
              chosen,
              values
            );
      return field ?? [];
    });
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

/** A field with what stands for none by the choice made in another field of its section, where that decides. */
function withFallback(
  field: IField | null,
  property: JSONObject,
  section: JSONObject,
  values: Values
): IField | null {
  if (!field || !isObject(property.default_by)) {
    return field;
  }
  const [[key, defaults]] = Object.entries(property.default_by);
  const choice =
    valueOf(values, [field.path[0], key]) ??
    propertiesOf(section)[key]?.default;
  const fallback = (defaults as JSONObject)[String(choice)];
  return fallback === undefined ? field : { ...field, fallback };
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
  const ofField = KINDS[key] ?? kind;
  return {
    path,
    key,
    kind: ofField,
    title,
    help: textOf(property.description),
    unit: title.toLowerCase().includes(unit.toLowerCase()) ? '' : unit,
    fallback: property.default as JSONValue | undefined,
    isRequired,
    choices,
    keywords,
    inner: ofField === 'data' ? innerFields(path, parts) : [],
    usedBy: usersOf(path, property.used_by)
  };
}

/** The fields of the section that a value can be. */
function innerFields(path: string[], parts: JSONObject[]): IField[] {
  const section = parts.find(isSection) ?? {};
  return Object.entries(propertiesOf(section)).flatMap(
    ([key, property]) =>
      fieldOf([...path, key], property, isRequired(section, key)) ?? []
  );
}

function usersOf(
  [section]: string[],
  users: JSONValue | undefined
): Record<string, JSONValue[]> {
  return isObject(users)
    ? Object.fromEntries(
        Object.entries(users).map(([key, choices]) => [
          `${section}.${key}`,
          choices as JSONValue[]
        ])
      )
    : {};
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
    keywords: [],
    inner: [],
    usedBy: {}
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
    case 'object':
      return mapKind(part);
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

function mapKind({ propertyNames }: JSONObject): {
  kind: FieldKind;
  choices: JSONValue[];
} {
  return isObject(propertyNames) && Array.isArray(propertyNames.enum)
    ? { kind: 'names', choices: propertyNames.enum }
    : { kind: 'yaml', choices: [] };
}

/** Fields that are more than their type says. */
const KINDS: { [key: string]: FieldKind | undefined } = {
  'model.name_or_path': 'model',
  'data.train': 'data',
  'data.eval': 'data',
  'samples.system': 'longText'
};
