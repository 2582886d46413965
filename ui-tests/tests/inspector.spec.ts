import type { IJupyterLabPageFixture } from '@jupyterlab/galata';
import { expect, test } from '@jupyterlab/galata';

import type { Locator } from '@playwright/test';

import { expectAccessible, THEMES } from './accessibility';
import { openDataSection, openRows } from './notebooks';
import { clickRow, RUN_ROWS, WRITE_ROWS } from './rows';

const ROWS = 1_000_000;

const WRITE = `%load_ext llmtune_kernel
with open("million.jsonl", "w") as file:
    for n in range(${ROWS}):
        file.write('{"prompt": "Count to %d", "completion": "one, two", "score": %d}\\n' % (n, n % 1000))`;

const RUN = `%%finetune counting
# mine
data: million.jsonl
training: {max_steps: 1}`;

const MINUTE = 60_000;

test.use({ viewport: { width: 1280, height: 800 } });

test('A million rows are looked through, searched, filtered, and some of them trained on', async ({
  page,
  tmpPath
}) => {
  test.setTimeout(5 * MINUTE);
  const section = await openDataSection(page, `${tmpPath}/data.ipynb`, [
    WRITE,
    RUN
  ]);
  const inspect = section.getByRole('button', { name: 'Inspect…' });
  await inspect.click();
  const tab = page.locator('.jp-llmtune-inspector');
  const grid = tab.getByRole('application', { name: 'Rows of the data' });
  const chosen = tab.locator('.jp-llmtune-inspector-row');

  await test.step('the first rows are there before all are read', async () => {
    await expect(
      page.getByRole('tab', { name: 'Data: million.jsonl' })
    ).toBeVisible();
    await expect(tab.getByText(/^[\d,]+ rows/)).toBeVisible();
    await clickRow(page, 3);
    await expect(chosen).toHaveText(
      'Row 3; prompt: Count to 3; completion: one, two; score: 3'
    );
    await expect(tab.getByText('1,000,000 rows', { exact: true })).toBeVisible({
      timeout: 2 * MINUTE
    });
    await page.screenshot({ path: 'artefacts/inspector.png' });
  });

  await test.step('row 900,000 is there when it is scrolled to', async () => {
    await scrollTo(page, 900_000);
    await clickRow(page, 0);
    await expect(chosen).toContainText('Row 900000; prompt: Count to 900000');
    await page.screenshot({ path: 'artefacts/inspector-far.png' });
  });

  await test.step('keys go through the rows', async () => {
    await grid.focus();
    await page.keyboard.press('ArrowDown');
    await expect(chosen).toContainText('Row 900001;');
    await page.keyboard.press('PageUp');
    await expect(chosen).not.toContainText('Row 900001;');
  });

  await test.step('a search finds text in any column', async () => {
    await tab.getByRole('searchbox', { name: 'Search' }).fill('TO 77777');
    await expect(tab.getByText('11 of 1,000,000 rows')).toBeVisible();
    await clickRow(page, 1);
    await expect(chosen).toContainText('Row 777770; prompt: Count to 777770');
    await page.screenshot({ path: 'artefacts/inspector-search.png' });
    await tab.getByRole('searchbox', { name: 'Search' }).fill('');
    await expect(
      tab.getByText('1,000,000 rows', { exact: true })
    ).toBeVisible();
  });

  await test.step('a mistake in a filter is told at its box', async () => {
    const filter = tab.getByRole('textbox', { name: 'Filter' });
    await filter.fill('scroe = 7');
    await filter.press('Enter');
    await expect(tab.getByRole('alert')).toContainText('"scroe" not found');
    await expect(tab.getByRole('alert')).toContainText('"score"');
    await expect(
      tab.getByText('Columns: prompt, completion, score')
    ).toBeVisible();
    await page.screenshot({ path: 'artefacts/inspector-mistake.png' });
    await filter.fill('score = 7 AND _row > 10000');
    await filter.press('Enter');
    await expect(tab.getByText('990 of 1,000,000 rows')).toBeVisible();
    await expect(tab.getByRole('alert')).toHaveCount(0);
  });

  await test.step('rows are sorted and left out', async () => {
    await tab.getByRole('combobox', { name: 'Column' }).selectOption('prompt');
    await tab
      .getByRole('combobox', { name: 'Order' })
      .selectOption('descending');
    // Before the order is known there are the rows before.
    await expect(async () => {
      await clickRow(page, 0);
      await expect(chosen).toContainText('Row 999007;', { timeout: 2000 });
    }).toPass();
    await page.keyboard.press('Delete');
    await expect(tab.getByText('989 of 1,000,000 rows')).toBeVisible();
    // The next one moves up, and is selected.
    await expect(chosen).toContainText('Row 998007;');
    for (const theme of THEMES) {
      await page.theme.setTheme(theme);
      await page.screenshot({ path: `artefacts/inspector-${theme}.png` });
      await expectAccessible(page, '.jp-llmtune-inspector');
    }
    await page.theme.setTheme(THEMES[0]);
  });

  await test.step('what is left is saved as a variable, and the cell trains on it', async () => {
    await tab.getByRole('button', { name: 'Save as Variable…' }).click();
    const dialog = page.locator('.jp-Dialog');
    await dialog.getByRole('textbox').fill('sevens');
    await page.screenshot({ path: 'artefacts/inspector-save.png' });
    await dialog.getByRole('button', { name: 'Save' }).click();
    await expect(dialog).toContainText('Saved 989 rows as $sevens');
    await dialog.getByRole('button', { name: 'Use in the Cell' }).click();
    await expect
      .poll(() => source(page, 1))
      .toBe(RUN.replace('million.jsonl', '$sevens'));
    await page.notebook.addCell('code', 'len(sevens), sevens[0]["score"]');
    await page.notebook.runCell(2);
    await expect(page.getByText('(989, 7)')).toBeVisible();
  });

  await test.step('a name that is taken is asked for again', async () => {
    await page.getByRole('tab', { name: 'Data: million.jsonl' }).click();
    await tab.getByRole('button', { name: 'Save as Variable…' }).click();
    const dialog = page.locator('.jp-Dialog');
    await dialog.getByRole('textbox').fill('sevens');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await expect(dialog).toContainText('There is a variable sevens already.');
    await dialog.getByRole('button', { name: 'Cancel' }).click();
  });

  await test.step('the tab is there again after the page is reloaded', async () => {
    await page.notebook.activate('data.ipynb');
    await page.notebook.save();
    await page.reload({ waitForIsReady: false });
    // JupyterLab brings back which tab was in front last of all.
    await expect(async () => {
      await page.getByRole('tab', { name: 'Data: million.jsonl' }).click();
      await expect(
        tab.getByText('1,000,000 rows', { exact: true })
      ).toBeVisible({ timeout: 3_000 });
    }).toPass({ timeout: MINUTE });
  });

  await test.step('a variable that has changed is read anew when it is inspected again', async () => {
    const inspectRows = (count: number) =>
      page.evaluate(async count => {
        const { commands, shell } = (window as any).jupyterapp;
        const panel = [...shell.widgets('main')].find(
          widget => widget.title.label === 'data.ipynb'
        );
        const { kernel } = panel.sessionContext.session;
        const code = `few = [{"text": "a"}] * ${count}`;
        await kernel.requestExecute({ code }).done;
        await commands.execute('llmtune:inspect-data', {
          source: '$few',
          notebook: panel.context.path
        });
      }, count);
    const few = page.locator('.jp-llmtune-inspector[aria-label="$few"]');
    await inspectRows(3);
    await expect(few.getByText('3 rows', { exact: true })).toBeAttached();
    await inspectRows(5);
    await expect(few.getByText('5 rows', { exact: true })).toBeAttached();
    await expect(page.getByRole('tab', { name: 'Data: $few' })).toHaveCount(1);
  });
});

test('The chosen row stays chosen while the view holds it', async ({
  page,
  tmpPath
}) => {
  test.setTimeout(3 * MINUTE);
  const section = await openDataSection(page, `${tmpPath}/stays.ipynb`, [
    WRITE_ROWS,
    RUN_ROWS
  ]);
  const tab = await openRows(page, section);
  const chosen = tab.locator('.jp-llmtune-inspector-row');
  const search = tab.getByRole('searchbox', { name: 'Search' });
  await clickRow(page, 7);
  await expect(chosen).toContainText('Row 7;');
  // The column in numbers gives way to the row; the header sorts, too.
  await expect(tab.getByRole('combobox', { name: 'Order' })).toHaveCount(0);
  await clickHeader(page);
  await clickHeader(page);
  await search.fill('I am 7');
  await expect(tab.getByText('111 of 1,500 rows')).toBeVisible();
  await expect(chosen).toContainText('Row 7;');
  await page.screenshot({ path: 'artefacts/inspector-stays.png' });
  await tab
    .getByRole('application', { name: 'Rows of the data' })
    .press('ArrowUp');
  await expect(chosen).toContainText('Row 70;');
  await search.fill('I am 8');
  await expect(chosen).toBeEmpty();
});

test('In a narrow tab nothing is cut off', async ({ page, tmpPath }) => {
  test.setTimeout(3 * MINUTE);
  const section = await openDataSection(page, `${tmpPath}/narrow.ipynb`, [
    `${WRITE_ROWS}\nrows[1201] = rows[1200]`,
    RUN_ROWS
  ]);
  // A line each.
  await expect(section.locator('.jp-llmtune-fault-where')).toHaveText(
    /row 1200: .*\n.*row 1201: /,
    { timeout: MINUTE, useInnerText: true }
  );
  const tab = await openRows(page, section);
  await page.setViewportSize({ width: 700, height: 800 });
  await expect(tab.getByRole('combobox', { name: 'Column' })).toBeVisible();
  await page.screenshot({ path: 'artefacts/inspector-narrow.png' });
  await expectInside(tab);
  await clickRow(page, 2);
  await expect(
    tab.getByRole('button', { name: 'Close the row' })
  ).toBeInViewport({ ratio: 1 });
  await page.screenshot({ path: 'artefacts/row-narrow.png' });
  await expectInside(tab);
});

test('A column without a name is counted and filtered', async ({
  page,
  tmpPath
}) => {
  test.setTimeout(3 * MINUTE);
  const section = await openDataSection(page, `${tmpPath}/unnamed.ipynb`, [
    `%load_ext llmtune_kernel
with open("indexed.csv", "w") as file:
    file.write(",prompt,completion\\n")
    file.writelines(f"{n},Count to {n},one\\n" for n in range(20))`,
    '%%finetune indexed\ndata: indexed.csv'
  ]);
  const tab = await openRows(page, section);
  await expect(tab.getByRole('combobox', { name: 'Column' })).toHaveText(
    /^\(without a name\)/
  );
  const different = tab.locator('dt:text("Different values") + dd');
  await expect(different).toHaveText('20');
  await tab.getByRole('textbox', { name: 'Filter' }).fill("unnamed = '7'");
  await page.keyboard.press('Enter');
  await expect(tab.getByText('1 of 20 rows')).toBeVisible();
  await expect(different).toHaveText('1');
});

test('Text that turns direction stays in order, and of a broken file no part is saved', async ({
  page,
  tmpPath
}) => {
  test.setTimeout(3 * MINUTE);
  const section = await openDataSection(page, `${tmpPath}/broken.ipynb`, [
    `%load_ext llmtune_kernel
with open("broken.jsonl", "w") as file:
    for n in range(300):
        file.write('{"prompt": "a \\u202edcba b", "completion": "x"}\\n')
    file.write('{"prompt": \\n')`,
    '%%finetune broken\ndata: broken.jsonl'
  ]);
  const tab = await openRows(page, section);
  const mistake = tab.getByText('broken.jsonl, line 301');
  await expect(mistake).toBeVisible();
  await page.screenshot({ path: 'artefacts/inspector-broken.png' });
  await tab.getByRole('button', { name: 'Save as Variable…' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await expect(dialog).toContainText('line 301');
  await page.screenshot({ path: 'artefacts/inspector-broken-save.png' });
});

test('Columns that cannot be kept are named above the rows', async ({
  page,
  tmpPath
}) => {
  test.setTimeout(3 * MINUTE);
  const section = await openDataSection(page, `${tmpPath}/kept.ipynb`, [
    '%load_ext llmtune_kernel\nkept = [{"text": "One", "seen": {1}}] * 20',
    '%%finetune kept\ndata: $kept'
  ]);
  const tab = await openRows(page, section);
  await expect(tab.getByText(/cannot be kept: seen$/)).toBeVisible();
  await page.screenshot({ path: 'artefacts/inspector-kept.png' });
});

test('Where no row fits there is a way back to all', async ({
  page,
  tmpPath
}) => {
  test.setTimeout(3 * MINUTE);
  const section = await openDataSection(page, `${tmpPath}/none.ipynb`, [
    WRITE_ROWS,
    RUN_ROWS
  ]);
  const tab = await openRows(page, section);
  const search = tab.getByRole('searchbox', { name: 'Search' });
  await search.fill('nowhere');
  await expect(tab.getByText('0 of 1,500 rows')).toBeVisible();
  await expect(
    tab.getByText('No row fits the search and the filter.')
  ).toBeVisible();
  await page.screenshot({ path: 'artefacts/inspector-none.png' });
  await tab.getByRole('button', { name: 'Show All Rows' }).click();
  await expect(tab.getByText('1,500 rows', { exact: true })).toBeVisible();
  await expect(search).toHaveValue('');
});

/** No control reaches beyond the right edge. */
async function expectInside(tab: Locator): Promise<void> {
  await expect
    .poll(() =>
      tab.evaluate(node => {
        const { right } = node.getBoundingClientRect();
        return [...node.querySelectorAll('button, input, select, h2, dd')]
          .filter(part => part.getBoundingClientRect().right > right)
          .map(part => part.textContent);
      })
    )
    .toEqual([]);
}

/** Click on the header of the first column. */
async function clickHeader(page: IJupyterLabPageFixture): Promise<void> {
  await page
    .locator('.jp-llmtune-grid .lm-DataGrid-viewport')
    .click({ position: { x: 200, y: 13 } });
}

/** As the scroll bar does. */
async function scrollTo(
  page: IJupyterLabPageFixture,
  row: number
): Promise<void> {
  await page.evaluate(row => {
    const { content } = (window as any).jupyterapp.shell.currentWidget;
    content._grid.scrollTo(0, row * 24);
  }, row);
}

function source(page: IJupyterLabPageFixture, cell: number): Promise<string> {
  return page.evaluate(cell => {
    const { shell } = (window as any).jupyterapp;
    return shell.currentWidget.content.widgets[cell].model.sharedModel.source;
  }, cell);
}
