import { expect, test } from '@jupyterlab/galata';

import { expectAccessible, THEMES } from './accessibility';
import { openNotebook } from './notebooks';

const LOAD = `%load_ext llmtune_kernel
rows = [{"prompt": f"Count to {n}", "completion": "one, two"} for n in range(16)]`;

const run = (line: string, steps: number, rank: number) => `%%finetune ${line}
data: $rows
method: {type: lora, r: ${rank}}
training: {max_steps: ${steps}}
samples: {prompts: ["Count to 3"], max_new_tokens: 8}`;

// Galata's stand-in for the kernel service does not see a kernel end.
test.use({ kernels: null, sessions: null });
test.use({ viewport: { width: 1280, height: 1000 } });

test('Runs are compared, and outlive their kernel', async ({
  page,
  tmpPath
}) => {
  test.setTimeout(6 * MINUTE);
  await openNotebook(page, `${tmpPath}/runs.ipynb`, [
    LOAD,
    run('first --wait', 4, 8),
    run('second --wait', 4, 16),
    run('long', 4000, 8)
  ]);
  for (const index of [0, 1, 2]) {
    await page.notebook.runCell(index);
  }
  await page.getByRole('tab', { name: 'Fine-tuning' }).click();
  const runs = page.locator('#jp-llmtune-runs');

  await test.step('two runs side by side: curves, differences, samples', async () => {
    await runs.getByRole('checkbox', { name: 'Select first' }).check();
    await runs.getByRole('checkbox', { name: 'Select second' }).check();
    await runs.getByRole('button', { name: /^Compare/ }).click();
    const tab = page.locator('.jp-llmtune-run');
    await expect(tab.locator('.scatterlayer .js-line')).toHaveCount(2);
    await expect(tab.getByText('method.r', { exact: true })).toBeVisible();
    await expect(tab.getByText('training.max_steps')).toHaveCount(0);
    await expect(tab.getByText('Count to 3').first()).toBeVisible();
    await page.screenshot({ path: 'artefacts/sidebar-compare.png' });
    for (const theme of THEMES) {
      await page.theme.setTheme(theme);
      await expectAccessible(page, '.jp-llmtune-run');
    }
    await page.theme.setTheme(THEMES[0]);
  });

  await test.step('a kernel restart leaves the run alone, and it can still be stopped', async () => {
    await page.notebook.activate('runs.ipynb');
    await page.notebook.runCell(3);
    const row = runs.getByRole('row', { name: /^long/ });
    await expect(row.getByText('training')).toBeVisible({ timeout: MINUTE });
    await page.evaluate(async () => {
      const { currentWidget } = (window as any).jupyterapp.shell;
      await currentWidget.sessionContext.session.kernel.restart();
    });
    await expect(page.getByText('has not loaded')).toBeVisible();
    await page.notebook.runCell(0);
    await expect(page.getByText('has not loaded')).toHaveCount(0);
    await expect(row.getByText('training')).toBeVisible();
    await runs.getByRole('button', { name: 'What to do with long' }).click();
    await page.getByRole('menuitem', { name: 'Stop' }).click();
    await page
      .locator('.jp-Dialog')
      .getByRole('button', { name: /Stop/ })
      .click();
    await expect(row.getByText('stopped')).toBeVisible({ timeout: MINUTE });
  });

  await test.step('a stopped run is continued from the list', async () => {
    const row = runs.getByRole('row', { name: /^long/ });
    await runs.getByRole('button', { name: 'What to do with long' }).click();
    await page.getByRole('menuitem', { name: 'Train On' }).click();
    await expect(
      page.locator('.jp-Cell', { hasText: '%finetune --resume long' })
    ).toBeVisible();
    await expect(row.getByText('training')).toBeVisible({ timeout: MINUTE });
    await page.evaluate(async () => {
      const { currentWidget } = (window as any).jupyterapp.shell;
      const { kernel } = currentWidget.sessionContext.session;
      await kernel.requestExecute({ code: '_run.stop()' }).done;
    });
    await expect(row.getByText('stopped')).toBeVisible({ timeout: MINUTE });
  });
});

const MINUTE = 60_000;
