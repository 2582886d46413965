import { expect, galata, test } from '@jupyterlab/galata';

import { openNotebook } from './notebooks';

/** The variable would win over the setting. */
const LOAD = `import os
os.environ.pop("LLMTUNE_HOME", None)
%load_ext llmtune_kernel
rows = [{"prompt": f"Count to {n}", "completion": "one, two"} for n in range(16)]`;

// Galata's stand-in for the kernel service does not see a kernel end.
test.use({ kernels: null, sessions: null });
test.use({ viewport: { width: 1280, height: 1000 } });
test.use({
  mockSettings: {
    ...galata.DEFAULT_SETTINGS,
    'jupyterlab-llmtune:plugin': {
      chartSmoothing: 0.25,
      chartLogScale: true,
      defaultPreset: 'quick',
      onKernelExit: 'stop',
      runsFolder: 'kept/here',
      confirmStop: false,
      confirmDelete: false,
      configurations: { 'my poems': 'data: poems.jsonl\nmodel: smollm2-135m' }
    }
  }
});

test('The Settings Editor names saved configurations, and has no field for their YAML', async ({
  page
}) => {
  await page.evaluate(() =>
    (window as any).jupyterapp.commands.execute('settingeditor:open', {
      query: 'Fine-tuning'
    })
  );
  const editor = page.locator('.jp-SettingsPanel');
  await expect(editor.getByRole('listitem')).toHaveText('my poems');
  await expect(editor.getByText('under Presets')).toBeVisible();
  await expect(
    editor.locator('[id*="configurations"] input, input[id*="configurations"]')
  ).toHaveCount(0);
  await page.screenshot({ path: 'artefacts/settings-saved.png' });
});

test('Each setting has its effect', async ({ page, tmpPath }) => {
  test.setTimeout(5 * MINUTE);
  await openNotebook(page, `${tmpPath}/settings.ipynb`, [LOAD, '']);
  await page.notebook.runCell(0);
  await page.getByRole('tab', { name: 'Fine-tuning' }).click();
  const sidebar = page.locator('#jp-llmtune-sidebar');
  const runs = page.locator('#jp-llmtune-runs');
  const cell = page.locator('.jp-CodeCell', { hasText: '%%finetune' });
  const run = sidebar.getByRole('button', { name: 'Run', exact: true });
  const toDo = async (name: string, action: string) => {
    await runs
      .getByRole('button', { name: `What to do with ${name}`, exact: true })
      .click();
    await page.getByRole('menuitem', { name: action }).click();
  };

  await test.step('a new configuration starts from the preset', async () => {
    await sidebar.getByRole('combobox', { name: 'Training data' }).click();
    await sidebar.getByRole('option', { name: /^\$rows/ }).click();
    await sidebar.getByPlaceholder('Search the settings').fill('maximum steps');
    const steps = sidebar.getByRole('textbox', { name: 'Maximum steps' });
    await expect(steps).toHaveValue('20');
    await steps.fill('4000');
    await steps.press('Tab');
    await run.click();
    await expect(cell).toContainText('max_steps: 4000');
  });

  await test.step('its chart is smoothed and scaled as is preferred', async () => {
    const chart = cell.locator('.jp-llmtune-chart');
    await expect(chart.getByRole('slider', { name: 'Smoothing' })).toHaveValue(
      '0.25',
      { timeout: MINUTE }
    );
    await expect(chart.getByLabel('Log scale')).toBeChecked();
  });

  await test.step('it is kept in the runs folder', async () => {
    await expect(runs.getByRole('row', { name: 'run, training' })).toBeVisible({
      timeout: MINUTE
    });
    expect(
      await page.contents.fileExists(`${tmpPath}/kept/here/run/config.yaml`)
    ).toBe(true);
  });

  await test.step('it stops with its kernel', async () => {
    await expect(cell).toContainText('on_kernel_exit: stop');
    await page.evaluate(async () => {
      const { currentWidget } = (window as any).jupyterapp.shell;
      await currentWidget.sessionContext.session.kernel.restart();
    });
    await page.notebook.runCell(0);
    await expect(runs.getByRole('row', { name: 'run, stopped' })).toBeVisible({
      timeout: MINUTE
    });
  });

  await test.step('runs are stopped and deleted without a question', async () => {
    await page.notebook.selectCells(2);
    await run.click();
    await expect(runs.getByRole('row', { name: 'run2, training' })).toBeVisible(
      { timeout: MINUTE }
    );
    await toDo('run2', 'Stop');
    await expect(page.locator('.jp-Dialog')).toHaveCount(0);
    await expect(runs.getByRole('row', { name: 'run2, stopped' })).toBeVisible({
      timeout: MINUTE
    });
    await toDo('run2', 'Delete');
    await expect(runs.getByRole('row', { name: /^run2/ })).toHaveCount(0);
    await expect(page.locator('.jp-Dialog')).toHaveCount(0);
  });

  await test.step('and with one where the user wants it', async () => {
    await page.evaluate(async () => {
      const plugins = (window as any).jupyterapp.pluginRegistry._plugins;
      const { service } = plugins.get(
        '@jupyterlab/apputils-extension:settings'
      );
      await service.set('jupyterlab-llmtune:plugin', 'confirmDelete', true);
    });
    await toDo('run', 'Delete');
    const dialog = page.locator('.jp-Dialog');
    await expect(dialog).toContainText('run');
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    await expect(runs.getByRole('row', { name: 'run, stopped' })).toBeVisible();
    await page.screenshot({ path: 'artefacts/settings-effects.png' });
  });
});

const MINUTE = 60_000;
