import { expect, test } from '@playwright/test';

const CELL = `%load_ext llmtune_kernel
rows = [{"prompt": "a", "completion": "b"}] * 12`;

test('In Notebook 7 the sidebar stands on the right and writes cells', async ({
  page,
  request,
  baseURL
}) => {
  const content = {
    cells: [
      {
        cell_type: 'code',
        id: 'load',
        metadata: {},
        execution_count: null,
        outputs: [],
        source: CELL
      }
    ],
    metadata: { kernelspec: { display_name: 'Python 3', name: 'python3' } },
    nbformat: 4,
    nbformat_minor: 5
  };
  const saved = await request.put(`${baseURL}/api/contents/notebook7.ipynb`, {
    data: { type: 'notebook', format: 'json', content }
  });
  expect(saved.ok()).toBe(true);
  await page.goto(`${baseURL}/notebooks/notebook7.ipynb`);
  await page.locator('.jp-Cell').first().click();
  await page.keyboard.press('Shift+Enter');
  await expect(page.getByText('[1]:')).toBeVisible({ timeout: 60_000 });

  await page.getByRole('menuitem', { name: 'View', exact: true }).click();
  await page
    .getByRole('menuitem', { name: 'Show the Fine-tuning Sidebar' })
    .click();
  const sidebar = page.locator('#jp-llmtune-sidebar');
  const data = sidebar.getByRole('combobox', { name: 'Training data' });
  await data.click();
  await sidebar.getByRole('option', { name: /^\$rows/ }).click();
  await sidebar.getByRole('button', { name: 'Insert cell' }).click();
  await expect(page.locator('.jp-CodeCell').last()).toContainText(
    '%%finetune run'
  );
  await page.screenshot({ path: 'artefacts/sidebar-notebook7.png' });
});
