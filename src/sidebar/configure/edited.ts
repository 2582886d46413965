import type { NotebookPanel } from '@jupyterlab/notebook';

import { JSONExt } from '@lumino/coreutils';

import { Changing } from '../../changing';
import type { IChange } from '../../cell/document';
import { ConfigDocument } from '../../cell/document';
import type { SharedCodeCell } from '../../cell/finetuneCell';
import { FinetuneCell } from '../../cell/finetuneCell';
import { withPlainLines } from '../../cell/lines';
import { parseCell } from '../../cell/source';
import type { CellTracker } from '../../cell/tracker';
import type { IConfigurationText } from './draft';
import { Draft } from './draft';
import { Drafts } from './drafts';
import type { IStateStore } from '../store';

const EMPTY = new ConfigDocument('');

/**
 * The configuration that the form shows and edits: that of the chosen cell, or the draft of the current notebook.
 *
 * What is typed is written when the typing pauses, so that it is one step to undo; it is shown at once.
 * It changes when the text is another, or is in another place.
 */
export class EditedConfiguration extends Changing {
  /**
   * @param store - keeps drafts when the page is reloaded.
   */
  constructor(cells: CellTracker, store: IStateStore | null = null) {
    super();
    this._cells = cells;
    this._drafts = new Drafts(store);
    cells.currentChanged.connect(this._follow, this);
    // Before JupyterLab looks whether the notebook has to be saved.
    window.addEventListener('beforeunload', this._onLeave, true);
    window.addEventListener('pagehide', this._onLeave, true);
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

  /** What the fields show: while the text cannot be read, what it said before. */
  get readable(): ConfigDocument {
    return this._readable;
  }

  /** The same in our YAML: a LLaMA-Factory file as it was last translated, if it could be. */
  get ours(): ConfigDocument {
    const isOurs = !this._readable.isForeign;
    return isOurs ? this._readable : (this._translation ?? EMPTY);
  }

  /** A LLaMA-Factory file in our YAML; null if it is none, or cannot be translated. */
  get translation(): string | null {
    return this._readable.isForeign ? (this._translation?.text ?? null) : null;
  }

  /** Take what the kernel translated. */
  translate(text: string | null): void {
    if (text !== (this._translation?.text ?? null)) {
      this._translation = text === null ? null : new ConfigDocument(text);
      this.emit();
    }
  }

  /** Tells one cell or draft from another. */
  get place(): string {
    return this._id || (this._panel?.id ?? '');
  }

  /** How many lines of the cell stand before the YAML. */
  get linesBefore(): number {
    return this._cell?.textLine ?? 0;
  }

  get isEditable(): boolean {
    const { problem, isForeign } = this._document;
    return problem === null && !isForeign && this.canReplace;
  }

  /** Whether other YAML can be put in the place of this. */
  get canReplace(): boolean {
    return this._source.isEditable;
  }

  protected onDispose(): void {
    this.flush();
    window.clearTimeout(this._timer);
    window.removeEventListener('beforeunload', this._onLeave, true);
    window.removeEventListener('pagehide', this._onLeave, true);
  }

  /** Show the draft of the notebook that is current, whatever cell is chosen there. */
  refresh(): void {
    this._follow();
  }

  /**
   * @param isTyped - whether more of the same may follow.
   */
  change(changes: IChange[], isTyped = false): void {
    if (!changes.length || !this.isEditable) {
      return;
    }
    this._flushText();
    const isSame = (one: IChange, other: IChange) =>
      JSONExt.deepEqual(one.path, other.path);
    this._pending = [
      ...this._pending.filter(
        before => !changes.some(change => isSame(before, change))
      ),
      ...changes
    ];
    if (isTyped) {
      this._update();
    } else {
      this.flush();
    }
  }

  /** Take the whole text as it is typed. */
  type(text: string): void {
    if (this.canReplace) {
      this._flushChanges();
      this._typed = text;
      this._update();
    }
  }

  /** Write what is not written yet. */
  flush(): void {
    window.clearTimeout(this._timer);
    this._flushText();
    this._flushChanges();
  }

  /** Put another configuration in the place of this one, unless it may not be edited. */
  replace(text: string): void {
    if (this.canReplace) {
      this.flush();
      this._pending = [];
      this._forget();
      this._source.replace(withPlainLines(text));
      // A source that said the same already is silent.
      this._update();
    }
  }

  private _flushText(): void {
    const text = this._typed;
    if (text !== null) {
      this._typed = null;
      this._write(target => target.replace(text));
    }
  }

  /** Changes wait while the text cannot be read. */
  private _flushChanges(): void {
    const changes = this._pending;
    if (changes.length) {
      this._write(target => {
        if (!new ConfigDocument(target.text).problem) {
          this._pending = [];
          target.edit(changes);
        }
      });
    }
  }

  private _write(write: (target: IConfigurationText) => void): void {
    const target = this._target();
    if (!target?.isEditable) {
      return;
    }
    write(target);
    if (target instanceof FinetuneCell && target !== this._cell) {
      target.dispose();
    }
    this._update();
  }

  private _follow(): void {
    this.flush();
    this._putBy();
    this._source.changed.disconnect(this._update, this);
    const { place } = this;
    this._cell = this._cells.current;
    this._id = this._cell?.id ?? '';
    this._panel = this._cells.panel;
    this._draft = this._panel ? this._drafts.of(this._panel) : new Draft();
    this._pending = this._waiting.get(this._id) ?? [];
    this._waiting.delete(this._id);
    if (this.place !== place) {
      this._forget();
    }
    this._source.changed.connect(this._update, this);
    this._update();
  }

  /** What could be read was another configuration. */
  private _forget(): void {
    this._readable = EMPTY;
    this._translation = null;
  }

  private _update(): void {
    const written = new ConfigDocument(this._typed ?? this._source.text);
    this._document =
      this._pending.length && !written.problem
        ? new ConfigDocument(written.apply(this._pending))
        : written;
    if (!written.problem) {
      this._readable = this._document;
    }
    this._flushSoon();
    this.emit();
  }

  private _flushSoon(): void {
    const { problem } = this._document;
    window.clearTimeout(this._timer);
    if (this._typed !== null || (this._pending.length && !problem)) {
      this._timer = window.setTimeout(() => this.flush(), PAUSE);
      if (this._cell && this._panel) {
        // JupyterLab asks before it closes a notebook with changes: this one has some.
        this._panel.context.model.dirty = true;
      }
    }
  }

  /** Edits of a cell that cannot be read wait until it is chosen again. */
  private _putBy(): void {
    if (this._pending.length && this._id) {
      this._waiting.set(this._id, this._pending);
    }
    this._pending = [];
  }

  /** Where edits go: a cell may be no longer chosen, or none of this kind any more. */
  private _target(): IConfigurationText | null {
    if (!this._cell?.isDisposed) {
      return this._source;
    }
    const model = this._panel?.content.widgets.find(
      ({ model }) => model.sharedModel.getId() === this._id
    )?.model;
    return model?.type === 'code' && parseCell(model.sharedModel.getSource())
      ? new FinetuneCell(model.sharedModel as SharedCodeCell)
      : null;
  }

  private get _source(): IConfigurationText {
    return this._cell ?? this._draft;
  }

  private readonly _cells: CellTracker;
  private readonly _drafts: Drafts;
  /** Edits that could not be written, by the id of their cell. */
  private readonly _waiting = new Map<string, IChange[]>();
  private readonly _onLeave = () => this.flush();
  private _cell: FinetuneCell | null = null;
  private _id = '';
  private _panel: NotebookPanel | null = null;
  private _draft = new Draft();
  private _document = EMPTY;
  private _readable = EMPTY;
  /** Of this place. */
  private _translation: ConfigDocument | null = null;
  private _pending: IChange[] = [];
  /** The whole text, where it is not written yet. */
  private _typed: string | null = null;
  private _timer = 0;
}

const PAUSE = 400;
