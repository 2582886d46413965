import type { ISidebarContext } from '../context';

/**
 * The user's own configurations, which stand in the settings.
 */
export class SavedConfigurations {
  constructor(private readonly _context: Pick<ISidebarContext, 'settings'>) {}

  /** YAML by name. */
  get all(): { readonly [name: string]: string } {
    const saved = this._context.settings?.composite['configurations'];
    return (saved ?? {}) as { [name: string]: string };
  }

  async save(name: string, text: string): Promise<void> {
    await this._set({ ...this.all, [name]: text });
  }

  async delete(name: string): Promise<void> {
    const others = Object.entries(this.all).filter(([key]) => key !== name);
    await this._set(Object.fromEntries(others));
  }

  private async _set(all: { [name: string]: string }): Promise<void> {
    await this._context.settings?.set('configurations', all);
  }
}
