import type { ICellModel } from '@jupyterlab/cells';
import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { SharedCodeCell } from './finetuneCell';
import { FinetuneCell } from './finetuneCell';
import { parseCell } from './source';

export { FinetuneCell };

/**
 * Knows the `%%finetune` cell that the user has chosen: the active cell of the current notebook, if it is one.
 */
export class CellTracker implements IDisposable {
  constructor(notebooks: INotebookTracker) {
    this._notebooks = notebooks;
    notebooks.currentChanged.connect(this._update, this);
    notebooks.activeCellChanged.connect(this._update, this);
    this._update();
  }

  /** The current notebook. */
  get panel(): NotebookPanel | null {
    return this._notebooks.currentWidget;
  }

  get current(): FinetuneCell | null {
    return this._current;
  }

  get currentChanged(): ISignal<this, FinetuneCell | null> {
    return this._currentChanged;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    if (!this._isDisposed) {
      this._isDisposed = true;
      this._current?.dispose();
      Signal.clearData(this);
    }
  }

  private _update(): void {
    const shared = this.panel?.content.activeCell?.model?.sharedModel ?? null;
    if (this._active !== shared) {
      this._active?.changed.disconnect(this._update, this);
      this._active = shared;
      shared?.changed.connect(this._update, this);
    }
    const isChosen =
      shared?.cell_type === 'code' && parseCell(shared.getSource()) !== null;
    if (this._current?.isOf(shared) ? isChosen : !this._current && !isChosen) {
      return;
    }
    const last = this._current;
    this._current = isChosen
      ? new FinetuneCell(shared as SharedCodeCell)
      : null;
    last?.dispose();
    this._currentChanged.emit(this._current);
  }

  private readonly _notebooks: INotebookTracker;
  private _active: ICellModel['sharedModel'] | null = null;
  private _current: FinetuneCell | null = null;
  private _isDisposed = false;
  private readonly _currentChanged = new Signal<this, FinetuneCell | null>(
    this
  );
}
