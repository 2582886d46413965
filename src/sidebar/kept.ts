import type { DocumentRegistry } from '@jupyterlab/docregistry';
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { Contents } from '@jupyterlab/services';

import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import { JSONExt } from '@lumino/coreutils';
import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';

import type { IStateStore } from './store';

/**
 * What a user did in a section, which a reload of the page shall not lose.
 */
export interface IKept extends IDisposable {
  /** All that is needed to be the same again. */
  readonly state: ReadonlyPartialJSONObject;
  readonly changed: ISignal<this, void>;
  restore(state: ReadonlyPartialJSONObject): void;
}

/**
 * One of a kind for each notebook, as long as that is open, and one for no notebook.
 */
export class PerNotebook<T extends IKept> implements IDisposable {
  constructor(private readonly _options: PerNotebook.IOptions<T>) {}

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    if (!this._isDisposed) {
      this._isDisposed = true;
      this._all.forEach(one => one.dispose());
      this._all.clear();
    }
  }

  of(panel: NotebookPanel | null): T {
    return this._all.get(panel) ?? this._add(panel);
  }

  private _add(panel: NotebookPanel | null): T {
    const { create, name, store } = this._options;
    const one = create(panel);
    this._all.set(panel, one);
    panel?.disposed.connect(() => {
      this._all.delete(panel);
      one.dispose();
    });
    if (panel && store) {
      void keep(one, panel.context, name, store);
    }
    return one;
  }

  private readonly _all = new Map<NotebookPanel | null, T>();
  private _isDisposed = false;
}

export namespace PerNotebook {
  export interface IOptions<T> {
    /** Of the kind, as a part of ids. */
    name: Kind;
    /** Keeps states when the page is reloaded. */
    store: IStateStore | null;
    create: (panel: NotebookPanel | null) => T;
  }
}

/** Take a state from the store, unless something was done meanwhile, and put there what becomes of it. */
async function keep(
  one: IKept,
  { path, pathChanged }: DocumentRegistry.Context,
  name: Kind,
  store: IStateStore
): Promise<void> {
  let id = idOf(name, path);
  let known = one.state;
  const save = () => {
    const { state } = one;
    if (!JSONExt.deepEqual(state, known)) {
      known = state;
      void store.save(id, state);
    }
  };
  // A notebook that gets the old name later is another.
  pathChanged.connect((_, path) => {
    if (!one.isDisposed) {
      void store.remove(id);
      id = idOf(name, path);
      void store.save(id, one.state);
    }
  });
  const state = await store.fetch(id);
  if (one.isDisposed) {
    return;
  }
  if (state && JSONExt.deepEqual(one.state, known)) {
    known = state as ReadonlyPartialJSONObject;
    one.restore(known);
  }
  one.changed.connect(save);
  save();
}

/**
 * Forget what was kept of notebooks that are deleted, or of which a new one takes the name.
 */
export function forgetDeleted(
  contents: Pick<Contents.IManager, 'fileChanged'>,
  store: IStateStore
): void {
  contents.fileChanged.connect((_, { type, oldValue, newValue }) => {
    const gone =
      type === 'delete' ? oldValue : type === 'new' ? newValue : null;
    const path = gone?.path;
    if (path) {
      KINDS.forEach(kind => void store.remove(idOf(kind, path)));
    }
  });
}

/** What is kept of a notebook. */
type Kind = (typeof KINDS)[number];

const KINDS = ['draft', 'loaded', 'playground', 'runs'] as const;

export function idOf(name: Kind, path: string): string {
  return `jupyterlab-llmtune:${name}:${path}`;
}
