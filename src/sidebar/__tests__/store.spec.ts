import { PageStore } from '../store';

describe('PageStore', () => {
  it('has what was saved just before the page was reloaded', async () => {
    // JupyterLab's store does not come to write it.
    const slow = {
      fetch: async () => undefined,
      save: () => new Promise(() => undefined),
      remove: async () => undefined
    };
    const create = () => new PageStore(slow, sessionStorage, '/');
    void create().save('draft', 'data: $df');
    expect(await create().fetch('draft')).toBe('data: $df');
    await create().remove('draft');
    expect(await create().fetch('draft')).toBeUndefined();
  });
});
