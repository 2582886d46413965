import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';
import type { Widget } from '@lumino/widgets';
import { SplitPanel } from '@lumino/widgets';

import type { IStateStore } from '../sidebar/store';

/**
 * Something with something else that comes and goes beside it, or below where the room is narrow.
 *
 * How the user parts the room is kept.
 */
export class Beside extends SplitPanel {
  constructor(main: Widget, other: Widget, store: IStateStore | null) {
    super({ spacing: 4 });
    this._other = other;
    this._store = store;
    other.hide();
    this.addWidget(main);
    this.addWidget(other);
    this.handleMoved.connect(this._onMoved, this);
    void this._load();
  }

  /** Emitted when the room may be parted in another way. */
  get parted(): ISignal<this, void> {
    return this._parted;
  }

  /** Whether the other one takes of the width. */
  get isNarrowed(): boolean {
    return this.isOpen && this.orientation === 'horizontal';
  }

  get isOpen(): boolean {
    return !this._other.isHidden;
  }

  set isOpen(isOpen: boolean) {
    if (isOpen !== this.isOpen) {
      this._other.setHidden(!isOpen);
      this._part();
    }
  }

  protected onResize(message: Widget.ResizeMessage): void {
    super.onResize(message);
    const { clientHeight, clientWidth } = this.node;
    const isWide = clientWidth > WIDE * clientHeight;
    const orientation = isWide ? 'horizontal' : 'vertical';
    if (clientHeight > 0 && orientation !== this.orientation) {
      this.orientation = orientation;
      this._part();
    }
  }

  private _part(): void {
    this.setRelativeSizes(
      this.isOpen ? [1 - this._share, this._share] : [1, 0]
    );
    this._parted.emit();
  }

  private _onMoved(): void {
    this._share = this.relativeSizes()[1];
    void this._store?.save(KEY, { share: this._share });
  }

  private async _load(): Promise<void> {
    const kept = (await this._store?.fetch(KEY)) as { share?: unknown } | null;
    const share = kept?.share;
    if (typeof share === 'number' && share > 0 && share < 1) {
      this._share = share;
      this._part();
    }
  }

  private readonly _other: Widget;
  private readonly _store: IStateStore | null;
  private _share = 0.5;
  private readonly _parted = new Signal<this, void>(this);
}

/** The id of the state. */
const KEY = 'llmtune-inspector:row';

/** From which ratio of width to height there is room beside. */
const WIDE = 1.5;
