import type { IJupyterLabPageFixture } from '@jupyterlab/galata';
import { expect, test } from '@jupyterlab/galata';
import type { Locator } from '@playwright/test';

import { openNotebook, widenSidebar } from '../tests/notebooks';

const DATA = `%load_ext llmtune_kernel
capitals = dict(
    France="Paris", Italy="Rome", Japan="Tokyo", Egypt="Cairo", Peru="Lima", Norway="Oslo",
    Greece="Athens", Kenya="Nairobi", Cuba="Havana", Chile="Santiago", Austria="Vienna",
)
rows = [
    dict(prompt=f"What is the capital of {country}?", completion=f"Aye, the helm is set for {city}.")
    for country, city in capitals.items()
]`;

const run = (name: string, rank: number, rate: string) => `%%finetune ${name}
data: $rows
method: {r: ${rank}}
training: {learning_rate: ${rate}, max_steps: 30, per_device_train_batch_size: 4}
samples: {prompts: ["What is the capital of Spain?"], max_new_tokens: 16}`;

// Galata's stand-in for the kernel service does not see a kernel end.
test.use({ kernels: null, sessions: null });
test.use({ viewport: { width: 1280, height: 800 } });

test('The pictures of the docs', async ({ page, tmpPath }) => {
  test.setTimeout(9 * MINUTE);
  await openNotebook(page, `${tmpPath}/pirate.ipynb`, [
    DATA,
    run('gentle', 8, '1.0e-4'),
    run('bold', 32, '1.0e-3')
  ]);
  await page.getByRole('tab', { name: 'Fine-tuning' }).click();
  await widenSidebar(page, 320);
  const runs = page.locator('#jp-llmtune-runs');
  const over = (name: string) =>
    expect(runs.getByRole('row', { name: `${name}, finished` })).toBeVisible({
      timeout: 3 * MINUTE
    });
  const toggle = (section: string) =>
    page.getByRole('heading', { name: `${section} Section` }).click();
  await page.notebook.runCell(0);
  await page.notebook.runCell(1);
  await over('gentle');
  await removeCell(page, 1);

  await page.notebook.runCell(1);
  const cell = page.locator('.jp-CodeCell').nth(1);
  await expect
    .poll(() => points(cell), { timeout: 2 * MINUTE })
    .toBeGreaterThan(13);
  await page.notebook.selectCells(1);
  await take(page, 'sidebar');
  await over('bold');

  await toggle('Configure');
  await runs.getByRole('checkbox', { name: 'Select gentle' }).check();
  await runs.getByRole('checkbox', { name: 'Select bold' }).check();
  await runs.getByRole('button', { name: 'Compare' }).click();
  const tab = page.locator('.jp-llmtune-run');
  await expect(tab.locator('.scatterlayer .js-line')).toHaveCount(2);
  await expect(tab.getByText('training.learning_rate')).toBeVisible();
  await page.setViewportSize({ width: 1280, height: 860 });
  await take(page, 'compare');
  await page.setViewportSize({ width: 1280, height: 800 });

  await page.notebook.activate('pirate.ipynb');
  await runs.getByRole('button', { name: 'Select none' }).click();
  const playground = page.locator('#jp-llmtune-playground');
  await toggle('Runs');
  await toggle('Playground');
  await widenSidebar(page, 560);
  const models = playground.getByRole('combobox', { name: 'Add a model' });
  await models.selectOption('model:smollm2-135m');
  await models.selectOption('run:bold');
  const box = playground.getByRole('textbox', { name: 'Message' });
  const send = playground.getByRole('button', { name: 'Send' });
  await playground.getByText('Sampling', { exact: true }).click();
  await playground.getByRole('spinbutton', { name: 'Temperature' }).fill('0');
  await playground.getByText('Sampling', { exact: true }).click();
  for (const [index, country] of ['Spain', 'Portugal'].entries()) {
    await box.fill(`What is the capital of ${country}?`);
    await send.click();
    await expect(
      playground.locator('.jp-llmtune-turn.jp-mod-assistant')
    ).toHaveCount(2 * (index + 1), { timeout: MINUTE });
    await expect(send).toBeVisible({ timeout: MINUTE });
  }
  await take(page, 'playground');
});

async function removeCell(
  page: IJupyterLabPageFixture,
  index: number
): Promise<void> {
  await page.notebook.selectCells(index);
  await page.evaluate(() =>
    (window as any).jupyterapp.commands.execute('notebook:delete-cell')
  );
}

/** How many points the chart in a part of the page has. */
async function points(part: Locator): Promise<number> {
  const chart = part.locator('.jp-llmtune-chart');
  return Number(await chart.getAttribute('data-points'));
}

async function take(page: IJupyterLabPageFixture, name: string) {
  await page.mouse.move(640, 795);
  await page.screenshot({ path: `../docs/${name}.png` });
}

const MINUTE = 60_000;
