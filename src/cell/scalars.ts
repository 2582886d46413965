import type { JSONValue } from '@lumino/coreutils';

export type Quote = 'single' | 'double' | null;

/**
 * A scalar as YAML on one line.
 *
 * @param inFlow - whether it stands between brackets.
 * @param quote - how the value before it was quoted.
 */
export function writeScalar(
  value: string | number | boolean | null,
  inFlow: boolean,
  quote: Quote = null
): string {
  if (typeof value === 'number') {
    return writeNumber(value);
  }
  if (typeof value !== 'string') {
    return String(value);
  }
  if (NOT_LITERAL.test(value) || /[\n\t]/.test(value)) {
    return doubleQuoted(value);
  }
  if (!quote && isPlain(value, inFlow)) {
    return value;
  }
  const single = quote === 'single' || (quote === null && /["\\]/.test(value));
  return single ? `'${value.replace(/'/g, "''")}'` : doubleQuoted(value);
}

/**
 * The lines of a text as a block literal, with its header.
 *
 * @returns null if it cannot be written so.
 */
export function literalLines(
  value: string
): { header: string; lines: string[] } | null {
  const lines = value.split('\n');
  const endsLine = lines.length > 1 && lines[lines.length - 1] === '';
  if (endsLine) {
    lines.pop();
  }
  const [first, last] = [lines[0], lines[lines.length - 1]];
  return value.includes('\n') &&
    !NOT_LITERAL.test(value) &&
    /^\S/.test(first) &&
    last.trim() !== ''
    ? { header: endsLine ? '|' : '|-', lines }
    : null;
}

export function isScalar(
  value: JSONValue
): value is string | number | boolean | null {
  return typeof value !== 'object' || value === null;
}

/** As people write it: 2e-5, and 0.0002. */
export function writeNumber(value: number): string {
  if (Number.isNaN(value)) {
    return '.nan';
  }
  if (!Number.isFinite(value)) {
    return value > 0 ? '.inf' : '-.inf';
  }
  const isTiny = value !== 0 && Math.abs(value) < 1e-4;
  return isTiny ? value.toExponential() : String(value);
}

function doubleQuoted(value: string): string {
  return JSON.stringify(value).replace(
    new RegExp(NOT_LITERAL, 'g'),
    unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
  );
}

function isPlain(value: string, inFlow: boolean): boolean {
  return (
    PLAIN.test(value) &&
    !/:(\s|$)|\s#|^(---|\.\.\.)/.test(value) &&
    !NOT_TEXT.test(value) &&
    !(inFlow && /[,?[\]{}]|:$/.test(value))
  );
}

// Neither starts like another kind of value, nor has blanks at the ends.
const PLAIN = /^(?![\s,[\]{}#&*!|>'"%@`?:-]|<<$|=$)(?:.*\S)?$|^-(?=[\w./])\S*$/;

// What a reader of YAML 1.1 or 1.2 would not take for text: nothing, truth values, numbers, times, dates.
const NOT_TEXT =
  /^(|~|null|true|false|yes|no|on|off|[-+]?[0-9][-+0-9_.:e]*([ t][0-9:.z+ -]*)?|[-+]?\.[0-9_]+(e[-+]?[0-9]+)?|0b[01_]+|[-+]?0x[0-9a-f_]+|0o[0-7]+|[-+]?\.inf|\.nan)$/i;

// Control characters, line ends of YAML 1.1, and what must not stand in YAML as it is.
const NOT_LITERAL =
  // eslint-disable-next-line no-control-regex
  /[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;
