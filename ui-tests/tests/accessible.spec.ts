import { expect, test } from '@jupyterlab/galata';

import { expectAccessible, THEMES } from './accessibility';
import { openNotebook } from './notebooks';

const LOAD = `%load_ext llmtune_kernel
rows = [{"prompt": f"Count to {n}", "completion": "one, two"} for n in range(16)]`;

const run = (name: string) => `%%finetune ${name} --wait
data: $rows
training: {max_steps: 3}
samples: {prompts: ["Count to 3"], max_new_tokens: 8}`;

// Galata's stand-in for the kernel service does not see a kernel end.
test.use({ kernels: null, sessions: null });
test.use({ viewport: { width: 1280, height: 1400 } });

test('No part has a serious fault of accessibility in any theme', async ({
  page,
  tmpPath
}) => {
  test.setTimeout(6 * MINUTE);
  await openNotebook(page, `${tmpPath}/all.ipynb`, [LOAD, run('one')]);
  await page.notebook.runCell(0);
  await page.notebook.runCell(1);
  await page.getByRole('tab', { name: 'Fine-tuning' }).click();
  const sidebar = page.locator('#jp-llmtune-sidebar');
  const runs = page.locator('#jp-llmtune-runs');
  const row = runs.getByRole('row', { name: 'one, finished' });
  const dialog = page.locator('.jp-Dialog');
  const inAllThemes = async (name: string, part: string) => {
    for (const theme of THEMES) {
      await page.theme.setTheme(theme);
      const kind = theme.split(' ').pop()!.toLowerCase();
      await page.screenshot({ path: `artefacts/part-${name}-${kind}.png` });
      await expectAccessible(page, part);
    }
    await page.theme.setTheme(THEMES[0]);
  };

  await test.step('the whole form, and what is chosen from', async () => {
    await page.notebook.selectCells(1);
    const form = page.locator('#jp-llmtune-configure');
    await expect(form.getByText('Cell: %%finetune one')).toBeVisible();
    for (const summary of await form.locator('summary').all()) {
      await summary.click();
    }
    await form.getByRole('combobox', { name: 'Training data' }).click();
    await expect(form.getByRole('option', { name: /^\$rows/ })).toBeVisible();
    await inAllThemes('form', '#jp-llmtune-configure');
    await page.keyboard.press('Escape');
  });

  await test.step('the other sections', async () => {
    for (const section of ['Configure', 'Playground', 'Data']) {
      await sidebar
        .getByRole('heading', { name: `${section} Section` })
        .click();
    }
    await page
      .locator('#jp-llmtune-playground')
      .getByText('Sampling', { exact: true })
      .click();
    await runs.getByRole('checkbox', { name: 'Select one' }).check();
    await inAllThemes('sections', '#jp-llmtune-sidebar');
  });

  await test.step('the menu of a run', async () => {
    await row.click({ button: 'right' });
    await expect(page.getByRole('menu')).toBeVisible();
    for (const theme of THEMES) {
      await page.theme.setTheme(theme);
      if (!(await page.locator('.lm-Menu').isVisible())) {
        await row.click({ button: 'right' });
      }
      await expectAccessible(page, '.lm-Menu');
      const kind = theme.split(' ').pop()!.toLowerCase();
      await page.screenshot({ path: `artefacts/part-menu-${kind}.png` });
    }
    await page.keyboard.press('Escape');
    await page.theme.setTheme(THEMES[0]);
  });

  for (const action of ['Rename', 'Tags', 'Note', 'Delete']) {
    await test.step(`the dialog of ${action}`, async () => {
      await row.click({ button: 'right' });
      await page.getByRole('menuitem', { name: action }).click();
      await expect(dialog).toBeVisible();
      await inAllThemes(action.toLowerCase(), '.jp-Dialog');
      await dialog.getByRole('button', { name: 'Cancel' }).click();
    });
  }

  await test.step('each part of the tab of a run', async () => {
    await row.dblclick();
    const tab = page.locator('.jp-llmtune-run');
    await expect(tab.locator('.scatterlayer .js-line').first()).toBeVisible();
    for (const part of ['Samples', 'Log', 'Configuration', 'Files']) {
      await tab.getByRole('tab', { name: part }).click();
      await inAllThemes(`tab-${part.toLowerCase()}`, '.jp-llmtune-run');
    }
  });
});

const MINUTE = 60_000;
