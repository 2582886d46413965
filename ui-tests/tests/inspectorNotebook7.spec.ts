import { expect, test } from '@playwright/test';

import { openInNotebook7 } from './notebooks';

const SOURCES = [
  `%load_ext llmtune_kernel
rows = [{"prompt": "a", "completion": "b"}] * 12`,
  `%%finetune run
data: $rows`
];

test('In Notebook 7 data are looked through below the notebook', async ({
  page,
  request,
  baseURL
}) => {
  await openInNotebook7(page, request, baseURL!, 'inspected.ipynb', SOURCES);
  await page.locator('.jp-Cell').nth(1).click();
  await page.getByRole('menuitem', { name: 'View', exact: true }).click();
  await page
    .getByRole('menuitem', { name: 'Show the Fine-tuning Sidebar' })
    .click();
  const sidebar = page.locator('#jp-llmtune-sidebar');
  await sidebar.getByRole('heading', { name: 'Data Section' }).click();
  await sidebar.getByRole('button', { name: 'Inspect…' }).click();
  const tab = page.locator('.jp-llmtune-inspector');
  await expect(tab.getByText('12 rows', { exact: true })).toBeVisible();
  const grid = tab.getByRole('application', { name: 'Rows of the data' });
  expect((await grid.boundingBox())!.height).toBeGreaterThan(150);
  await tab.getByRole('searchbox', { name: 'Search' }).fill('nowhere');
  await expect(tab.getByText('0 of 12 rows')).toBeVisible();
  await page.screenshot({ path: 'artefacts/inspector-notebook7.png' });

  await tab.getByRole('searchbox', { name: 'Search' }).fill('');
  await tab.getByText('Statistics').click();
  const line = tab.getByRole('slider', { name: 'max_length in tokens' });
  await expect(line).toBeVisible({ timeout: 60_000 });
  expect((await grid.boundingBox())!.height).toBeGreaterThan(100);
  await tab.getByRole('button', { name: 'Duplicates: 11' }).click();
  await expect(tab.getByText('12 rows', { exact: true })).toBeVisible();
  await expect(tab.getByRole('textbox', { name: 'Filter' })).toHaveValue(
    /^_row IN \(0, 1, /
  );
  await line.press('Home');
  await expect(tab.getByText('12 of 12 rows are cut')).toBeVisible();
  await page.screenshot({ path: 'artefacts/statistics-notebook7.png' });
});
