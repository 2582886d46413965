import type { DocumentRegistry } from '@jupyterlab/docregistry';
import type { NotebookPanel } from '@jupyterlab/notebook';

import { Draft } from './draft';
import { idOf } from '../kept';
import type { IStateStore } from '../store';

/**
 * The draft of each notebook, shared by all its views.
 */
export class Drafts {
  /**
   * @param store - keeps drafts when the page is reloaded.
   */
  constructor(private readonly _store: IStateStore | null) {}

  of({ context }: NotebookPanel): Draft {
    let draft = this._drafts.get(context);
    if (!draft) {
      draft = new Draft();
      this._drafts.set(context, draft);
      if (this._store) {
        draft.restored = keep(draft, context, this._store);
      }
    }
    return draft;
  }

  private readonly _drafts = new WeakMap<DocumentRegistry.Context, Draft>();
}

/** Take a draft from the store, and put there what becomes of it. */
async function keep(
  draft: Draft,
  context: DocumentRegistry.Context,
  store: IStateStore
): Promise<void> {
  let key = idOf('draft', context.path);
  const text = await store.fetch(key);
  let isKept = typeof text === 'string';
  const save = () => {
    if (draft.isTouched) {
      isKept = true;
      void store.save(key, draft.text);
    } else if (isKept) {
      isKept = false;
      void store.remove(key);
    }
  };
  // A notebook that gets the old name later is another.
  const move = () => {
    if (isKept) {
      void store.remove(key);
    }
    key = idOf('draft', context.path);
    save();
  };
  if (draft.isTouched) {
    save();
  } else if (typeof text === 'string') {
    draft.replace(text);
  }
  draft.changed.connect(save);
  context.pathChanged.connect(move);
}
