import type { TranslationBundle } from '@jupyterlab/translation';

import type { JSONValue } from '@lumino/coreutils';

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
  return Array.isArray(value) && value.length === 0
    ? trans.__('none')
    : typeof value === 'string'
      ? value
      : JSON.stringify(value);
}

/**
 * @param seconds - of a duration.
 */
export function durationText(
  seconds: number,
  trans: TranslationBundle
): string {
  const whole = Math.max(1, Math.round(seconds));
  if (whole < 60) {
    return trans.__('%1 s', whole);
  }
  return whole < 3600
    ? trans.__('%1 min %2 s', Math.floor(whole / 60), whole % 60)
    : trans.__(
        '%1 h %2 min',
        Math.floor(whole / 3600),
        Math.floor((whole % 3600) / 60)
      );
}

/**
 * @param bytes - of memory.
 */
export function sizeText(bytes: number, trans: TranslationBundle): string {
  return bytes >= 1e9
    ? trans.__('%1 GB', (bytes / 1e9).toFixed(1))
    : trans.__('%1 MB', Math.round(bytes / 1e6));
}
