import type { JSONValue } from '@lumino/coreutils';

import type { Quote } from './scalars';
import { isScalar, literalLines, writeScalar } from './scalars';

/**
 * A value after its key: what stands on the key's line, and the lines below it, indented.
 */
export interface IWritten {
  head: string;
  lines: string[];
}

/**
 * A value in block style.
 *
 * @param indent - of the key or dash that it belongs to.
 * @param step - how much deeper what is inside stands.
 * @param quote - how the value before it was quoted.
 */
export function writeBlock(
  value: JSONValue,
  indent: string,
  step: string,
  quote: Quote = null
): IWritten {
  const inner = indent + step;
  if (isScalar(value)) {
    const literal = typeof value === 'string' ? literalLines(value) : null;
    return literal
      ? {
          head: literal.header,
          lines: literal.lines.map(line => line && inner + line)
        }
      : { head: writeScalar(value, false, quote), lines: [] };
  }
  if (Array.isArray(value)) {
    return fitsLine(value)
      ? { head: writeFlow(value), lines: [] }
      : { head: '', lines: value.flatMap(item => writeItem(item, inner)) };
  }
  const entries = Object.entries(value);
  return entries.length
    ? {
        head: '',
        lines: entries.flatMap(([key, item]) =>
          writeEntry(key, item as JSONValue, inner, step)
        )
      }
    : { head: '{}', lines: [] };
}

/**
 * The lines of a key and its value in a block section.
 */
export function writeEntry(
  key: string,
  value: JSONValue,
  indent: string,
  step: string
): string[] {
  const { head, lines } = writeBlock(value, indent, step);
  const space = head ? ' ' : '';
  return [`${indent}${writeKey(key, false)}:${space}${head}`, ...lines];
}

/**
 * The lines of an item in a block list.
 */
export function writeItem(value: JSONValue, indent: string): string[] {
  const { head, lines } = writeBlock(value, indent, '  ');
  return head
    ? [`${indent}- ${head}`, ...lines]
    : [`${indent}- ${lines[0].trimStart()}`, ...lines.slice(1)];
}

/**
 * A value between brackets, on one line.
 */
export function writeFlow(value: JSONValue, quote: Quote = null): string {
  if (isScalar(value)) {
    return writeScalar(value, true, quote);
  }
  if (Array.isArray(value)) {
    return `[${value.map(item => writeFlow(item)).join(', ')}]`;
  }
  const entries = Object.entries(value).map(
    ([key, item]) => `${writeKey(key, true)}: ${writeFlow(item as JSONValue)}`
  );
  return `{${entries.join(', ')}}`;
}

export function writeKey(key: string, inFlow: boolean): string {
  return writeScalar(key, inFlow);
}

/** Lists of texts that are read, such as prompts, are easier to read one a line. */
function fitsLine(items: JSONValue[]): boolean {
  const texts = items.filter(item => typeof item === 'string') as string[];
  return (
    items.every(isScalar) &&
    texts.every(text => text.length <= 40 && !text.includes('\n')) &&
    writeFlow(items).length <= 80
  );
}
