/**
 * The text between `start` and `end` gives way to `text`.
 */
export interface IReplacement {
  start: number;
  end: number;
  text: string;
}

/**
 * A text that is rewritten step by step, and still knows which characters are the original ones.
 */
export class SplicedText {
  constructor(private readonly _original: string) {
    this._text = _original;
    this._pieces = [{ start: 0, end: _original.length, text: null }];
  }

  get text(): string {
    return this._text;
  }

  copy(): SplicedText {
    const copy = new SplicedText(this._original);
    copy._text = this._text;
    copy._pieces = this._pieces.slice();
    return copy;
  }

  /**
   * @param replacements - in offsets of the text as it is now; they may touch but not overlap.
   */
  splice(replacements: IReplacement[]): void {
    // The sort is stable: of two insertions at one place the first given comes first.
    const ordered = replacements.slice().sort((a, b) => a.start - b.start);
    for (const replacement of ordered.reverse()) {
      this._spliceOne(replacement);
    }
  }

  /**
   * What turns the original into the text, from left to right, in offsets of the original.
   */
  replacements(): IReplacement[] {
    const found: IReplacement[] = [];
    let inserted = '';
    let at = 0;
    const close = (until: number) => {
      const replacement = trim(this._original, {
        start: at,
        end: until,
        text: inserted
      });
      if (replacement.text || replacement.start < replacement.end) {
        found.push(replacement);
      }
      inserted = '';
    };
    for (const piece of this._pieces) {
      if (piece.text !== null) {
        inserted += piece.text;
      } else {
        close(piece.start);
        at = piece.end;
      }
    }
    close(this._original.length);
    return found;
  }

  private _spliceOne({ start, end, text }: IReplacement): void {
    const before: IPiece[] = [];
    const after: IPiece[] = [];
    let offset = 0;
    for (const piece of this._pieces) {
      const length = piece.end - piece.start;
      if (offset < start) {
        before.push(part(piece, 0, Math.min(length, start - offset)));
      }
      if (offset + length > end) {
        after.push(part(piece, Math.max(0, end - offset), length));
      }
      offset += length;
    }
    const inserted = { start: 0, end: text.length, text };
    this._pieces = [...before, ...(text ? [inserted] : []), ...after];
    this._text = this._text.slice(0, start) + text + this._text.slice(end);
  }

  private _text: string;
  private _pieces: IPiece[];
}

/** A range of the original, or new text. */
interface IPiece {
  start: number;
  end: number;
  text: string | null;
}

function part(piece: IPiece, from: number, to: number): IPiece {
  return piece.text === null
    ? { start: piece.start + from, end: piece.start + to, text: null }
    : { start: 0, end: to - from, text: piece.text.slice(from, to) };
}

/** Leave out what stays the same at both ends; a surrogate pair is not cut in two. */
function trim(original: string, replacement: IReplacement): IReplacement {
  const { end } = replacement;
  let { start, text } = replacement;
  let same = 0;
  while (
    start + same < end &&
    same < text.length &&
    original[start + same] === text[same]
  ) {
    same++;
  }
  if (same && isHighSurrogate(text[same - 1])) {
    same--;
  }
  start += same;
  text = text.slice(same);
  same = 0;
  while (
    end - same > start &&
    same < text.length &&
    original[end - same - 1] === text[text.length - same - 1]
  ) {
    same++;
  }
  if (same && isLowSurrogate(text[text.length - same])) {
    same--;
  }
  return { start, end: end - same, text: text.slice(0, text.length - same) };
}

function isHighSurrogate(unit: string): boolean {
  return unit >= '\ud800' && unit <= '\udbff';
}

function isLowSurrogate(unit: string): boolean {
  return unit >= '\udc00' && unit <= '\udfff';
}
