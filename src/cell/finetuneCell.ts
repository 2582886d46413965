import type { ICodeCellModel } from '@jupyterlab/cells';

import { Changing } from '../changing';
import type { IChange, IReplacement } from './document';
import { ConfigDocument } from './document';
import type { ICellSource, IHeader } from './source';
import { parseCell, renamed } from './source';

export type SharedCodeCell = ICodeCellModel['sharedModel'];

/**
 * A `%%finetune` cell of an open notebook.
 *
 * It changes when its source does, or whether it can be edited, by whomever; it is disposed once it is deleted, moved, or
 * no longer such a cell.
 */
export class FinetuneCell extends Changing {
  /**
   * @param shared - of a code cell whose source has a `%%finetune` header.
   */
  constructor(shared: SharedCodeCell) {
    super();
    this._shared = shared;
    this._parts = parseCell(shared.getSource()) ?? NO_PARTS;
    shared.changed.connect(this._onChanged, this);
    shared.disposed.connect(this.dispose, this);
  }

  get id(): string {
    return this._shared.getId();
  }

  get header(): IHeader {
    return this._parts.header;
  }

  /** The YAML below the header. */
  get text(): string {
    return this._parts.body;
  }

  /** How many lines of the cell stand before the YAML. */
  get textLine(): number {
    return this._parts.bodyLine;
  }

  /** Whether the notebook lets the user edit the cell. */
  get isEditable(): boolean {
    return this._shared.getMetadata('editable') !== false;
  }

  /** Whether it is the cell of a shared model. */
  isOf(shared: unknown): boolean {
    return this._shared === shared;
  }

  /**
   * Change values in the YAML, as one step to undo.
   *
   * @throws UnreadableError if the YAML cannot be read.
   */
  edit(changes: IChange[]): void {
    this._splice(new ConfigDocument(this.text).edit(changes));
  }

  /**
   * Put other YAML in the place of all there is, as one step to undo.
   */
  replace(text: string): void {
    if (text !== this.text) {
      this._splice([{ start: 0, end: this.text.length, text }]);
    }
  }

  /**
   * Give the run another name in the first line, as one step to undo.
   */
  rename(name: string): void {
    const { header, prefix } = this._parts;
    const end = prefix.length + header.line.length;
    this._write(shared =>
      shared.updateSource(prefix.length, end, renamed(header, name))
    );
  }

  private _splice(replacements: IReplacement[]): void {
    if (!replacements.length) {
      return;
    }
    const { bodyOffset } = this._parts;
    this._write(shared => {
      const needsLine = !shared.getSource().slice(0, bodyOffset).endsWith('\n');
      for (const { start, end, text } of replacements.slice().reverse()) {
        shared.updateSource(bodyOffset + start, bodyOffset + end, text);
      }
      if (needsLine) {
        shared.updateSource(bodyOffset, bodyOffset, '\n');
      }
    });
  }

  /** One step to undo; nothing where the cell may not be edited, or has become one of another kind. */
  private _write(write: (shared: SharedCodeCell) => void): void {
    const shared = this._shared;
    const isOther = parseCell(shared.getSource()) === null;
    if (this.isDisposed || isOther || !this.isEditable) {
      return;
    }
    this._startUndoStep();
    shared.transact(() => write(shared));
    this._startUndoStep();
  }

  /** Yjs joins edits that follow each other quickly into one step. */
  private _startUndoStep(): void {
    const { undoManager } = this._shared as SharedCodeCell & IUndoable;
    undoManager?.stopCapturing();
  }

  private _onChanged(
    _: SharedCodeCell,
    change: { sourceChange?: unknown; metadataChange?: unknown }
  ) {
    const parts = parseCell(this._shared.getSource());
    if ((change.sourceChange || change.metadataChange) && parts) {
      this._parts = parts;
      this.emit();
    }
  }

  private readonly _shared: SharedCodeCell;
  private _parts: ICellSource;
}

/** Of the cells of `@jupyter/ydoc`. */
interface IUndoable {
  undoManager?: { stopCapturing(): void } | null;
}

const NO_PARTS: ICellSource = {
  prefix: '',
  header: { line: '', name: null, options: [] },
  body: '',
  bodyOffset: 0,
  bodyLine: 0
};
