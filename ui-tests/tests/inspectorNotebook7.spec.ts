import { expect, test } from '@playwright/test';

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
  const content = {
    cells: SOURCES.map((source, index) => ({
      cell_type: 'code',
      id: `cell-${index}`,
      metadata: {},
      execution_count: null,
      outputs: [],
      source
    })),
    metadata: { kernelspec: { display_name: 'Python 3', name: 'python3' } },
    nbformat: 4,
    nbformat_minor: 5
  };
  const saved = await request.put(`${baseURL}/api/contents/inspected.ipynb`, {
    data: { type: 'notebook', format: 'json', content }
  });
  expect(saved.ok()).toBe(true);
  await page.goto(`${baseURL}/notebooks/inspected.ipynb`);
  // What is run before the kernel answers would be lost.
  await expect(
    page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]')
  ).toBeVisible({ timeout: 60_000 });
  await page.locator('.jp-Cell').first().click();
  await page.keyboard.press('Shift+Enter');
  await expect(page.getByText('[1]:')).toBeVisible({ timeout: 60_000 });
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
});
