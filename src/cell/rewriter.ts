import type { JSONObject, JSONValue } from '@lumino/coreutils';
import { JSONExt } from '@lumino/coreutils';

import { hasInnerComment } from './flow';
import {
  hasOwnComment,
  insertFirstKey,
  insertItem,
  insertKey,
  nestValue,
  removeEntry,
  renameKey,
  replaceValue,
  stepOf
} from './layout';
import { lineEnd } from './lines';
import { setIn, valueAt, wrap } from './paths';
import {
  expandShortForms,
  isObject,
  isShort,
  lengthen,
  MAIN_KEYS,
  SECTIONS,
  shorten
} from './shortForms';
import type { IReplacement } from './splices';
import { SplicedText } from './splices';
import type { IEntry, INode } from './tree';
import { readTree } from './tree';

/**
 * A value to write; undefined deletes its key, and a section that is left empty.
 */
export interface IChange {
  path: string[];
  value: JSONValue | undefined;
  /** The path of a key that gives way to this one; in the same map the new key takes its place as it is written. */
  replaces?: string[];
}

/**
 * Rewrites the YAML of a configuration, one change after the other, touching only what changes.
 */
export class Rewriter {
  constructor(text: string) {
    this._text = new SplicedText(text);
  }

  /**
   * What was rewritten, in offsets of the text given at first.
   */
  get replacements(): IReplacement[] {
    return this._text.replacements();
  }

  /**
   * @throws UnreadableError if the text is no YAML.
   */
  run({ path, value, replaces }: IChange): void {
    if (replaces && isBeside(path, replaces)) {
      this._rename(replaces, path[path.length - 1]);
      return;
    }
    const tail = replaces && this._tail(replaces);
    if (replaces) {
      this._remove(replaces);
    }
    if (value === undefined) {
      this._remove(path);
    } else {
      this._set(path, value);
    }
    if (tail) {
      this._setTail(path, tail);
    }
  }

  /** What stands behind a key on its only line: its value as it is written, and a comment; empty if it has others. */
  private _tail(path: string[]): string {
    const written = this._writtenPath(path);
    const { container, entry, node, depth } = this._find(written);
    const { text } = this._text;
    const isScalar = node.kind === 'scalar' && depth === written.length;
    if (!entry || container!.isFlow || !isScalar) {
      return '';
    }
    const tail = text.slice(entry.valueFrom, lineEnd(text, node.end));
    return tail.includes('\n') ? '' : tail;
  }

  /** Write the value of a key as it was written at its old place, with its comment, if that means the same. */
  private _setTail(path: string[], tail: string): void {
    const { container, entry, node, depth } = this._find(path);
    const isAlone = depth === path.length && !container!.isFlow;
    if (entry && isAlone && node.kind === 'scalar' && this._tail(path)) {
      const before = this._text.copy();
      const { text } = this._text;
      const end = lineEnd(text, node.end);
      this._splice([{ start: entry.valueFrom, end, text: tail }]);
      if (!JSONExt.deepEqual(this._find(path).node.value, node.value)) {
        this._text = before;
      }
    }
  }

  private _set(path: string[], value: JSONValue): void {
    const [section, ...keys] = path;
    if (section === undefined) {
      this._setSections(value as JSONObject);
      return;
    }
    const written = this._written(section);
    const isMissing = written === undefined || written === null;
    if (!isMissing) {
      const expanded = expandShortForms({ [section]: written });
      const old = valueAt(expanded[section], keys);
      if (old !== undefined && JSONExt.deepEqual(old, value)) {
        return;
      }
    }
    if (keys.length && (isMissing || isShort(section, written))) {
      const whole = isMissing ? {} : expand(section, written);
      this._setSection(section, setIn(whole, keys, value) as JSONObject);
    } else if (keys.length === 0 && isObject(value)) {
      this._setSection(section, value);
    } else {
      this._setWritten(path, value);
    }
  }

  private _rename(path: string[], key: string): void {
    const written = this._writtenPath(path);
    const { entry, depth } = this._find(written);
    if (entry && !entry.isItem && depth === written.length) {
      this._splice([renameKey(this._text.text, entry, key)]);
    }
  }

  /** A path of the section written out, as it is in the short form of the section if it has that. */
  private _writtenPath([section, ...keys]: string[]): string[] {
    const isMain = keys.length > 0 && keys[0] === MAIN_KEYS[section];
    return isMain && isShort(section, this._written(section))
      ? [section, ...keys.slice(1)]
      : [section, ...keys];
  }

  private _setSections(values: JSONObject): void {
    for (const [section, value] of Object.entries(values)) {
      this._set([section], value as JSONValue);
    }
    for (const { key, node } of this._root().entries) {
      const isEmpty = node.value === null && SECTIONS.includes(key);
      if (!(key in values) && !isEmpty) {
        this._remove([key]);
      }
    }
  }

  /** Write a section given as a map, in short form where it has one and is not written out. */
  private _setSection(section: string, whole: JSONObject): void {
    const written = this._written(section);
    const main = MAIN_KEYS[section];
    const isMain = Object.keys(whole).length === 1 && main && main in whole;
    const short = isMain
      ? shorten(section, whole[main] as JSONValue)
      : undefined;
    if (main && isShort(section, written)) {
      if (short !== undefined) {
        const keepsList = Array.isArray(written) && Array.isArray(whole[main]);
        this._setWritten(
          [section],
          keepsList ? (whole[main] as JSONValue) : short
        );
        return;
      }
      if (main in whole) {
        // In a section that is written out, even one prompt is a list.
        this._setWritten([section], lengthen(section, written));
        this._nest([section], main);
      }
    }
    const isMissing = written === undefined || written === null;
    this._setWritten([section], (isMissing ? short : undefined) ?? whole);
  }

  /** Make what stands at a path the value of a key. */
  private _nest(path: string[], key: string): void {
    const { container, entry } = this._find(path);
    const step = this._step(this._root());
    this._splice(
      nestValue(this._text.text, entry!, container!.isFlow, key, step)
    );
  }

  /** Write a value where it stands, whatever short forms mean. */
  private _setWritten(path: string[], value: JSONValue): void {
    const found = this._find(path);
    const { node, depth } = found;
    const rest = path.slice(depth);
    if (rest.length === 0) {
      this._change(path, node, value);
    } else if (node.kind === 'map') {
      this._insert(node, depth === 0, rest, value);
    } else if (depth === 0) {
      const [key, ...inner] = rest;
      this._splice(
        insertFirstKey(this._text.text, key, wrap(inner, value), '  ')
      );
    } else if (node.entries.length && rest[0] === String(node.entries.length)) {
      const item = wrap(rest.slice(1), value);
      this._splice(
        insertItem(this._text.text, node, node.entries.length, item)
      );
    } else {
      this._replace(path.slice(0, depth), setIn(node.value, rest, value));
    }
  }

  private _insert(
    map: INode,
    isRoot: boolean,
    [key, ...inner]: string[],
    value: JSONValue
  ): void {
    this._splice(
      insertKey(
        this._text.text,
        map,
        isRoot,
        key,
        wrap(inner, value),
        this._step(this._root())
      )
    );
  }

  /** Change only the parts of a value that differ. */
  private _change(path: string[], node: INode, value: JSONValue): void {
    if (JSONExt.deepEqual(node.value, value)) {
      return;
    }
    const holder = this._holder(path, node, value);
    if (holder !== undefined) {
      this._nest(path, holder);
      this._change(path, this._find(path).node, value);
    } else if (
      node.kind === 'map' &&
      isObject(value) &&
      Object.keys(value).length
    ) {
      for (const [key, item] of Object.entries(value)) {
        this._setWritten([...path, key], item as JSONValue);
      }
      for (const { key } of node.entries) {
        if (!(key in value)) {
          this._removeWritten([...path, key]);
        }
      }
    } else if (
      node.kind === 'list' &&
      node.entries.length &&
      Array.isArray(value) &&
      value.length
    ) {
      this._changeList(path, node.value as JSONValue[], value);
    } else {
      this._replace(path, value);
    }
  }

  /** The key of a map that holds what stands at a path, on one line, as it is. */
  private _holder(
    path: string[],
    { kind, start, end, value: held }: INode,
    value: JSONValue
  ): string | undefined {
    const { entry } = this._find(path);
    const isOneLine =
      kind === 'scalar' && !this._text.text.slice(start, end).includes('\n');
    // An anchor would be that of the key.
    const isPlaced =
      entry !== null && entry.valueFrom === (entry.indicatorEnd ?? entry.start);
    return isPlaced && isOneLine && isObject(value)
      ? Object.keys(value).find(key =>
          JSONExt.deepEqual(value[key] as JSONValue, held)
        )
      : undefined;
  }

  private _changeList(
    path: string[],
    old: JSONValue[],
    value: JSONValue[]
  ): void {
    const shorter = Math.min(old.length, value.length);
    let first = 0;
    while (first < shorter && JSONExt.deepEqual(old[first], value[first])) {
      first++;
    }
    let last = 0;
    while (
      last < shorter - first &&
      JSONExt.deepEqual(
        old[old.length - 1 - last],
        value[value.length - 1 - last]
      )
    ) {
      last++;
    }
    for (let index = first; index < shorter - last; index++) {
      this._setWritten([...path, String(index)], value[index]);
    }
    for (
      let index = old.length - last - 1;
      index >= value.length - last;
      index--
    ) {
      const { node } = this._find(path);
      this._splice([removeEntry(this._text.text, node, index)]);
    }
    for (let index = old.length - last; index < value.length - last; index++) {
      const { node } = this._find(path);
      this._splice(insertItem(this._text.text, node, index, value[index]));
    }
  }

  private _replace(path: string[], value: JSONValue): void {
    const { container, entry } = this._find(path);
    if (container && entry) {
      this._splice(
        replaceValue(
          this._text.text,
          entry,
          container.isFlow,
          value,
          this._step(this._root())
        )
      );
    }
  }

  private _remove(path: string[]): void {
    this._removeWritten(this._writtenPath(path));
  }

  private _removeWritten(path: string[]): void {
    const { container, entry, depth } = this._find(path);
    if (!container || !entry || depth < path.length) {
      return;
    }
    const outer = path.slice(0, -1);
    if (container.entries.length > 1 || outer.length === 0) {
      const index = container.entries.indexOf(entry);
      this._splice([removeEntry(this._text.text, container, index)]);
      return;
    }
    const owner = this._find(outer);
    if (container.kind === 'list') {
      this._replace(outer, []);
    } else if (owner.entry?.isItem) {
      this._replace(outer, {});
    } else if (
      owner.entry &&
      !owner.container?.isFlow &&
      outer.length === 1 &&
      SECTIONS.includes(outer[0]) &&
      hasOwnComment(this._text.text, owner.entry)
    ) {
      // An empty section is as good as none, and keeps the user's comments in their place.
      const { start, end, isFlow } = container;
      this._splice([
        isFlow && !hasInnerComment(this._text.text, container)
          ? { start, end, text: '' }
          : removeEntry(this._text.text, container, 0)
      ]);
    } else {
      this._removeWritten(outer);
    }
  }

  /** As deep as the path goes in what is written. */
  private _find(path: string[]): {
    container: INode | null;
    entry: IEntry | null;
    node: INode;
    depth: number;
  } {
    let container: INode | null = null;
    let entry: IEntry | null = null;
    let node = this._root();
    let depth = 0;
    for (const key of path) {
      const next = node.entries.find(entry => entry.key === key);
      if (!next) {
        break;
      }
      container = node;
      entry = next;
      node = next.node;
      depth++;
    }
    return { container, entry, node, depth };
  }

  private _written(section: string): JSONValue | undefined {
    return this._root().entries.find(({ key }) => key === section)?.node.value;
  }

  private _step(root: INode): string {
    return stepOf(this._text.text, root);
  }

  private _root(): INode {
    const { root, problem } = readTree(this._text.text);
    if (!root) {
      throw new UnreadableError(`Line ${problem.line}: ${problem.cause}`);
    }
    return root;
  }

  private _splice(replacements: IReplacement[]): void {
    this._text.splice(replacements);
  }

  private _text: SplicedText;
}

/**
 * A text is no YAML, and cannot be rewritten.
 */
export class UnreadableError extends Error {}

/** Whether the last keys of two paths are of the same map. */
function isBeside(path: string[], other: string[]): boolean {
  return JSONExt.deepEqual(path.slice(0, -1), other.slice(0, -1));
}

function expand(section: string, short: string | JSONValue[]): JSONObject {
  return { [MAIN_KEYS[section]!]: lengthen(section, short) };
}
