import type { IJupyterLabPageFixture } from '@jupyterlab/galata';
import { expect, test } from '@jupyterlab/galata';

import { openNotebook } from './notebooks';

test.describe('A newcomer', () => {
  test('opens the quickstart notebook from the launcher', async ({ page }) => {
    await page.getByText('Fine-tune a model', { exact: true }).click();
    await expect(
      page.getByRole('tab', { name: 'quickstart.ipynb' })
    ).toBeVisible();
    await expect(
      page.getByText('%load_ext llmtune_kernel').first()
    ).toBeVisible();
    await page.screenshot({ path: 'artefacts/quickstart.png' });
  });

  test('keeps a quickstart notebook that was edited', async ({
    page,
    tmpPath
  }) => {
    await openNotebook(page, `${tmpPath}/quickstart.ipynb`, ['"mine"']);
    await page.evaluate(async cwd => {
      const { commands } = (window as any).jupyterapp;
      await commands.execute('llmtune:open-quickstart', { cwd });
    }, tmpPath);
    await expect(page.getByText('"mine"')).toBeVisible();
    expect(await page.notebook.getCellCount()).toBe(1);
  });

  test('inserts a fine-tuning cell from the palette, with the line that loads the extension', async ({
    page,
    tmpPath
  }) => {
    await openNotebook(page, `${tmpPath}/own.ipynb`, ['data = []']);
    for (const count of [3, 4]) {
      await page.menu.clickMenuItem('View>Activate Command Palette');
      await page.locator('.lm-CommandPalette-input').fill('fine-tuning cell');
      await page
        .locator('.lm-CommandPalette-item')
        .filter({ hasText: 'Insert a Fine-tuning Cell' })
        .click();
      await expect.poll(() => sources(page)).toHaveLength(count);
    }
    const [own, load, first, second] = await sources(page);
    expect(own).toBe('data = []');
    expect(load).toBe('%load_ext llmtune_kernel');
    const [name, other] = [first, second].map(
      cell => /^%%finetune (run\d*)\n/.exec(cell)![1]
    );
    expect(other).not.toBe(name);
    expect(second).toBe(first.replace(name, other));
  });
});

function sources(page: IJupyterLabPageFixture): Promise<string[]> {
  return page.evaluate(() => {
    const { content } = (window as any).jupyterapp.shell.currentWidget;
    return [...content.model.cells].map(cell => cell.sharedModel.source);
  });
}
