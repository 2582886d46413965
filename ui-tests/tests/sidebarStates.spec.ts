import type { IJupyterLabPageFixture } from '@jupyterlab/galata';
import { expect, test } from '@jupyterlab/galata';

import { expectAccessible, THEMES } from './accessibility';
import { expectFitting } from './fitting';
import { openNotebook } from './notebooks';

const LOAD = `%load_ext llmtune_kernel
rows = [{"prompt": "a", "completion": "b"}] * 12`;

// Galata's stand-in for the kernel service does not know restarts.
test.use({ kernels: null, sessions: null });

test.describe('The sidebar', () => {
  test('costs the start of JupyterLab little', async ({ page }) => {
    const loaded: [string, number][] = [];
    page.on('response', async response => {
      const name = response.url().split('/jupyterlab-llmtune/static/')[1];
      if (name) {
        loaded.push([name, (await response.body()).length]);
      }
    });
    await page.reload();
    await expect(page.getByRole('tab', { name: 'Fine-tuning' })).toBeVisible();
    await page.waitForLoadState('networkidle');
    const bytes = loaded.reduce((sum, [, size]) => sum + size, 0);
    expect(loaded.length).toBeGreaterThan(1);
    expect(bytes, JSON.stringify(loaded)).toBeLessThan(150_000);
  });

  test('asks for a notebook where none is open', async ({ page }) => {
    const sidebar = await open(page);
    await expect(
      sidebar.getByText('Open a notebook to fine-tune')
    ).toBeVisible();
    await screenshot(page, 'no-notebook');
    await expectFitting(sidebar);
    await sidebar
      .getByRole('button', { name: 'New notebook from the quickstart' })
      .click();
    await expect(page.locator('.jp-NotebookPanel')).toContainText(
      'llmtune_kernel'
    );
    // It sees the notebook that is opened while it is shown.
    await expect(
      sidebar.getByRole('button', { name: 'Load it' })
    ).toBeVisible();
  });

  test('loads the kernel half with a cell, and names the package if it is missing', async ({
    page,
    tmpPath
  }) => {
    await openNotebook(page, `${tmpPath}/states.ipynb`, ['1']);
    const sidebar = await open(page);
    await expect(
      sidebar.getByText(/^%pip install jupyterlab-llmtune==\d/)
    ).toBeVisible();
    await sidebar.getByRole('button', { name: 'Load it' }).click();
    await expect(page.locator('.jp-CodeCell').first()).toContainText(
      '%load_ext llmtune_kernel'
    );
    await expect(sidebar.getByText('Draft, not in a cell yet')).toBeVisible();
  });

  test('has a border around its main button where the system chooses the colours', async ({
    page,
    tmpPath
  }) => {
    await openNotebook(page, `${tmpPath}/states.ipynb`, ['1']);
    const sidebar = await open(page);
    await page.emulateMedia({ forcedColors: 'active' });
    await expect(sidebar.getByRole('button', { name: 'Load it' })).toHaveCSS(
      'border-top-width',
      '1px'
    );
  });

  test('says that there is no kernel, and that it died', async ({
    page,
    tmpPath
  }) => {
    await openNotebook(page, `${tmpPath}/states.ipynb`, [LOAD]);
    await page.notebook.runCell(0);
    const sidebar = await open(page);
    await expect(sidebar.getByLabel('Training data').first()).toBeVisible();
    await page.evaluate(async () => {
      const { currentWidget } = (window as any).jupyterapp.shell;
      await currentWidget.sessionContext.shutdown();
    });
    await expect(
      sidebar.getByText('This notebook has no kernel.', { exact: true })
    ).toBeVisible();
    await expect(
      sidebar.getByRole('button', { name: 'Select a kernel' })
    ).toBeVisible();
    await screenshot(page, 'no-kernel');
  });

  test('goes on after a kernel restart and a reload of the page', async ({
    page,
    tmpPath
  }) => {
    await openNotebook(page, `${tmpPath}/states.ipynb`, [LOAD]);
    await page.notebook.runCell(0);
    const sidebar = await open(page);
    const data = sidebar.getByRole('combobox', { name: 'Training data' });
    await data.click();
    await sidebar.getByRole('option', { name: /^\$rows/ }).click();
    await restart(page);
    // The kernel lost our extension and the variable; what was set is still there.
    await expect(sidebar.getByText(MISSING).first()).toBeVisible();
    await expect(data).toHaveValue('$rows');
    await page.notebook.runCell(0);
    await expect(page.locator('.jp-OutputArea-output')).toHaveCount(0);
    await expect(sidebar.getByText(MISSING)).toHaveCount(0);
    await page.notebook.save();
    await restart(page);
    await page.reload({ waitForIsReady: false });
    await expect(data).toHaveValue('$rows');
    await expect(sidebar.locator('#jp-llmtune-runs')).toContainText(
      /No runs yet|finished|stopped/
    );
    await expect(sidebar.getByText('has not loaded')).toHaveCount(0);
  });

  test('loads nothing into a kernel that has not had it', async ({
    page,
    tmpPath
  }) => {
    await openNotebook(page, `${tmpPath}/states.ipynb`, [LOAD]);
    await page.notebook.runCell(0);
    const sidebar = await open(page);
    await expect(sidebar.getByLabel('Training data').first()).toBeVisible();
    await openNotebook(page, `${tmpPath}/other.ipynb`, ['1']);
    await expect(sidebar.getByText('has not loaded')).toBeVisible();
    await restart(page);
    await expect(sidebar.getByText('Connecting').first()).toBeVisible();
    await expect(sidebar.getByText('has not loaded')).toBeVisible();
    // Nor into another kernel of the notebook that has.
    await page.notebook.activate('states.ipynb');
    await expect(sidebar.getByText('has not loaded')).toHaveCount(0);
    await page.evaluate(async () => {
      const { currentWidget } = (window as any).jupyterapp.shell;
      await currentWidget.sessionContext.changeKernel({ name: 'python3' });
    });
    await expect(sidebar.getByText('has not loaded')).toBeVisible();
  });

  test('keeps a draft for each of three notebooks, and runs it in its own kernel', async ({
    page,
    tmpPath
  }) => {
    test.setTimeout(5 * MINUTE);
    const names = ['one', 'two', 'three'];
    for (const name of names) {
      await openNotebook(page, `${tmpPath}/${name}.ipynb`, [
        `%load_ext llmtune_kernel\n${name} = [{"prompt": "a", "completion": "b"}]`
      ]);
      await page.notebook.runCell(0);
    }
    const sidebar = await open(page);
    const data = sidebar.getByRole('combobox', { name: 'Training data' });
    for (const name of names) {
      await page.notebook.activate(`${name}.ipynb`);
      await data.click();
      await sidebar
        .getByRole('option', { name: new RegExp(`^\\$${name}`) })
        .click();
      await expect(data).toHaveValue(`$${name}`);
    }
    const cell = page.locator(
      '.jp-NotebookPanel:not(.lm-mod-hidden) .jp-CodeCell',
      { hasText: '%%finetune' }
    );
    for (const name of ['two', 'one', 'three']) {
      await page.notebook.activate(`${name}.ipynb`);
      await expect(data).toHaveValue(`$${name}`);
      await sidebar.getByRole('button', { name: 'Run', exact: true }).click();
      await expect(cell).toContainText(`data: $${name}`);
    }
    const runs: string[] = [];
    for (const name of names) {
      await page.notebook.activate(`${name}.ipynb`);
      await expect(data).toHaveValue(`$${name}`);
      await expect(cell.getByText('finished')).toBeVisible({
        timeout: 2 * MINUTE
      });
      runs.push(/%%finetune (\w+?)data:/.exec((await cell.textContent())!)![1]);
    }
    expect(new Set(runs).size).toBe(3);
    for (const run of runs) {
      await expect(
        page
          .locator('#jp-llmtune-runs')
          .getByRole('row', { name: new RegExp(`^${run}, finished$`) })
      ).toBeVisible();
    }
    await screenshot(page, 'three-notebooks');
  });

  test('has no serious fault of accessibility in any theme', async ({
    page,
    tmpPath
  }) => {
    await openNotebook(page, `${tmpPath}/states.ipynb`, [LOAD]);
    await page.notebook.runCell(0);
    const sidebar = await open(page);
    const data = sidebar.getByRole('combobox', { name: 'Training data' });
    await data.click();
    await sidebar.getByRole('option', { name: /^\$rows/ }).click();
    for (const section of ['Playground', 'Data']) {
      await sidebar
        .getByRole('heading', { name: `${section} Section` })
        .click();
    }
    await expect(sidebar.locator('mark').first()).toBeVisible();
    for (const theme of THEMES) {
      await page.theme.setTheme(theme);
      await screenshot(page, theme.slice('JupyterLab '.length).toLowerCase());
      await expectAccessible(page, '#jp-llmtune-sidebar');
    }
  });

  test('needs no more than 250 pixels', async ({ page, tmpPath }) => {
    await openNotebook(page, `${tmpPath}/states.ipynb`, [LOAD]);
    await page.notebook.runCell(0);
    const sidebar = await open(page);
    for (const name of ['Training', 'Method', 'Samples', 'Presets']) {
      await sidebar.locator('summary', { hasText: name }).first().click();
    }
    for (const section of ['Playground', 'Data']) {
      await sidebar
        .getByRole('heading', { name: `${section} Section` })
        .click();
    }
    await expect(sidebar.getByText('Before you run')).toBeVisible();
    await sidebar.getByText('Save and load', { exact: true }).click();
    await sidebar.getByRole('button', { name: 'Save as preset…' }).click();
    const name = 'a name that is longer than any panel is wide';
    await page.locator('.jp-Dialog').getByRole('textbox').fill(name);
    await page.keyboard.press('Enter');
    await expect(
      sidebar.getByRole('button', { name, exact: true })
    ).toBeVisible();
    await screenshot(page, 'narrow');
    const width = await sidebar.evaluate(node => node.clientWidth);
    expect(width).toBeLessThanOrEqual(250);
    await expectFitting(sidebar);
    const carets = sidebar.locator('.jp-HTMLSelect');
    const areInside = await carets.evaluateAll(selects =>
      selects.map(select => {
        const own = select.getBoundingClientRect();
        const caret = select.querySelector('svg')!.getBoundingClientRect();
        return caret.top >= own.top && caret.bottom <= own.bottom;
      })
    );
    expect(areInside.length).toBeGreaterThan(1);
    expect(areInside).not.toContain(false);
  });
});

async function open(page: IJupyterLabPageFixture) {
  await page.getByRole('tab', { name: 'Fine-tuning' }).click();
  const sidebar = page.locator('#jp-llmtune-sidebar');
  await expect(sidebar).toBeVisible();
  return sidebar;
}

async function restart(page: IJupyterLabPageFixture): Promise<void> {
  await page.evaluate(async () => {
    const { currentWidget } = (window as any).jupyterapp.shell;
    await currentWidget.sessionContext.session.kernel.restart();
  });
}

async function screenshot(page: IJupyterLabPageFixture, name: string) {
  await page.screenshot({ path: `artefacts/sidebar-state-${name}.png` });
}

const MISSING = "There is no variable named 'rows'";
const MINUTE = 60_000;
