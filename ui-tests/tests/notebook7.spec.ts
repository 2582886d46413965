import * as fs from 'fs';
import * as path from 'path';

import { expect, test } from '@playwright/test';

import { openInNotebook7 } from './notebooks';

const CELL = `%load_ext llmtune_kernel
rows = [{"prompt": "a", "completion": "b"}] * 12`;

test('In Notebook 7 the sidebar stands on the right, writes cells and runs them', async ({
  page,
  request,
  baseURL
}) => {
  await openInNotebook7(page, request, baseURL!, 'notebook7.ipynb', [CELL]);

  await page.getByRole('menuitem', { name: 'View', exact: true }).click();
  await page
    .getByRole('menuitem', { name: 'Show the Fine-tuning Sidebar' })
    .click();
  const sidebar = page.locator('#jp-llmtune-sidebar');
  const data = sidebar.getByRole('combobox', { name: 'Training data' });
  await data.click();
  await sidebar.getByRole('option', { name: /^\$rows/ }).click();
  await sidebar.getByRole('button', { name: 'Insert as cell' }).click();
  await expect(page.locator('.jp-CodeCell').last()).toContainText(
    '%%finetune run'
  );
  await page.screenshot({ path: 'artefacts/sidebar-notebook7.png' });

  await test.step('a run is started, and its loss is seen', async () => {
    await sidebar.getByRole('button', { name: 'Run', exact: true }).click();
    const output = page.locator('.jp-OutputArea').last();
    await expect(output.getByText(/loss\s+\d/)).toBeVisible({
      timeout: 120_000
    });
    await expect(
      output.locator('.jp-llmtune-chart .main-svg').first()
    ).toBeVisible();
    await page.screenshot({ path: 'artefacts/training-notebook7.png' });
    await expect(
      sidebar.getByRole('row', { name: /^run\d*, finished/ }).first()
    ).toBeVisible({ timeout: 120_000 });
    await expect(output.locator('.jp-llmtune-chart-rendered')).toBeVisible();
  });

  await test.step('a run is opened below the notebook', async () => {
    writeRun('shown');
    const run = sidebar.getByRole('row', { name: /^shown,/ });
    await expect(run).toBeVisible();
    await run.dblclick();
    const tab = page.locator('.jp-llmtune-run');
    await expect(tab.getByRole('heading', { name: /^shown/ })).toBeVisible();
    await expect(tab.getByRole('tab', { name: 'Samples' })).toBeVisible();
    const box = await tab.boundingBox();
    expect(box!.height).toBeGreaterThan(250);
    await page.screenshot({ path: 'artefacts/run-notebook7.png' });
  });
});

/** A run that is over. */
function writeRun(name: string): void {
  const folder = path.join(process.env.LLMTUNE_HOME!, name);
  fs.mkdirSync(folder, { mode: 0o700 });
  fs.writeFileSync(path.join(folder, 'config.yaml'), 'data: rows.jsonl\n');
  const states = ['loading', 'training', 'finished'];
  const lines = states.map((state, index) =>
    JSON.stringify({
      seq: index + 1,
      time: Date.now() / 1000,
      type: 'state',
      payload: { state, detail: '' }
    })
  );
  fs.writeFileSync(path.join(folder, 'events.jsonl'), `${lines.join('\n')}\n`);
}
