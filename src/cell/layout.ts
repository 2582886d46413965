import type { JSONValue } from '@lumino/coreutils';

import { hasInnerComment, intoFlow, removeFromFlow } from './flow';
import {
  eolOf,
  indentAt,
  isFirstOnLine,
  lineEnd,
  lineStart,
  nextLine
} from './lines';
import { SECTIONS } from './shortForms';
import type { IReplacement } from './splices';
import type { IEntry, INode } from './tree';
import { entryEnd } from './tree';
import type { IWritten } from './values';
import {
  writeBlock,
  writeEntry,
  writeFlow,
  writeItem,
  writeKey
} from './values';

/**
 * Put another value in the place of the one of an entry.
 *
 * @param inFlow - whether the entry stands between brackets.
 * @param step - how much deeper what is inside stands.
 */
export function replaceValue(
  text: string,
  entry: IEntry,
  inFlow: boolean,
  value: JSONValue,
  step: string
): IReplacement[] {
  const { node, indicatorEnd, valueFrom } = entry;
  const eol = eolOf(text);
  const indent = indentAt(text, entry.start);
  if (inFlow) {
    const written = writeFlow(value, node.quote);
    const before = indicatorEnd === null && !entry.isItem ? ':' : '';
    return [onLine(text, entry, node.start, node.end, before, written)];
  }
  const old = oldPlace(text, entry);
  const { head, lines } = writeAbove(text, old.belowEnd, value, () =>
    writeBlock(
      value,
      indent,
      node.kind === 'literal' ? literalStep(text, node, indent) : step,
      node.quote
    )
  );
  const before = indicatorEnd === null ? `${eol}${indent}:` : '';
  const body = lines.map(line => eol + line).join('');
  const gap = text.slice(valueFrom, old.start);
  // What needs more lines starts on the line of its key.
  const isPulled = body && gap.includes('\n') && !gap.includes('#');
  const start = isPulled ? valueFrom : old.start;
  return [
    onLine(text, entry, start, old.end, before, head),
    {
      start: old.below,
      end: old.belowEnd,
      text: body + closing(text, old.belowEnd, value, eol)
    }
  ];
}

/**
 * Add a key to a map.
 *
 * @param isRoot - whether the keys are the sections of a configuration, which have an order.
 */
export function insertKey(
  text: string,
  map: INode,
  isRoot: boolean,
  key: string,
  value: JSONValue,
  step: string
): IReplacement[] {
  if (map.isFlow) {
    return [intoFlow(text, map, `${writeKey(key, true)}: ${writeFlow(value)}`)];
  }
  const eol = eolOf(text);
  const { entries } = map;
  const indent = indentAt(text, entries[0].start);
  const written = writeEntry(key, value, indent, step).join(eol);
  const before = isRoot
    ? predecessor(entries, key)
    : entries[entries.length - 1];
  const gap = isRoot && isSpaced(text, entries) ? eol : '';
  if (!before) {
    const { start } = entries[0];
    const added = written.slice(indent.length) + eol + gap + indent;
    return [{ start, end: start, text: added }];
  }
  const depth = indent.length + (isRoot ? 1 : 0);
  const at = afterComments(text, entryEnd(before), depth);
  const added = eol + gap + written + closing(text, at, value, eol);
  return [{ start: at, end: at, text: added }];
}

/**
 * Add the first key to a text that has only comments, or nothing.
 */
export function insertFirstKey(
  text: string,
  key: string,
  value: JSONValue,
  step: string
): IReplacement[] {
  const eol = eolOf(text);
  const written = writeEntry(key, value, '', step).join(eol);
  const documentEnd = text.search(/^\.\.\.(?=\s|$)/m);
  const content = documentEnd === -1 ? text : text.slice(0, documentEnd);
  const start = content.trimEnd().length;
  const end = closing(text, start, value, eol);
  const added = start
    ? eol + written + end
    : written + (/^\s*\S|^[ \t]/.test(text) ? eol : end);
  return [{ start, end: start, text: added }];
}

/**
 * Add an item to a list that has some.
 */
export function insertItem(
  text: string,
  list: INode,
  index: number,
  value: JSONValue
): IReplacement[] {
  const { entries, isFlow } = list;
  if (isFlow && index === entries.length) {
    return [intoFlow(text, list, writeFlow(value))];
  }
  if (isFlow) {
    const { start } = entries[index];
    return [{ start, end: start, text: `${writeFlow(value)}, ` }];
  }
  const eol = eolOf(text);
  const indent = indentAt(text, entries[0].start);
  const written = writeItem(value, indent).join(eol);
  if (index === 0) {
    const { start } = entries[0];
    const added = written.slice(indent.length) + eol + indent;
    return [{ start, end: start, text: added }];
  }
  const end = entryEnd(entries[index - 1]);
  const at = afterComments(text, end, indent.length + 1);
  const added = eol + written + closing(text, at, value, eol);
  return [{ start: at, end: at, text: added }];
}

/**
 * Take an entry out of a map or list, with the line it stands on.
 */
export function removeEntry(
  text: string,
  container: INode,
  index: number
): IReplacement {
  const { entries } = container;
  const { start } = entries[index];
  const end = entryEnd(entries[index]);
  const next: IEntry | undefined = entries[index + 1];
  if (container.isFlow) {
    return removeFromFlow(text, entries, index);
  }
  if (!isFirstOnLine(text, start)) {
    const hasComment = next && text.slice(end, next.start).includes('#');
    const until = next && !hasComment ? next.start : lineEnd(text, end);
    return { start, end: until, text: '' };
  }
  const until = nextLine(text, end);
  const before = index > 0 ? entryEnd(entries[index - 1]) : 0;
  const from =
    until === text.length
      ? afterText(text, before, lineStart(text, start))
      : lineStart(text, start);
  const isOpenLast = until === text.length && !text.endsWith('\n');
  return {
    start:
      isOpenLast && from > 0 ? lineEnd(text, lineStart(text, from - 1)) : from,
    end: until,
    text: ''
  };
}

/** Where the blank lines begin that end at a line, none of them before an offset: they parted what stands there from it. */
function afterText(text: string, offset: number, line: number): number {
  const blank = /\n([^\S\n]*\n)*$/.exec(text.slice(offset, line));
  return blank ? offset + blank.index + 1 : line;
}

/**
 * Give an entry of a map another key, a plain word; all else stays as it is.
 */
export function renameKey(
  text: string,
  entry: IEntry,
  key: string
): IReplacement {
  const { start, indicatorEnd, valueFrom } = entry;
  const until = indicatorEnd === null ? valueFrom : indicatorEnd - 1;
  const end = start + text.slice(start, until).trimEnd().length;
  return { start, end, text: key };
}

/**
 * Turn the value of an entry into a map with one key of that value.
 */
export function nestValue(
  text: string,
  entry: IEntry,
  inFlow: boolean,
  key: string,
  step: string
): IReplacement[] {
  const { node } = entry;
  if (inFlow) {
    return [
      { start: node.start, end: node.start, text: `{${key}: ` },
      { start: node.end, end: node.end, text: '}' }
    ];
  }
  if (entry.isItem) {
    return [{ start: node.start, end: node.start, text: `${key}: ` }];
  }
  const at = entry.indicatorEnd ?? entry.valueFrom;
  const indent = indentAt(text, entry.start);
  const nested = [
    { start: at, end: at, text: `${eolOf(text)}${indent}${step}${key}:` }
  ];
  let start = nextLine(text, at);
  while (start < node.end) {
    if (lineEnd(text, start) > start) {
      nested.push({ start, end: start, text: step });
    }
    start = nextLine(text, start);
  }
  return nested;
}

/**
 * Whether a section has a comment of its own: lines of it in a block; around its key in brackets, or after them.
 */
export function hasOwnComment(text: string, entry: IEntry): boolean {
  const { end: last, isFlow } = entry.node;
  if (isFlow) {
    const after = text.slice(last, lineEnd(text, last));
    return hasInnerComment(text, entry.node) || /^[ \t]+#/.test(after);
  }
  const start = lineEnd(text, entry.valueFrom);
  const depth = indentAt(text, entry.start).length + 1;
  const end = afterComments(text, entryEnd(entry), depth);
  return end > start && /^[ \t]*#/m.test(text.slice(start, end));
}

/**
 * How much deeper the text indents each level.
 */
export function stepOf(text: string, root: INode): string {
  for (const { start, node } of root.isFlow ? [] : root.entries) {
    if (node.kind === 'map' && !node.isFlow) {
      const outer = indentAt(text, start).length;
      const inner = indentAt(text, node.entries[0].start).length;
      return ' '.repeat(Math.max(1, inner - outer));
    }
  }
  return '  ';
}

interface IPlace {
  /** What stands on the line of the key. */
  start: number;
  end: number;
  /** What stands on the lines below. */
  below: number;
  belowEnd: number;
}

function oldPlace(text: string, { node, valueFrom }: IEntry): IPlace {
  const properties = /^(?:[!&]\S*\s*)*/;
  let { start, end } = node;
  let belowEnd = lineEnd(text, end);
  if (node.kind === 'literal') {
    const [header] = /^(?:[!&]\S*\s+)*[|>][-+0-9]*/.exec(text.slice(start)) ?? [
      ''
    ];
    end = start + header.length;
    belowEnd = node.end;
  } else if (
    isBlock(node) &&
    text.slice(valueFrom, node.entries[0].start).includes('\n')
  ) {
    const [tag] = properties.exec(text.slice(start, node.entries[0].start)) ?? [
      ''
    ];
    const hasTag = tag !== '' && start < node.entries[0].start;
    start = hasTag ? start : valueFrom;
    end = hasTag ? start + tag.trimEnd().length : valueFrom;
  }
  return { start, end, below: lineEnd(text, end), belowEnd };
}

/** Replace what stands on the line of a key, with a space before it. */
function onLine(
  text: string,
  entry: IEntry,
  start: number,
  end: number,
  before: string,
  head: string
): IReplacement {
  const gap = text.slice(entry.valueFrom, start);
  if (!head) {
    // The value goes to the lines below; no blank stays behind, and no line.
    const from = gap.includes('#') ? start : entry.valueFrom;
    const isAlone = isFirstOnLine(text, from) && from > 0;
    return {
      start: isAlone
        ? lineEnd(text, lineStart(text, lineStart(text, from) - 1))
        : from,
      end,
      text: before
    };
  }
  const needsSpace =
    before !== '' ||
    (!/\s$/.test(text.slice(0, start)) && isAfter(entry, start));
  return { start, end, text: `${before}${needsSpace ? ' ' : ''}${head}` };
}

/** Whether a place is after the colon or dash of an entry, and not the bare place of an item between brackets. */
function isAfter(entry: IEntry, start: number): boolean {
  return entry.indicatorEnd !== null && start >= entry.indicatorEnd;
}

/** A literal would swallow a comment below that is indented as deep. */
function writeAbove(
  text: string,
  end: number,
  value: JSONValue,
  write: () => IWritten
): IWritten {
  const written = write();
  const last = written.lines[written.lines.length - 1];
  if (last === undefined || !hasLineEnd(value)) {
    return written;
  }
  const depth = last.length - last.trimStart().length;
  const [, below] = /^\s*\n([ \t]*)#/.exec(text.slice(end)) ?? [];
  return below !== undefined && below.length >= depth
    ? { head: writeFlow(value), lines: [] }
    : written;
}

/** A literal that ends both the text and its last line needs the end of that. */
function closing(
  text: string,
  at: number,
  value: JSONValue,
  eol: string
): string {
  const endsLine = /\\n"[\]}]*$/.test(JSON.stringify(value));
  return at === text.length && endsLine ? eol : '';
}

function hasLineEnd(value: JSONValue): boolean {
  return JSON.stringify(value).includes('\\n');
}

function literalStep(text: string, node: INode, indent: string): string {
  const body = text.slice(nextLine(text, node.start), node.end);
  const [depth] = /^[ ]*(?=\S)/m.exec(body) ?? [''];
  return depth.length > indent.length ? depth.slice(indent.length) : '  ';
}

function isBlock(node: INode): boolean {
  return (node.kind === 'map' || node.kind === 'list') && !node.isFlow;
}

/** The last entry, of those that a section comes after. */
function predecessor(entries: IEntry[], key: string): IEntry | undefined {
  const rank = (section: string) => {
    const index = SECTIONS.indexOf(section);
    return index === -1 ? SECTIONS.length : index;
  };
  const before = entries.filter(entry => rank(entry.key) <= rank(key));
  return before[before.length - 1];
}

/** Whether all sections are separated by blank lines. */
function isSpaced(text: string, entries: IEntry[]): boolean {
  return (
    entries.length > 1 &&
    entries.slice(1).every((entry, index) => {
      const between = text.slice(entryEnd(entries[index]), entry.start);
      return /\n[ \t]*\r?\n/.test(between);
    })
  );
}

/** The end of the line, or of the lines of comment below that are indented at least as deep. */
function afterComments(text: string, offset: number, depth: number): number {
  let at = lineEnd(text, offset);
  for (;;) {
    const start = nextLine(text, at);
    const end = lineEnd(text, start);
    const below = text.slice(start, end);
    const indent = below.length - below.trimStart().length;
    if (start === at || !below.trim().startsWith('#') || indent < depth) {
      return at;
    }
    at = end;
  }
}
