import type { TranslationBundle } from '@jupyterlab/translation';

import type { JSONValue } from '@lumino/coreutils';

import { writeNumber } from '../../cell/scalars';
import type { Cause } from '../../cell/tree';
import type { IField } from './fields';

/** What stands for no value, as text. */
export function defaultOf(field: IField, trans: TranslationBundle): string {
  const { fallback } = field;
  return fallback === undefined || fallback === null
    ? trans.__('none')
    : textOf(fallback, trans);
}

/** A value as the user reads it. */
export function textOf(value: JSONValue, trans: TranslationBundle): string {
  if (typeof value === 'boolean') {
    return value ? trans.__('yes') : trans.__('no');
  }
  if (typeof value === 'number') {
    return writeNumber(value);
  }
  return Array.isArray(value) && value.length === 0
    ? trans.__('none')
    : typeof value === 'string'
      ? value
      : JSON.stringify(value);
}

/** Why a text is no YAML. */
export function causeText(cause: Cause, trans: TranslationBundle): string {
  switch (cause) {
    case 'unclosed':
      return trans.__('A quote or a bracket is opened and never closed.');
    case 'indentation':
      return trans.__('It is indented in another way than what is around it.');
    case 'tab':
      return trans.__('It is indented with a tab; use spaces.');
    case 'twice':
      return trans.__('A key stands here for the second time.');
    case 'colon':
      return trans.__(
        'A key takes one line, with one colon; put text with a colon in quotes.'
      );
    case 'escape':
      return trans.__(
        'Between double quotes a backslash has a meaning; use single quotes.'
      );
    case 'documents':
      return trans.__('A second document starts here.');
    case 'alias':
      return trans.__(
        'An alias (*name) stands here; write out what it stands for.'
      );
    case 'no keys':
      return trans.__('A configuration is made of lines of key: value.');
    default:
      return trans.__('Something here is not valid YAML.');
  }
}
