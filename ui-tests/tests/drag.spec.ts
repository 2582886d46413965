import type { IJupyterLabPageFixture } from '@jupyterlab/galata';
import { expect, test } from '@jupyterlab/galata';
import type { Locator } from '@playwright/test';

import { openNotebook } from './notebooks';

const LOAD = '%load_ext llmtune_kernel';

// Galata's stand-in for the kernel service does not see what a kernel has.
test.use({ kernels: null, sessions: null });

test('Files and folders are dragged from the file browser into the form', async ({
  page,
  tmpPath
}) => {
  const row = JSON.stringify({ prompt: 'a', completion: 'b' });
  await page.contents.uploadContent(
    Array(12).fill(row).join('\n'),
    'text',
    `${tmpPath}/dragged.jsonl`
  );
  await page.contents.createDirectory(`${tmpPath}/tuned`);
  await openNotebook(page, `${tmpPath}/drag.ipynb`, [LOAD]);
  await page.notebook.runCell(0);
  const sidebar = page.locator('#jp-llmtune-sidebar');
  const field = (name: string) =>
    sidebar.getByRole('combobox', { name, exact: true });
  await page.getByRole('tab', { name: 'Fine-tuning' }).click();
  await expect(field('Training data')).toBeVisible();

  for (const [file, name, value] of [
    ['dragged.jsonl', 'Training data', 'dragged.jsonl'],
    ['tuned', 'Model', './tuned']
  ]) {
    await page.getByRole('tab', { name: /^File Browser/ }).click();
    await page.filebrowser.refresh();
    const item = page.locator('.jp-DirListing-item', { hasText: file });
    await drag(page, item, page.getByRole('tab', { name: 'Fine-tuning' }));
    await expect(field(name)).toBeVisible();
    await moveTo(page, field(name));
    await expect(sidebar.locator('.jp-mod-dropTarget')).toHaveCount(1);
    await page.mouse.up();
    await expect(field(name)).toHaveValue(value);
    await expect(sidebar.locator('.jp-mod-dropTarget')).toHaveCount(0);
  }

  // A configuration takes the place of what the form shows, wherever it is dropped.
  const mine = 'model_name_or_path: smollm2-135m\ndataset: mine\nstage: sft\n';
  await page.contents.uploadContent(mine, 'text', `${tmpPath}/sft.yaml`);
  await page.getByRole('tab', { name: /^File Browser/ }).click();
  await page.filebrowser.refresh();
  const file = page.locator('.jp-DirListing-item', { hasText: 'sft.yaml' });
  await drag(page, file, page.getByRole('tab', { name: 'Fine-tuning' }));
  await moveTo(page, field('Training data'));
  await expect(sidebar.locator('.jp-mod-dropTarget')).toHaveCount(1);
  await page.mouse.up();
  await sidebar.getByRole('button', { name: 'Translate' }).click();
  await expect(field('Training data')).toHaveValue('mine');

  // From the desktop, too.
  await sidebar.locator('#jp-llmtune-configure').evaluate(node => {
    const dataTransfer = new DataTransfer();
    const text = '{"data": "theirs.jsonl", "method": "full"}';
    dataTransfer.items.add(new File([text], 'run.json'));
    const options = { bubbles: true, cancelable: true, dataTransfer };
    for (const type of ['dragenter', 'dragover', 'drop']) {
      node.firstElementChild!.dispatchEvent(new DragEvent(type, options));
    }
  });
  await expect(field('Training data')).toHaveValue('theirs.jsonl');
});

test('A notebook that was moved is offered the files that its kernel finds', async ({
  page,
  tmpPath
}) => {
  const row = JSON.stringify({ prompt: 'a', completion: 'b' });
  await page.contents.uploadContent(row, 'text', `${tmpPath}/stayed.jsonl`);
  await page.contents.createDirectory(`${tmpPath}/new`);
  await openNotebook(page, `${tmpPath}/moved.ipynb`, [LOAD]);
  await page.notebook.runCell(0);
  await page.evaluate(
    ([before, after]) =>
      window.jupyterapp.serviceManager.contents.rename(before, after),
    [`${tmpPath}/moved.ipynb`, `${tmpPath}/new/moved.ipynb`]
  );
  await page.getByRole('tab', { name: 'Fine-tuning' }).click();
  const data = page
    .locator('#jp-llmtune-sidebar')
    .getByRole('combobox', { name: 'Training data', exact: true });
  await data.click();
  await page.getByRole('option', { name: /^stayed/ }).click();
  await expect(data).toHaveValue('stayed.jsonl');
});

/** Take hold of something, and carry it without letting go. */
async function drag(
  page: IJupyterLabPageFixture,
  what: Locator,
  where: Locator
): Promise<void> {
  await what.hover();
  await page.mouse.down();
  await moveTo(page, where);
}

async function moveTo(
  page: IJupyterLabPageFixture,
  where: Locator
): Promise<void> {
  const { x, y, width, height } = (await where.boundingBox())!;
  await page.mouse.move(x + width / 2, y + height / 2, { steps: 12 });
}
