import { expect, test } from '@jupyterlab/galata';

import { openNotebook } from './notebooks';

const LOAD = `%load_ext llmtune_kernel
rows = [{"question": "a", "answer": "b"}] * 12`;

const RUN = `%%finetune
data: {train: $rows} # mine`;

// Galata's stand-in for the kernel service does not see what a kernel has.
test.use({ kernels: null, sessions: null });
test.use({ viewport: { width: 1024, height: 900 } });

test('Columns of other names are chosen, and turns renamed, without writing YAML', async ({
  page,
  tmpPath
}) => {
  await openNotebook(page, `${tmpPath}/names.ipynb`, [LOAD, RUN]);
  await page.notebook.runCell(0);
  await page.notebook.selectCells(1);
  await page.getByRole('tab', { name: 'Fine-tuning' }).click();
  const form = page.locator('#jp-llmtune-configure');
  const cell = page.locator('.jp-Cell').nth(1);
  await form.locator('summary', { hasText: 'Data' }).click();
  const columns = form.locator('[data-key="data.columns"]');
  await columns.locator('summary').click();
  const column = (name: string) =>
    columns.getByRole('combobox', { name: `Columns: ${name}` });
  await column('prompt').selectOption('question');
  await expect(cell).toContainText('columns: {prompt: question}');
  await column('completion').selectOption('answer');
  await expect(cell).toContainText(
    'data: {train: $rows, columns: {prompt: question, completion: answer}} # mine'
  );
  await expect(columns.locator('summary')).toHaveText(
    'prompt: question, completion: answer'
  );
  const strip = form.getByRole('region', { name: 'Before you run' });
  await expect(strip.getByText(/step/)).toBeVisible({ timeout: 120_000 });
  await column('prompt').selectOption({ label: 'prompt (default)' });
  await expect(cell).toContainText('columns: {completion: answer}');
  await column('prompt').selectOption('question');

  const tags = form.locator('[data-key="data.tags"]');
  await tags.locator('summary').click();
  await tags.getByRole('textbox', { name: 'Tags: assistant' }).fill('bot');
  await page.keyboard.press('Tab');
  await expect(cell).toContainText('tags: {assistant: bot}');
  await columns.scrollIntoViewIfNeeded();
  await page.screenshot({ path: 'artefacts/names.png' });
});
