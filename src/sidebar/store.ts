import type { ReadonlyPartialJSONValue } from '@lumino/coreutils';

/**
 * Where states are kept by id; JupyterLab's `IStateDB` is one.
 */
export interface IStateStore {
  fetch(id: string): Promise<unknown>;
  save(id: string, state: ReadonlyPartialJSONValue): Promise<unknown>;
  remove(id: string): Promise<unknown>;
}

/**
 * Keeps states in the page, too: JupyterLab writes over the network, a while later, and a page that goes does not wait.
 */
export class PageStore implements IStateStore {
  /**
   * @param page - keeps texts by id at once, as the session storage of a page does.
   * @param prefix - sets the states of one server apart from those of others.
   */
  constructor(
    private readonly _store: IStateStore,
    private readonly _page: Storage,
    private readonly _prefix: string
  ) {}

  async fetch(id: string): Promise<unknown> {
    const kept = this._page.getItem(this._prefix + id);
    return kept === null ? this._store.fetch(id) : JSON.parse(kept);
  }

  async save(id: string, state: ReadonlyPartialJSONValue): Promise<void> {
    this._page.setItem(this._prefix + id, JSON.stringify(state));
    await this._store.save(id, state);
  }

  async remove(id: string): Promise<void> {
    this._page.removeItem(this._prefix + id);
    await this._store.remove(id);
  }
}
