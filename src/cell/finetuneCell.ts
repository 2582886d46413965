import type { ICodeCellModel } from '@jupyterlab/cells';

import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { IChange, IReplacement } from './document';
import { ConfigDocument } from './document';
import type { ICellSource, IHeader } from './source';
import { parseCell } from './source';

export type SharedCodeCell = ICodeCellModel['sharedModel'];

/**
 * A `%%finetune` cell of an open notebook.
 */
export class FinetuneCell implements IDisposable {
  /**
   * @param shared - of a code cell whose source has a `%%finetune` header.
   */
  constructor(shared: SharedCodeCell) {
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

  /** Emitted when the source changes, by whomever. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** True once the cell is deleted, moved, or no longer a `%%finetune` cell. */
  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    if (!this._isDisposed) {
      this._isDisposed = true;
      Signal.clearData(this);
    }
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

  private _splice(replacements: IReplacement[]): void {
    if (this._isDisposed || !replacements.length) {
      return;
    }
    const shared = this._shared;
    const { bodyOffset } = this._parts;
    const source = shared.getSource();
    const needsLine = !source.slice(0, bodyOffset).endsWith('\n');
    this._startUndoStep();
    shared.transact(() => {
      for (const { start, end, text } of replacements.slice().reverse()) {
        shared.updateSource(bodyOffset + start, bodyOffset + end, text);
      }
      if (needsLine) {
        shared.updateSource(bodyOffset, bodyOffset, '\n');
      }
    });
    this._startUndoStep();
  }

  /** Yjs joins edits that follow each other quickly into one step. */
  private _startUndoStep(): void {
    const { undoManager } = this._shared as SharedCodeCell & IUndoable;
    undoManager?.stopCapturing();
  }

  private _onChanged(_: SharedCodeCell, change: { sourceChange?: unknown }) {
    const parts = parseCell(this._shared.getSource());
    if (change.sourceChange && parts) {
      this._parts = parts;
      this._changed.emit();
    }
  }

  private readonly _shared: SharedCodeCell;
  private _parts: ICellSource;
  private _isDisposed = false;
  private readonly _changed = new Signal<this, void>(this);
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
