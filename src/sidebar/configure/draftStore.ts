/**
 * Where drafts are kept by id; JupyterLab's `IStateDB` is one.
 */
export interface IDraftStore {
  fetch(id: string): Promise<unknown>;
  save(id: string, text: string): Promise<unknown>;
  remove(id: string): Promise<unknown>;
}

/**
 * Keeps drafts in the page, too: JupyterLab writes over the network, a while later, and a page that goes does not wait.
 */
export class PageDraftStore implements IDraftStore {
  /**
   * @param page - keeps texts by id at once, as the session storage of a page does.
   * @param prefix - sets the drafts of one server apart from those of others.
   */
  constructor(
    private readonly _store: IDraftStore,
    private readonly _page: Storage,
    private readonly _prefix: string
  ) {}

  async fetch(id: string): Promise<unknown> {
    return this._page.getItem(this._prefix + id) ?? this._store.fetch(id);
  }

  async save(id: string, text: string): Promise<void> {
    this._page.setItem(this._prefix + id, text);
    await this._store.save(id, text);
  }

  async remove(id: string): Promise<void> {
    this._page.removeItem(this._prefix + id);
    await this._store.remove(id);
  }
}
