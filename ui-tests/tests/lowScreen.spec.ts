import { expect, test } from '@jupyterlab/galata';

import { openNotebook, widenSidebar } from './notebooks';

const LOAD = `%load_ext llmtune_kernel
rows = [{"prompt": "a", "completion": "b"}] * 12`;

const RUN = `%%finetune
data: {train: $rows, max_length: 4096}
training: {max_steps: 2}`;

test.use({ kernels: null, sessions: null });
test.use({ viewport: { width: 1024, height: 600 } });

test('On a low screen the form keeps room above what there is to know before a run', async ({
  page,
  tmpPath
}) => {
  await openNotebook(page, `${tmpPath}/low.ipynb`, [LOAD, RUN]);
  await page.notebook.runCell(0);
  await page.notebook.selectCells(1);
  await page.getByRole('tab', { name: 'Fine-tuning' }).click();
  const section = page.locator('#jp-llmtune-configure');
  const strip = section.getByRole('region', { name: 'Before you run' });
  await strip.locator('summary').click();
  await expect(strip.getByText('Steps', { exact: true })).toBeVisible({
    timeout: 120_000
  });
  await page.screenshot({ path: 'artefacts/low-screen.png' });
  const actions = (await section.locator('.jp-llmtune-actions').boundingBox())!;
  const below = (await strip.boundingBox())!;
  expect(below.y - (actions.y + actions.height)).toBeGreaterThan(100);
  await strip.getByRole('button', { name: 'Check now' }).click();
  await section.getByRole('textbox', { name: 'Rank' }).fill('4');
  await expect(page.locator('.jp-Cell').nth(1)).toContainText('r: 4');
});

test('The form has the room of sections with little to show, and its lists are seen whole', async ({
  page,
  tmpPath
}) => {
  await page.setViewportSize({ width: 1024, height: 900 });
  await openNotebook(page, `${tmpPath}/room.ipynb`, [LOAD, RUN]);
  await page.notebook.runCell(0);
  await page.notebook.selectCells(1);
  await page.getByRole('tab', { name: 'Fine-tuning' }).click();
  const section = page.locator('#jp-llmtune-configure');
  const strip = section.getByRole('region', { name: 'Before you run' });
  await section.getByText('Presets', { exact: true }).click();
  await strip.locator('summary').click();
  await expect(strip.getByText('Steps', { exact: true })).toBeVisible({
    timeout: 120_000
  });
  const presets = (await section.locator('.jp-llmtune-presets').boundingBox())!;
  const below = (await strip.boundingBox())!;
  expect(below.y - (presets.y + presets.height)).toBeGreaterThan(180);

  for (const height of [900, 560]) {
    await page.setViewportSize({ width: 1024, height });
    await widenSidebar(page, 284);
    const model = section.getByRole('combobox', { name: 'Model', exact: true });
    await model.click();
    const list = section.getByRole('listbox');
    await expect(list.getByRole('option').first()).toBeVisible();
    await page.screenshot({ path: `artefacts/list-${height}.png` });
    const panel = (await page.locator('#jp-llmtune-sidebar').boundingBox())!;
    const box = (await list.boundingBox())!;
    expect(box.width).toBeGreaterThan(panel.width - 20);
    expect(box.y).toBeGreaterThanOrEqual(0);
    expect(box.y + box.height).toBeLessThanOrEqual(height);
    const corners = await list.evaluate(element => {
      const { left, right, top, bottom } = element.getBoundingClientRect();
      return [top + 4, bottom - 4].flatMap(y =>
        [left + 4, right - 24].map(x =>
          element.contains(document.elementFromPoint(x, y))
        )
      );
    });
    expect(corners).toEqual([true, true, true, true]);
    await page.keyboard.press('Escape');
    await expect(list).toHaveCount(0);
  }
});
