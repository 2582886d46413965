import { expect, test } from '@jupyterlab/galata';

import { openNotebook } from './notebooks';

const LOAD = `%load_ext llmtune_kernel
rows = [{"prompt": "a", "completion": "b"}] * 12`;

const RUN = `%%finetune
data: {train: $rows, max_length: 4096}
training: {max_steps: 2}`;

test.use({ kernels: null, sessions: null });
test.use({ viewport: { width: 1024, height: 600 } });

test('On a low screen the form keeps room above what there is to know before a run', async ({
  page,
  tmpPath
}) => {
  await openNotebook(page, `${tmpPath}/low.ipynb`, [LOAD, RUN]);
  await page.notebook.runCell(0);
  await page.notebook.selectCells(1);
  await page.getByRole('tab', { name: 'Fine-tuning' }).click();
  const section = page.locator('#jp-llmtune-configure');
  const strip = section.getByRole('region', { name: 'Before you run' });
  await strip.locator('summary').click();
  await expect(strip.getByText('Steps', { exact: true })).toBeVisible({
    timeout: 120_000
  });
  await page.screenshot({ path: 'artefacts/low-screen.png' });
  const actions = (await section.locator('.jp-llmtune-actions').boundingBox())!;
  const below = (await strip.boundingBox())!;
  expect(below.y - (actions.y + actions.height)).toBeGreaterThan(100);
  await strip.getByRole('button', { name: 'Check now' }).click();
  await section.getByRole('textbox', { name: 'Rank' }).fill('4');
  await expect(page.locator('.jp-Cell').nth(1)).toContainText('r: 4');
});
