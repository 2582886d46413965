import { withPlainLines } from './lines';

/**
 * The first line of a `%%finetune` cell.
 */
export interface IHeader {
  /** As it is written. */
  line: string;
  /** Of the run and its variable; null if the kernel chooses. */
  name: string | null;
  /** The other words: `--wait`, `--dry-run`, `--resume`, NAME, and what the kernel will refuse. */
  options: string[];
}

/**
 * The source of a `%%finetune` cell, in parts.
 */
export interface ICellSource {
  /** Empty lines before the header. */
  prefix: string;
  header: IHeader;
  /** The YAML. */
  body: string;
  /** Where the body starts in the source; the source ends before it if the header has no line end. */
  bodyOffset: number;
  /** How many lines stand before the body. */
  bodyLine: number;
}

/**
 * Take the source of a cell apart.
 *
 * @returns null if it is no `%%finetune` cell.
 */
export function parseCell(source: string): ICellSource | null {
  const match = HEADER.exec(source);
  if (!match) {
    return null;
  }
  const [start, prefix, line, words] = match;
  return {
    prefix,
    header: { line, ...readWords(words) },
    body: source.slice(start.length),
    bodyOffset: start.length,
    bodyLine: prefix.split('\n').length
  };
}

/**
 * The source of a `%%finetune` cell.
 */
export function composeCell(name: string | null, body: string): string {
  const header = name ? `%%finetune ${name}` : '%%finetune';
  return `${header}\n${withPlainLines(body).trimEnd()}`;
}

/**
 * The first line with another name for the run.
 */
export function renamed({ line }: IHeader, name: string): string {
  const words = line.slice(MAGIC.length);
  const found = splitWords(words).find(({ isName }) => isName);
  return found
    ? MAGIC +
        words.slice(0, found.at) +
        name +
        words.slice(found.at + found.word.length)
    : line;
}

/**
 * A word of a magic as Python's `shlex` splits them.
 */
export function quoted(word: string): string {
  return /^[\w@%+=:,./$-]+$/.test(word)
    ? word
    : `'${word.replace(/'/g, `'"'"'`)}'`;
}

/**
 * Whether the first line asks to start a run anew, which needs a name that no other run has.
 */
export function startsAnew({ options }: IHeader): boolean {
  return !options.some(option => /^--(resume|dry-run)(=|$)/.test(option));
}

const MAGIC = '%%finetune';

// IPython leaves out empty lines at the start, and wants the magic at the start of its line.
const HEADER = /^((?:[ \t]*\r?\n)*)(%%finetune(?![^\s])([^\r\n]*))(?:\r?\n|$)/;

/** The words of the header as the kernel's argument parser takes them. */
function readWords(words: string): Pick<IHeader, 'name' | 'options'> {
  const options: string[] = [];
  let name: string | null = null;
  for (const { word, isName } of splitWords(words)) {
    if (isName) {
      name = word.replace(/["']/g, '');
    } else {
      options.push(word);
    }
  }
  return { name, options };
}

/** The words, where each starts, and whether it is the name: the first that is neither an option nor its value. */
function splitWords(
  words: string
): { word: string; at: number; isName: boolean }[] {
  let isValue = false;
  let isNamed = false;
  return [...words.matchAll(WORDS)].map(({ 0: word, index: at }) => {
    const isName = !isValue && !isNamed && !word.startsWith('-');
    isNamed = isNamed || isName;
    isValue = !isValue && word === '--resume';
    return { word, at, isName };
  });
}

const WORDS = /(?:"[^"]*"?|'[^']*'?|[^\s"'])+/g;
