import type { IReplacement } from './splices';
import type { IEntry, INode } from './tree';
import { entryEnd } from './tree';

/**
 * Add what is written to the end of a map or list between brackets.
 */
export function intoFlow(
  text: string,
  node: INode,
  added: string
): IReplacement {
  const last: IEntry | undefined = node.entries[node.entries.length - 1];
  if (!last) {
    const opening = text.slice(node.start).search(/[[{]/);
    const at = node.start + opening + 1;
    return { start: at, end: at, text: added };
  }
  const comma = commaAfter(text, entryEnd(last));
  const at = comma ?? entryEnd(last);
  return {
    start: at,
    end: at,
    text: comma === null ? `, ${added}` : ` ${added}`
  };
}

/**
 * Take an entry out from between brackets, with its comma.
 */
export function removeFromFlow(
  text: string,
  entries: IEntry[],
  index: number
): IReplacement {
  const { start } = entries[index];
  const end = entryEnd(entries[index]);
  const next: IEntry | undefined = entries[index + 1];
  const previous: IEntry | undefined = entries[index - 1];
  const comma = commaAfter(text, end) ?? end;
  if (next && !text.slice(end, next.start).includes('#')) {
    return { start, end: next.start, text: '' };
  }
  if (!next && previous) {
    const before = entryEnd(previous);
    if (!text.slice(before, start).includes('#')) {
      return { start: before, end, text: '' };
    }
  }
  return { start, end: comma, text: '' };
}

/**
 * Whether a comment stands in brackets, before or after all that is in them.
 */
export function hasInnerComment(
  text: string,
  { start, end, entries }: INode
): boolean {
  const first = entries[0].start;
  const last = entryEnd(entries[entries.length - 1]);
  return /\s#/.test(`${text.slice(start, first)} ${text.slice(last, end)}`);
}

/** After the comma that follows an item between brackets, if there is one. */
function commaAfter(text: string, offset: number): number | null {
  const [found] = /^(?:\s|#[^\n]*\n)*,/.exec(text.slice(offset)) ?? [null];
  return found === null ? null : offset + found.length;
}
