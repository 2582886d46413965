import { expect, test } from '@jupyterlab/galata';

import { expectAccessible, THEMES } from './accessibility';
import { openNotebook } from './notebooks';

const LOAD = `%load_ext llmtune_kernel
rows = [{"prompt": "a", "completion": "b"}]`;

const RUN = `%%finetune captain
data: $rows   # twelve`;

test.use({ kernels: null, sessions: null });
test.use({ viewport: { width: 1280, height: 1000 } });

test.describe('The configuration as text', () => {
  test.beforeEach(async ({ page, tmpPath }) => {
    await openNotebook(page, `${tmpPath}/text.ipynb`, [LOAD, RUN, '']);
    await page.notebook.runCell(0);
    await page.getByRole('tab', { name: 'Fine-tuning' }).click();
  });

  test('of a draft is found by the line that a message names, and mended there', async ({
    page
  }) => {
    await page.notebook.selectCells(2);
    const form = page.locator('#jp-llmtune-configure');
    const yaml = form.getByRole('button', { name: 'YAML', exact: true });
    const text = form.getByRole('textbox', { name: 'Configuration as YAML' });
    await yaml.click();
    await text.fill('data: $rows\ntraining:\n  max_steps: 5\n  epoch: 3');
    await expect(form.getByText('unknown key')).toBeVisible();
    await page.screenshot({ path: 'artefacts/sidebar-text.png' });
    for (const theme of THEMES) {
      await page.theme.setTheme(theme);
      await expectAccessible(page, '#jp-llmtune-configure');
    }
    await page.theme.setTheme(THEMES[0]);

    await yaml.click();
    await expect(text).toHaveCount(0);
    await expect(form.getByLabel('Training data').first()).toHaveValue('$rows');
    await form.getByRole('button', { name: 'line 4' }).click();
    await expect(text).toBeFocused();
    await page.keyboard.press('Delete');
    await expect(form.getByText('unknown key')).toHaveCount(0);
    await expect(text).toBeFocused();
    await page.keyboard.press('ControlOrMeta+Enter');
    await expect(page.locator('.jp-CodeCell').nth(3)).toContainText(
      /%%finetune run\d*data: \$rowstraining: {2}max_steps: 5/
    );
    await expect(text).toBeFocused();
  });

  test('of a cell has the lines of the cell, and goes into it', async ({
    page
  }) => {
    await page.notebook.selectCells(1);
    const form = page.locator('#jp-llmtune-configure');
    await form.getByRole('button', { name: 'YAML', exact: true }).click();
    const text = form.getByRole('textbox', { name: 'Configuration as YAML' });
    await expect(text).toHaveValue('data: $rows   # twelve');
    await text.press('End');
    await page.keyboard.type('\nmodel: [');
    await expect(page.locator('.jp-CodeCell').nth(1)).toContainText('model: [');
    await form.getByRole('button', { name: 'line 3' }).click();
    await page.keyboard.type('method: full');
    await form.getByRole('button', { name: 'YAML', exact: true }).click();
    await expect(
      form.getByRole('combobox', { name: 'Method' }).locator('option:checked')
    ).toHaveText(/^full/);
    await expect(page.locator('.jp-CodeCell').nth(1)).toContainText('# twelve');
  });
});

test('What keeps a configuration from running is said wherever the form is scrolled to, and found by a click', async ({
  page,
  tmpPath
}) => {
  await page.setViewportSize({ width: 1280, height: 600 });
  await openNotebook(page, `${tmpPath}/mistakes.ipynb`, [
    LOAD,
    '%%finetune a\ndata: $rows\ntraning: {max_steps: 5}',
    '%%finetune b\ndata: $rows\ntraining: {weight_decay: -3}'
  ]);
  await page.notebook.runCell(0);
  await page.getByRole('tab', { name: 'Fine-tuning' }).click();
  const form = page.locator('#jp-llmtune-configure');
  const strip = form.getByRole('region', { name: 'Before you run' });
  const run = form.getByRole('button', { name: 'Run', exact: true });
  await page.notebook.selectCells(1);
  await expect(form.getByText('unknown key')).toBeVisible();
  await form.getByText('Tracking', { exact: true }).scrollIntoViewIfNeeded();
  await expect(form.getByText('unknown key')).toBeInViewport();
  await expect(run).toBeDisabled();
  const text = form.getByRole('textbox', { name: 'Configuration as YAML' });
  await page.screenshot({ path: 'artefacts/mistake-pinned.png' });
  await strip.getByRole('button', { name: '1 mistake' }).click();
  await expect(text).toBeFocused();
  await form.getByRole('button', { name: 'YAML', exact: true }).click();

  await text.waitFor({ state: 'detached' });
  await page.notebook.selectCells(2);
  await strip.getByRole('button', { name: /\d+ mistake/ }).click();
  await page.screenshot({ path: 'artefacts/mistake-found.png' });
  await expect(form.locator('[aria-invalid]:focus')).toBeInViewport();
});
