import type { JSONObject, JSONValue } from '@lumino/coreutils';
import type { CST, Document, Node, Pair, YAMLError } from 'yaml';
import {
  isCollection,
  isMap,
  isNode,
  isScalar,
  isSeq,
  parseDocument,
  visit
} from 'yaml';

import type { Quote } from './scalars';

/**
 * A value and where it stands in the text.
 */
export interface INode {
  kind: 'map' | 'list' | 'scalar' | 'literal' | 'empty';
  /** Whether it is a map or list between brackets. */
  isFlow: boolean;
  start: number;
  /** Where its last character ends; comments and line ends after it do not belong to it. */
  end: number;
  value: JSONValue;
  quote: Quote;
  entries: IEntry[];
}

/**
 * A key with its value, or an item of a list.
 */
export interface IEntry {
  /** The index, for an item of a list. */
  key: string;
  isItem: boolean;
  /** Of the key or the dash. */
  start: number;
  /** After the colon or the dash; null if there is none. */
  indicatorEnd: number | null;
  /** Where the value can start: after the colon or the dash, and an anchor. */
  valueFrom: number;
  node: INode;
}

/**
 * Why a text cannot be read.
 */
export interface IProblem {
  /** Counted from 1. */
  line: number;
  cause: Cause;
}

/**
 * What is wrong with a text.
 */
export type Cause =
  | 'unclosed'
  | 'indentation'
  | 'tab'
  | 'twice'
  | 'colon'
  | 'escape'
  | 'documents'
  | 'alias'
  | 'no keys'
  | 'other';

/**
 * Read YAML.
 */
export function readTree(
  text: string
): { root: INode; problem: null } | { root: null; problem: IProblem } {
  try {
    const document = parseDocument(text, {
      keepSourceTokens: true,
      logLevel: 'error',
      prettyErrors: false,
      stringKeys: true,
      version: '1.2'
    });
    const [error] = document.errors;
    if (error) {
      return failed(text, placeOf(error, document), causeOf(error));
    }
    const alias = firstAlias(document);
    if (alias !== null) {
      return failed(text, alias, 'alias');
    }
    const root = new TreeReader(text, document).read();
    if (root.kind !== 'map' && root.kind !== 'empty') {
      return failed(text, root.start, 'no keys');
    }
    return { root, problem: null };
  } catch {
    // Too deep.
    return failed(text, 0, 'other');
  }
}

/** Where the first alias is: the kernel takes none, as a few of them can stand for gigabytes. */
function firstAlias(document: Document.Parsed): number | null {
  let place: number | null = null;
  visit(document, {
    Alias: (_, { range }) => {
      place = range?.[0] ?? 0;
      return visit.BREAK;
    }
  });
  return place;
}

function failed(
  text: string,
  offset: number,
  cause: Cause
): { root: null; problem: IProblem } {
  const line = text.slice(0, offset).split('\n').length;
  return { root: null, problem: { line, cause } };
}

/** Where to look: what is never closed is noticed only later. */
function placeOf(error: YAMLError, document: Document.Parsed): number {
  let [place] = error.pos;
  const isQuote = error.message.startsWith('Missing closing');
  if (causeOf(error) === 'unclosed') {
    visit(document, {
      Node: (_, node) => {
        const [start, , end] = node.range ?? [0, 0, 0];
        const isOpen = isQuote ? isScalar(node) : isOpenFlow(node);
        if (isOpen && start < error.pos[0] && error.pos[0] <= end) {
          place = start;
        }
      }
    });
  }
  return place;
}

function isOpenFlow(node: Node): boolean {
  const { end } = (node.srcToken ?? {}) as Partial<CST.FlowCollection>;
  const closing = isSeq(node) ? 'flow-seq-end' : 'flow-map-end';
  return (
    isCollection(node) &&
    node.flow === true &&
    !end?.some(({ type }) => type === closing)
  );
}

function causeOf({ code, message }: YAMLError): Cause {
  return /^Missing closing|end with a/.test(message)
    ? 'unclosed'
    : (CAUSES[code] ?? 'other');
}

const CAUSES: { readonly [code: string]: Cause | undefined } = {
  BAD_INDENT: 'indentation',
  BLOCK_IN_FLOW: 'indentation',
  TAB_AS_INDENT: 'tab',
  DUPLICATE_KEY: 'twice',
  BLOCK_AS_IMPLICIT_KEY: 'colon',
  MULTILINE_IMPLICIT_KEY: 'colon',
  BAD_DQ_ESCAPE: 'escape',
  MULTIPLE_DOCS: 'documents'
};

class TreeReader {
  constructor(
    private readonly _text: string,
    private readonly _document: Document.Parsed
  ) {}

  read(): INode {
    const contents = this._document.contents as Node | null;
    return this._node(contents, 0, null);
  }

  private _node(
    node: Node | null,
    valueFrom: number,
    tagStart: number | null
  ): INode {
    const range = node?.range;
    if (!node || !range || (isScalar(node) && range[0] === range[1])) {
      // With a tag, nothing can be an empty text.
      const value = isScalar(node) ? (node.value as JSONValue) : null;
      return { ...EMPTY, start: valueFrom, end: valueFrom, value };
    }
    const common = { ...EMPTY, start: tagStart ?? range[0], end: range[1] };
    if (isScalar(node)) {
      const isLiteral =
        node.type === 'BLOCK_LITERAL' || node.type === 'BLOCK_FOLDED';
      return {
        ...common,
        kind: isLiteral ? 'literal' : 'scalar',
        end: isLiteral ? this._literalEnd(range[0], range[1]) : range[1],
        value: node.toJS(this._document) as JSONValue,
        quote: QUOTES[node.type ?? ''] ?? null
      };
    }
    // A pair in a list, `[a: 1]`, is taken as a whole.
    if (!isCollection(node) || !node.srcToken) {
      const value = node.toJS(this._document) as JSONValue;
      return { ...common, kind: 'scalar', value };
    }
    const entries = this._entries(node);
    const isFlow = node.flow === true;
    const last = entries[entries.length - 1];
    const isList = isSeq(node);
    return {
      ...common,
      kind: isList ? 'list' : 'map',
      isFlow,
      end: isFlow || !last ? range[1] : entryEnd(last),
      value: isList
        ? entries.map(entry => entry.node.value)
        : objectOf(entries),
      entries
    };
  }

  private _entries(node: Node): IEntry[] {
    if (isMap(node)) {
      return node.items.map(pair => this._pair(pair as Pair<Node, Node>));
    }
    const token = node.srcToken as CST.BlockSequence | CST.FlowCollection;
    const isFlow = token.type === 'flow-collection';
    const sources = token.items.filter(({ start, key, sep, value }) =>
      isFlow
        ? Boolean(key || sep || value) || start.some(isProperty)
        : start.some(({ type }) => type === 'seq-item-ind')
    );
    return isSeq(node)
      ? node.items.map((item, index) => {
          const child = isNode(item) ? item : null;
          const { start } = sources[index];
          const dash = start.find(({ type }) => type === 'seq-item-ind');
          const from = dash?.offset ?? child?.range?.[0] ?? 0;
          const indicatorEnd = dash ? dash.offset + 1 : null;
          return {
            key: String(index),
            isItem: true,
            start: from,
            indicatorEnd,
            ...this._value(child, start, indicatorEnd ?? from)
          };
        })
      : [];
  }

  private _pair(pair: Pair<Node, Node>): IEntry {
    const { start = [], sep = [] } = pair.srcToken ?? {};
    const [keyStart, keyEnd] = pair.key.range ?? [0, 0];
    const explicit = start.find(
      ({ type }) => type === 'explicit-key-ind' || isProperty({ type })
    );
    const colon = sep.find(({ type }) => type === 'map-value-ind');
    const indicatorEnd = colon ? colon.offset + 1 : null;
    return {
      key: isScalar(pair.key) ? String(pair.key.value) : '',
      isItem: false,
      start: explicit?.offset ?? keyStart,
      indicatorEnd,
      ...this._value(pair.value, sep, indicatorEnd ?? keyEnd)
    };
  }

  /** The value after a colon or dash, and the anchor and tag that may stand before it. */
  private _value(
    node: Node | null,
    tokens: CST.SourceToken[],
    from: number
  ): { valueFrom: number; node: INode } {
    const tag = tokens.find(({ type }) => type === 'tag');
    const anchor = tokens.find(
      ({ type, offset }) => type === 'anchor' && (!tag || offset < tag.offset)
    );
    const valueFrom = anchor ? anchor.offset + anchor.source.length : from;
    const read = this._node(node, valueFrom, tag?.offset ?? null);
    if (tag && read.kind === 'empty') {
      const end = tag.offset + tag.source.length;
      return { valueFrom, node: { ...read, start: tag.offset, end } };
    }
    return { valueFrom, node: read };
  }

  /** The blank lines after a literal belong to it only if its header says so. */
  private _literalEnd(start: number, end: number): number {
    const source = this._text.slice(start, end);
    const keeps = /^[|>][0-9]?\+/.test(source);
    const kept = source.replace(keeps ? /\r?\n$/ : /(\r?\n)+$/, '');
    return start + kept.length;
  }
}

export function entryEnd(entry: IEntry): number {
  return Math.max(entry.valueFrom, entry.node.end);
}

function objectOf(entries: IEntry[]): JSONObject {
  return Object.fromEntries(
    entries.map(({ key, node }) => [key, node.value])
  ) as JSONObject;
}

function isProperty({ type }: { type: string }): boolean {
  return type === 'anchor' || type === 'tag';
}

const EMPTY: INode = {
  kind: 'empty',
  isFlow: false,
  start: 0,
  end: 0,
  value: null,
  quote: null,
  entries: []
};

const QUOTES: { [type: string]: Quote } = {
  QUOTE_SINGLE: 'single',
  QUOTE_DOUBLE: 'double'
};
