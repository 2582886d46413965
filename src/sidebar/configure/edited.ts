import type { NotebookPanel } from '@jupyterlab/notebook';

import { JSONExt } from '@lumino/coreutils';
import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { IChange } from '../../cell/document';
import { ConfigDocument } from '../../cell/document';
import type { SharedCodeCell } from '../../cell/finetuneCell';
import { FinetuneCell } from '../../cell/finetuneCell';
import type { CellTracker } from '../../cell/tracker';
import type { IConfigurationText } from './draft';
import { Draft } from './draft';

/**
 * Where drafts are kept by id; JupyterLab's `IStateDB` is one.
 */
export interface IDraftStore {
  fetch(id: string): Promise<unknown>;
  save(id: string, text: string): Promise<unknown>;
}

/**
 * The configuration that the form shows and edits: that of the chosen cell, or the draft of the current notebook.
 *
 * What is typed is written when the typing pauses, so that it is one step to undo; it is shown at once.
 */
export class EditedConfiguration implements IDisposable {
  /**
   * @param store - keeps drafts when the page is reloaded.
   */
  constructor(cells: CellTracker, store: IDraftStore | null = null) {
    this._cells = cells;
    this._store = store;
    cells.currentChanged.connect(this._follow, this);
    this._follow();
  }

  /** Null if the form edits a draft. */
  get cell(): FinetuneCell | null {
    return this._cell;
  }

  get draft(): Draft {
    return this._draft;
  }

  get panel(): NotebookPanel | null {
    return this._panel;
  }

  /** With all edits, also those that are not written yet. */
  get document(): ConfigDocument {
    return this._document;
  }

  get text(): string {
    return this._document.text;
  }

  /** How many lines of the cell stand before the YAML. */
  get linesBefore(): number {
    return this._cell?.textLine ?? 0;
  }

  get isEditable(): boolean {
    return this._document.problem === null && (this._cell?.isEditable ?? true);
  }

  /** Emitted when the text is another, or is in another place. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    if (!this._isDisposed) {
      this.flush();
      this._isDisposed = true;
      this._cells.currentChanged.disconnect(this._follow, this);
      this._source.changed.disconnect(this._update, this);
      Signal.clearData(this);
    }
  }

  /** Show the draft of the notebook that is current, whatever cell is chosen there. */
  refresh(): void {
    this._follow();
  }

  /**
   * @param isTyped - whether more of the same may follow.
   */
  change(changes: IChange[], isTyped: boolean): void {
    if (!changes.length || !this.isEditable) {
      return;
    }
    const isSame = (one: IChange, other: IChange) =>
      JSONExt.deepEqual(one.path, other.path);
    this._pending = [
      ...this._pending.filter(
        before => !changes.some(change => isSame(before, change))
      ),
      ...changes
    ];
    window.clearTimeout(this._timer);
    if (isTyped) {
      this._timer = window.setTimeout(() => this.flush(), PAUSE);
      this._update();
    } else {
      this.flush();
    }
  }

  /** Write what is not written yet. */
  flush(): void {
    window.clearTimeout(this._timer);
    const changes = this._pending;
    // Where the text cannot be read, edits wait until it is mended.
    if (!changes.length || new ConfigDocument(this._source.text).problem) {
      return;
    }
    this._pending = [];
    if (this._cell?.isDisposed) {
      this._writeTo(this._id, changes);
    } else {
      this._source.edit(changes);
    }
    this._update();
  }

  /** Put another configuration in the place of this one. */
  replace(text: string): void {
    this.flush();
    this._pending = [];
    this._source.replace(text);
  }

  private _follow(): void {
    this.flush();
    this._pending = [];
    this._source.changed.disconnect(this._update, this);
    this._cell = this._cells.current;
    this._id = this._cell?.id ?? '';
    this._panel = this._cells.panel;
    this._draft = this._draftOf(this._panel);
    this._source.changed.connect(this._update, this);
    this._update();
  }

  private _update(): void {
    const written = new ConfigDocument(this._source.text);
    this._document =
      this._pending.length && !written.problem
        ? new ConfigDocument(written.apply(this._pending))
        : written;
    this._changed.emit();
  }

  private _draftOf(panel: NotebookPanel | null): Draft {
    if (!panel) {
      return new Draft();
    }
    let draft = this._drafts.get(panel);
    if (!draft) {
      draft = new Draft();
      this._drafts.set(panel, draft);
      void this._keep(panel, draft);
    }
    return draft;
  }

  /** Take a draft from the store, and put there what becomes of it. */
  private async _keep(panel: NotebookPanel, draft: Draft): Promise<void> {
    const store = this._store;
    if (!store) {
      return;
    }
    const save = () => {
      if (draft.isTouched) {
        void store.save(storeKey(panel), draft.text);
      }
    };
    draft.changed.connect(save);
    panel.context.pathChanged.connect(save);
    const text = await store.fetch(storeKey(panel));
    if (typeof text === 'string' && !draft.isTouched) {
      draft.replace(text);
    }
  }

  /** Write to a cell that is no longer chosen. */
  private _writeTo(id: string, changes: IChange[]): void {
    const found = this._panel?.content.widgets.find(
      ({ model }) => model.sharedModel.getId() === id
    );
    if (found) {
      const cell = new FinetuneCell(found.model.sharedModel as SharedCodeCell);
      cell.edit(changes);
      cell.dispose();
    }
  }

  private get _source(): IConfigurationText {
    return this._cell ?? this._draft;
  }

  private readonly _cells: CellTracker;
  private readonly _store: IDraftStore | null;
  private readonly _drafts = new WeakMap<NotebookPanel, Draft>();
  private _cell: FinetuneCell | null = null;
  private _id = '';
  private _panel: NotebookPanel | null = null;
  private _draft = new Draft();
  private _document = new ConfigDocument('');
  private _pending: IChange[] = [];
  private _timer = 0;
  private _isDisposed = false;
  private readonly _changed = new Signal<this, void>(this);
}

function storeKey(panel: NotebookPanel): string {
  return `jupyterlab-llmtune:draft:${panel.context.path}`;
}

const PAUSE = 400;
