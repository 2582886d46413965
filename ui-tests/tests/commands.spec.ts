import type { IJupyterLabPageFixture } from '@jupyterlab/galata';
import { expect, test } from '@jupyterlab/galata';

import { openNotebook } from './notebooks';

const LOAD = `%load_ext llmtune_kernel
rows = [{"prompt": f"Count to {n}", "completion": "one, two"} for n in range(16)]`;

const RUN = `%%finetune steered
data: $rows
training: {max_steps: 4000}`;

const MINUTE = 60_000;

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

test.describe('The palette, with the sidebar never shown,', () => {
  // Galata's stand-in for the kernel service does not see what a kernel has.
  test.use({ kernels: null, sessions: null });

  test('pauses and stops a run, and says when there is none', async ({
    page,
    tmpPath
  }) => {
    test.setTimeout(4 * MINUTE);
    await openNotebook(page, `${tmpPath}/steer.ipynb`, [LOAD, RUN]);
    await page.notebook.runCell(0);
    await choose(page, 'Pause the Run');
    await expect(page.getByText('No run is training.')).toBeVisible();
    await page.notebook.runCell(1);
    const output = page.locator('.jp-OutputArea');
    await expect(output.getByText('training').first()).toBeVisible({
      timeout: MINUTE
    });
    await choose(page, 'Pause the Run');
    await expect(output.getByText('paused').first()).toBeVisible({
      timeout: MINUTE
    });
    await choose(page, 'Stop the Run');
    await page
      .locator('.jp-Dialog')
      .getByRole('button', { name: /Stop/ })
      .click();
    await expect(output.getByText('stopped').first()).toBeVisible({
      timeout: MINUTE
    });
    await expect(page.locator('#jp-llmtune-sidebar')).toBeHidden();
  });

  test('shows the form where the chosen cell cannot be run, and inserts the draft', async ({
    page,
    tmpPath
  }) => {
    await openNotebook(page, `${tmpPath}/run.ipynb`, [LOAD, '%%finetune\n']);
    await page.notebook.runCell(0);
    await page.notebook.selectCells(1);
    await choose(page, 'Run the Configuration');
    await expect(page.locator('.jp-toast-message')).toHaveText(
      'Choose the training data.'
    );
    await expect(page.locator('#jp-llmtune-configure')).toBeVisible();
    await page.notebook.selectCells(0);
    await choose(page, 'Insert the Configuration as a Cell');
    await expect.poll(() => sources(page)).toHaveLength(3);
    expect((await sources(page))[1]).toMatch(/^%%finetune run/);
  });

  test('applies a preset to the chosen cell', async ({ page, tmpPath }) => {
    const cell = '%%finetune\ndata: $rows # mine';
    await openNotebook(page, `${tmpPath}/preset.ipynb`, [LOAD, cell]);
    await page.notebook.runCell(0);
    await page.notebook.selectCells(1);
    await choose(page, 'Apply a Preset');
    const dialog = page.locator('.jp-Dialog');
    await dialog.getByRole('combobox').selectOption('Quick try');
    await dialog.getByRole('button', { name: 'Apply' }).click();
    await expect
      .poll(async () => (await sources(page))[1])
      .toMatch(/train: \$rows # mine[^]*max_steps: 20/);
  });
});

async function choose(
  page: IJupyterLabPageFixture,
  command: string
): Promise<void> {
  await page.menu.clickMenuItem('View>Activate Command Palette');
  await page.locator('.lm-CommandPalette-input').fill(command);
  await page
    .locator('.lm-CommandPalette-item:not(.lm-mod-disabled)')
    .filter({ hasText: command })
    .first()
    .click();
}

function sources(page: IJupyterLabPageFixture): Promise<string[]> {
  return page.evaluate(() => {
    const { content } = (window as any).jupyterapp.shell.currentWidget;
    return [...content.model.cells].map(cell => cell.sharedModel.source);
  });
}
