import type { JSONObject, JSONValue } from '@lumino/coreutils';
import { JSONExt } from '@lumino/coreutils';

import type React from 'react';
import { useState } from 'react';
import { parse, stringify } from 'yaml';

import { writeNumber } from '../../cell/scalars';
import type { IField } from './fields';
import type { IFormState } from './state';
import { textOf } from './wording';

/** A value in a form; undefined if there is none. */
export type Value = JSONValue | undefined;

/**
 * What a control of a field needs.
 */
export interface IControl {
  id: string;
  field: IField;
  state: IFormState;
  value: Value;
  isReadOnly: boolean;
  /** What says more about the field, for its element. */
  aria: React.AriaAttributes;
  onChange: (value: Value) => void;
  /** The user is done typing. */
  onDone: () => void;
}

/**
 * What an element for typing takes.
 */
export interface ITyped {
  value: string;
  onChange: (event: { target: { value: string } }) => void;
  onBlur: () => void;
}

/**
 * What is typed stays as it is typed while it means what the value is.
 */
export function useTyped(
  { value, onChange, onDone }: IControl,
  read: (text: string) => Value,
  write: (value: Value) => string
): ITyped {
  const [typed, setTyped] = useState<string | null>(null);
  return {
    value: typed !== null && isSame(read(typed), value) ? typed : write(value),
    onChange: ({ target }) => {
      setTyped(target.value);
      onChange(read(target.value));
    },
    onBlur: () => {
      setTyped(null);
      onDone();
    }
  };
}

/** What is shown where no value is written. */
export function placeholder(field: IField, state: IFormState): string {
  const { fallback } = field;
  return fallback === undefined || fallback === null
    ? ''
    : textOf(fallback, state.context.trans);
}

export function isSame(one: Value, other: Value): boolean {
  return JSONExt.deepEqual(one ?? null, other ?? null);
}

export function withoutEmpty(items: JSONValue[]): JSONValue[] {
  return items.filter(item => item !== '');
}

export function readText(text: string): Value {
  return text === '' ? undefined : text;
}

export function writeText(value: Value): string {
  if (value === undefined || value === null) {
    return '';
  }
  if (typeof value === 'number') {
    return writeNumber(value);
  }
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** What is no number stays text, for the kernel to judge. */
export function readNumber(text: string): Value {
  const trimmed = text.trim();
  const number = Number(trimmed);
  return trimmed && Number.isFinite(number) ? number : readText(trimmed);
}

export function readWords(text: string, keywords: string[]): Value {
  const words = text.split(/[\s,]+/).filter(Boolean);
  return words.length === 1 && keywords.includes(words[0])
    ? words[0]
    : words.length
      ? words
      : undefined;
}

export function writeWords(value: Value): string {
  return Array.isArray(value) ? value.join(', ') : writeText(value);
}

/** What is renamed, as `instruction: question, output: answer`. */
export function writeNames(names: JSONObject): string {
  return Object.entries(names)
    .map(([thing, name]) => `${thing}: ${writeText(name as Value) || '–'}`)
    .join(', ');
}

export function readYaml(text: string): Value {
  try {
    return text.trim() ? (parse(text) as JSONValue) : undefined;
  } catch {
    return text;
  }
}

export function writeYaml(value: Value): string {
  return value === undefined || value === null
    ? ''
    : stringify(value, { collectionStyle: 'flow' }).trimEnd();
}
