import type { IJupyterLabPageFixture } from '@jupyterlab/galata';
import { expect, test } from '@jupyterlab/galata';

import { openDataSection, openRows } from './notebooks';

const WRITE = `%load_ext llmtune_kernel
rows = [{"prompt": f"What is {n}?", "completion": f"It is {n}."} for n in range(9)]`;

const RUN = `%%finetune changing
data: $rows`;

const CHANGE = `rows[2] = {"prompt": "What is new?", "completion": "This is."}`;

const WRITE_FILE = `%load_ext llmtune_kernel
import json
def write(*numbers):
    with open("changing.jsonl", "w") as file:
        for n in numbers:
            print(json.dumps({"prompt": f"What is {n}?", "completion": f"It is {n}."}), file=file)
write(1, 2, 3)`;

const RUN_FILE = `%%finetune changing_file
data: changing.jsonl`;

test.use({ viewport: { width: 1280, height: 800 } });

test('Rows that changed under an open view are told, and only the same rows stay left out', async ({
  page,
  tmpPath
}) => {
  test.setTimeout(180_000);
  const section = await openDataSection(page, `${tmpPath}/changed.ipynb`, [
    WRITE,
    RUN
  ]);
  await expect(section.getByText('Marked tokens are trained.')).toBeAttached({
    timeout: 60_000
  });
  await expect(
    section.getByRole('button', { name: 'Inspect…' })
  ).toBeInViewport();
  const tab = await openRows(page, section);
  const grid = tab.getByRole('application', { name: 'Rows of the data' });
  const told = tab.getByText('The data have changed since they were read.');
  const leaveOut = async (row: number) => {
    await grid.click({ position: { x: 200, y: 26 + 24 * row + 12 } });
    await expect(tab.locator('.jp-llmtune-inspector-row')).toContainText(
      `Row ${row};`
    );
    await tab.getByRole('button', { name: 'Leave Out' }).click();
  };
  await leaveOut(5);
  await leaveOut(2);
  await expect(tab.getByText('7 of 9 rows')).toBeVisible();

  await runBeside(page, CHANGE);
  await expect(told).toBeVisible();
  await expect(
    tab.getByRole('button', { name: 'Save as Variable…' })
  ).toBeDisabled();
  await page.screenshot({ path: 'artefacts/changed-data.png' });

  await tab.getByRole('button', { name: 'Read Again' }).click();
  await expect(told).toBeHidden();
  await expect(tab.getByText('8 of 9 rows')).toBeVisible();
  await expect(tab.getByText('1 row is no longer left out')).toBeVisible();
  await expect(
    tab.getByRole('button', { name: 'Save as Variable…' })
  ).toBeEnabled();
  await page.screenshot({ path: 'artefacts/changed-data-read.png' });
});

test('A file that was edited is read again by views in which nothing would be lost', async ({
  page,
  tmpPath
}) => {
  test.setTimeout(180_000);
  const section = await openDataSection(page, `${tmpPath}/edited.ipynb`, [
    WRITE_FILE,
    RUN_FILE
  ]);
  const rows = section.locator('dd').first();
  await expect(rows).toHaveText('3', { timeout: 60_000 });
  const tab = await openRows(page, section);
  await runBeside(page, 'write(1, 2, 3, 4)');
  await expect(tab.getByText('4 rows', { exact: true })).toBeVisible();
  await expect(rows).toHaveText('4', { timeout: 60_000 });
});

/** Run code as a cell of the notebook while the inspector is in front, and choose the cell of the run again. */
async function runBeside(
  page: IJupyterLabPageFixture,
  code: string
): Promise<void> {
  await page.evaluate(async code => {
    const { shell, commands } = (window as any).jupyterapp;
    const panel = [...shell.widgets('main')].find((w: any) => w.sessionContext);
    panel.content.activeCellIndex = 1;
    await commands.execute('notebook:insert-cell-below', { activate: false });
    const { content } = panel;
    content.activeCell.model.sharedModel.setSource(code);
    await commands.execute('notebook:run-cell', { activate: false });
    // The section shows the cell that is chosen.
    content.activeCellIndex = 1;
  }, code);
}
