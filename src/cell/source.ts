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
  return `${header}\n${body.replace(/\s+$/, '')}`;
}

// IPython leaves out empty lines at the start, and wants the magic at the start of its line.
const HEADER = /^((?:[ \t]*\r?\n)*)(%%finetune(?![^\s])([^\r\n]*))(?:\r?\n|$)/;

/** The words of the header as the kernel's argument parser takes them. */
function readWords(words: string): Pick<IHeader, 'name' | 'options'> {
  const options: string[] = [];
  let name: string | null = null;
  let isValue = false;
  for (const [word] of words.matchAll(/(?:"[^"]*"?|'[^']*'?|[^\s"'])+/g)) {
    if (isValue || word.startsWith('-') || name !== null) {
      options.push(word);
    } else {
      name = word.replace(/["']/g, '');
    }
    isValue = !isValue && word === '--resume';
  }
  return { name, options };
}
