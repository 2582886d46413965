import { expect, test } from '@jupyterlab/galata';
import { openNotebook } from './notebooks';
const LOAD = `%load_ext llmtune_kernel
rows = [{"prompt": "a%d" % i, "completion": "b"} for i in range(40)]
others = [{"prompt": "c", "completion": "d"}] * 3`;
test.use({
  kernels: null,
  sessions: null,
  viewport: { width: 1000, height: 1000 }
});
test('look', async ({ page, tmpPath }) => {
  await openNotebook(page, `${tmpPath}/look.ipynb`, [LOAD, '']);
  await page.contents.uploadContent(
    '{"prompt":"a","completion":"b"}\n',
    'text',
    `${tmpPath}/data.jsonl`
  );
  await page.notebook.runCell(0);
  await page.getByRole('tab', { name: 'Fine-tuning' }).click();
  const form = page.locator('#jp-llmtune-configure');
  const train = form.getByRole('combobox', { name: 'Training data' });
  await train.click();
  await expect(form.getByRole('option').first()).toBeVisible();
  await page.screenshot({ path: 'artefacts/f2-1.png' });
  await train.press('ArrowDown');
  await train.press('ArrowDown');
  await train.press('Enter');
  await expect(train).toHaveValue('$rows');
  await form.getByRole('combobox', { name: 'Model' }).click();
  await page.screenshot({ path: 'artefacts/f2-2.png' });
  await form.getByRole('combobox', { name: 'Model' }).press('Escape');
  await form.getByRole('textbox', { name: 'Learning rate' }).fill('-1');
  await form.getByRole('textbox', { name: 'Learning rate' }).press('Tab');
  await expect(form.getByText(/must be auto/)).toBeVisible();
  await form.getByText(/must be auto/).scrollIntoViewIfNeeded();
  await page.screenshot({ path: 'artefacts/f2-3.png' });
  await form.getByRole('textbox', { name: 'Learning rate' }).fill('2e-4');
  await form.getByRole('textbox', { name: 'Learning rate' }).press('Tab');
  await form.getByText(/Before you run/).click();
  await expect(form.getByText(/steps ·/)).toBeVisible({ timeout: 120000 });
  await page.screenshot({ path: 'artefacts/f2-4.png' });
  await form.getByRole('button', { name: /Choose a file/ }).click();
  await page.locator('.jp-Dialog').getByText('data.jsonl').click();
  await page.screenshot({ path: 'artefacts/f2-5.png' });
  await page
    .locator('.jp-Dialog')
    .locator('.jp-mod-accept')
    .click();
  await expect(train).toHaveValue('data.jsonl');
  await form.getByText('Presets').click();
  await form.getByText('Quick try').click();
  await form.locator('summary').filter({ hasText: 'Training' }).click();
  await page.screenshot({ path: 'artefacts/f2-6.png' });
});
