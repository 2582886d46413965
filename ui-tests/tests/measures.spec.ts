import type { IJupyterLabPageFixture } from '@jupyterlab/galata';
import { expect, test } from '@jupyterlab/galata';

import { openNotebook } from './notebooks';

const DATA = `%load_ext llmtune_kernel
pairs = [
    {"prompt": f"What is {n} + {n}?", "chosen": f"It is {2 * n}.", "rejected": "Ask somebody else."}
    for n in range(12)
]`;

const RUN = `%%finetune sums
model: smollm2-135m
data: {train: $pairs, eval_fraction: 0.25}
objective: dpo
method: lora
training: {max_steps: 8, eval_steps: 4, logging_steps: 1, learning_rate: 1e-3}
launch: {on_kernel_exit: stop}`;

// Galata's stand-in for the kernel service does not see a kernel end.
test.use({ kernels: null, sessions: null });
test.use({ viewport: { width: 1200, height: 900 } });

test('A run of preferences shows its loss, then its rewards, and keeps them when it is over', async ({
  page,
  tmpPath
}) => {
  test.setTimeout(10 * 60_000);
  await openNotebook(page, `${tmpPath}/pairs.ipynb`, [DATA, RUN]);
  await page.sidebar.close('left');
  await page.notebook.runCell(0);
  await page.notebook.runCell(1);
  const chart = page.locator('.jp-llmtune-chart');
  const show = chart.getByLabel('Show');
  await expect(show).toBeVisible({ timeout: 5 * 60_000 });
  await expect(show).toHaveValue('loss');

  await test.step('they are chosen with the keyboard', async () => {
    await show.focus();
    await page.keyboard.press('ArrowDown');
    await expect(show).toHaveValue('rewards/chosen');
    await expectRewards(page);
  });

  await test.step('they stay while the run goes on, and when it is over', async () => {
    const kept = page.locator('.jp-llmtune-chart-rendered');
    await expect(kept).toBeVisible({ timeout: 5 * 60_000 });
    await expect(kept.getByLabel('Show')).toHaveValue('rewards/chosen');
    await expectRewards(page);
    await kept.scrollIntoViewIfNeeded();
    await page.waitForTimeout(1000);
    await page.screenshot({ path: 'artefacts/measures-rewards.png' });
    await kept.getByLabel('Show').selectOption('Accuracy');
    await page.waitForTimeout(1000);
    await page.screenshot({ path: 'artefacts/measures-accuracy.png' });
  });
});

async function expectRewards(page: IJupyterLabPageFixture) {
  const figure = page.getByRole('figure', {
    name: /^Rewards: step \d+, rewards\/chosen .+, rewards\/rejected /
  });
  await expect(figure).toBeVisible();
  await expect(
    figure.locator('.legendtext').filter({ hasText: 'rewards/chosen' }).first()
  ).toBeVisible();
}
