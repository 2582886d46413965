import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { IChange } from '../../cell/document';
import { ConfigDocument } from '../../cell/document';

/**
 * YAML that the form fills and rewrites: that of a cell, or a draft.
 */
export interface IConfigurationText {
  readonly text: string;
  readonly isEditable: boolean;
  readonly changed: ISignal<unknown, void>;
  edit(changes: IChange[]): void;
  replace(text: string): void;
}

/**
 * A configuration that is in no cell yet.
 */
export class Draft implements IConfigurationText {
  constructor(private _text = '') {}

  get text(): string {
    return this._text;
  }

  readonly isEditable = true;

  /** Once it says what it said before a reload of the page. */
  restored: Promise<void> = Promise.resolve();

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Whether the user has changed it. */
  get isTouched(): boolean {
    return this._before.length > 0;
  }

  edit(changes: IChange[]): void {
    this.replace(new ConfigDocument(this._text).apply(changes));
  }

  replace(text: string): void {
    if (text !== this._text) {
      this._before.push(this._text);
      this._set(text);
    }
  }

  /** Take back the last edit. */
  undo(): void {
    const text = this._before.pop();
    if (text !== undefined) {
      this._set(text);
    }
  }

  /** What a draft begins with. */
  begin(text: string): void {
    if (!this.isTouched) {
      this._set(text);
    }
  }

  private _set(text: string): void {
    if (text !== this._text) {
      this._text = text;
      this._changed.emit();
    }
  }

  private readonly _before: string[] = [];
  private readonly _changed = new Signal<this, void>(this);
}
