import type { JSONValue } from '@lumino/coreutils';
import { JSONExt } from '@lumino/coreutils';

import type { IChange } from '../cell/document';
import { ConfigDocument } from '../cell/document';
import { Changing } from '../changing';
import type { ITableSource } from '../kernel/protocol';
import type { IShownConfiguration } from '../tokens';

/**
 * The configuration that the sidebar shows for a notebook, with a source as its training data.
 *
 * While the sidebar shows that of another notebook it stays, and so does one that names the source while another one
 * that does not is shown; before it has shown any, all is at its default.
 */
export class ConfiguredText extends Changing {
  /**
   * @param path - tells the path of the notebook.
   */
  constructor(
    source: ITableSource['source'],
    path: () => string,
    configuration: Promise<IShownConfiguration> | null
  ) {
    super();
    this._source = source;
    this._path = path;
    this._text = withSource('', source);
    void configuration?.then(shown => {
      if (!this.isDisposed) {
        shown.changed.connect(this._onChanged, this);
        this._onChanged(shown);
      }
    });
  }

  get text(): string {
    return this._text;
  }

  /** The same with the source as the only training data. */
  get textOfSource(): string {
    const path = ['data', 'train'];
    const value = this._source as JSONValue;
    return new ConfigDocument(this._text).apply([{ path, value }]);
  }

  /** Whether it is shown now, and can be changed. */
  get isEditable(): boolean {
    return (
      this._shown !== null &&
      this._isOfIt &&
      this._isTaken &&
      this._shown.isEditable
    );
  }

  /** Change the configuration of the cell, or the draft, that the sidebar shows. */
  change(changes: IChange[]): void {
    if (this.isEditable) {
      this._shown!.change(changes);
    }
  }

  private get _isOfIt(): boolean {
    return this._shown?.panel?.context.path === this._path();
  }

  private _onChanged(shown: IShownConfiguration): void {
    this._shown = shown;
    if (!this._isOfIt) {
      return;
    }
    const isNamed = namesSource(shown.ours.text, this._source);
    const wasTaken = this._isTaken;
    this._isTaken = isNamed || !this._isNamed;
    this._isNamed ||= isNamed;
    const text = this._isTaken
      ? withSource(shown.ours.text, this._source)
      : this._text;
    if (text !== this._text || this._isTaken !== wasTaken) {
      this._text = text;
      this.emit();
    }
  }

  private readonly _source: ITableSource['source'];
  private readonly _path: () => string;
  private _shown: IShownConfiguration | null = null;
  private _text: string;
  /** Whether the one that is shown is taken. */
  private _isTaken = true;
  /** Whether one that names the source was taken. */
  private _isNamed = false;
}

/**
 * The text with a source as its training data; how other data are to be read does not hold for it.
 */
export function withSource(
  text: string,
  source: ITableSource['source']
): string {
  if (namesSource(text, source)) {
    return text;
  }
  const document = new ConfigDocument(text);
  const changes: { [key: string]: JSONValue | undefined } = { train: source };
  for (const key of ['columns', 'format', 'tags']) {
    if (document.has(['data', key])) {
      changes[key] = undefined;
    }
  }
  return document.apply(
    Object.entries(changes).map(([key, value]) => ({
      path: ['data', key],
      value
    }))
  );
}

/** Whether a source is among the training data. */
function namesSource(text: string, source: ITableSource['source']): boolean {
  const train = new ConfigDocument(text).get(['data', 'train']);
  const sources = Array.isArray(train) ? train : [train];
  return sources.some(one => JSONExt.deepEqual(one ?? null, source));
}
