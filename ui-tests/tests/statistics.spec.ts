import type { IJupyterLabPageFixture } from '@jupyterlab/galata';
import { expect, test } from '@jupyterlab/galata';
import type { Locator } from '@playwright/test';

import { expectAccessible, THEMES } from './accessibility';
import { expectFitting } from './fitting';
import { openDataSection, openRows, widenSidebar } from './notebooks';

const WRITE_ROWS = `%load_ext llmtune_kernel
words = "river stone cloud window paper garden silver mountain table letter".split()
rows = [
    {
        "prompt": f"What is number {n}?",
        "completion": " ".join(words[n * k % 10] + str(n * k) for k in range(1, 4 + n % 50)),
    }
    for n in range(300)
]
rows += [rows[7], {"prompt": "And now?", "completion": ""}, rows[9]]`;

const RUN = `%%finetune counting
# mine
data:
  train: $rows
  max_length: 512
  on_bad_row: skip`;

const MINUTE = 60_000;

test.use({ viewport: { width: 1280, height: 800 } });

test('The statistics tell what another max_length would cut, and the cell takes it', async ({
  page,
  tmpPath
}) => {
  test.setTimeout(4 * MINUTE);
  const section = await openDataSection(page, `${tmpPath}/data.ipynb`, [
    WRITE_ROWS,
    RUN
  ]);
  for (const name of ['Configure', 'Runs']) {
    await page.getByRole('heading', { name: `${name} Section` }).click();
  }

  await test.step('nothing is counted before somebody wants it', async () => {
    await section.getByText('Statistics').click();
    await expect(figure(section, 'Duplicates')).toHaveText('2', {
      timeout: MINUTE
    });
    await expect(figure(section, 'Empty answers')).toHaveText('1');
    await expect(figure(section, 'Roles out of order')).toHaveText('0');
    await expect(section.getByText('No row is longer.')).toBeVisible();
    // The summary comes by itself, and moves what is below it.
    await expect(section.getByText('Tokens a row')).toBeVisible();
  });

  await test.step('all of it fits into a narrow sidebar', async () => {
    await page.screenshot({ path: 'artefacts/statistics-narrow.png' });
    await expectFitting(section);
    await widenSidebar(page, 332);
  });

  const line = section.getByRole('slider', { name: 'max_length in tokens' });
  const use = section.getByRole('button', { name: 'Use as max_length' });

  await test.step('the line is dragged, and the figures follow', async () => {
    await expect(use).toBeDisabled();
    await line.scrollIntoViewIfNeeded();
    await dragTo(page, section, 0.75);
    await expect(section.getByText(/^\d+ of 302 rows are cut/)).toBeVisible();
    const few = await cutRows(section);
    await dragTo(page, section, 0.5);
    await expect.poll(() => cutRows(section)).toBeGreaterThan(few);
    await expect(use).toBeEnabled();
    expect(await source(page, 1)).toBe(RUN);
  });

  await test.step('keys move it too', async () => {
    await expect(line).toBeFocused();
    const before = Number(await line.getAttribute('aria-valuenow'));
    const cut = await cutRows(section);
    await page.keyboard.press('PageDown');
    await expect
      .poll(async () => Number(await line.getAttribute('aria-valuenow')))
      .toBeLessThan(before);
    await expect.poll(() => cutRows(section)).toBeGreaterThan(cut);
    await expect(line).toHaveAttribute('aria-valuetext', /rows are cut/);
  });

  for (const theme of THEMES) {
    await page.theme.setTheme(theme);
    await expectAccessible(page, '#jp-llmtune-data');
    await figure(section, 'Languages').scrollIntoViewIfNeeded();
    await page.screenshot({ path: `artefacts/statistics-${theme}.png` });
  }
  await page.theme.setTheme(THEMES[0]);

  await test.step('the cell takes it, and the rest of it stays', async () => {
    const limit = await line.getAttribute('aria-valuenow');
    await use.click();
    await expect.poll(() => source(page, 1)).toBe(RUN.replace('512', limit!));
    await expect(use).toBeDisabled();
    await expect(section.getByText('max_length: ' + limit)).toBeVisible();
  });
});

test('In the tab of the data a figure leads to the rows that it counts', async ({
  page,
  tmpPath
}) => {
  test.setTimeout(4 * MINUTE);
  const section = await openDataSection(page, `${tmpPath}/data.ipynb`, [
    WRITE_ROWS,
    RUN
  ]);
  const tab = await openRows(page, section);
  await expect(tab.getByText('303 rows', { exact: true })).toBeVisible();
  await tab.getByText('Statistics').click();
  await expect(figure(tab, 'Duplicates')).toHaveText('2', { timeout: MINUTE });
  for (const theme of THEMES) {
    await page.theme.setTheme(theme);
    await expectAccessible(page, '.jp-llmtune-inspector');
    await page.screenshot({ path: `artefacts/statistics-tab-${theme}.png` });
  }
  await page.theme.setTheme(THEMES[0]);

  await figure(tab, 'Duplicates').getByRole('button').click();
  await expect(tab.getByText('4 of 303 rows')).toBeVisible();
  await expect(tab.getByRole('textbox', { name: 'Filter' })).toHaveValue(
    '_row IN (7, 9, 300, 302)'
  );
  await figure(tab, 'Empty answers').getByRole('button').click();
  await expect(tab.getByText('1 of 303 rows')).toBeVisible();

  await dragTo(page, tab, 0.5);
  await expect(tab.getByText(/^\d+ of 302 rows are cut/)).toBeVisible();
  const limit = await tab.getByRole('slider').getAttribute('aria-valuenow');
  await tab.getByRole('button', { name: 'Use as max_length' }).click();
  await page.activity.activateTab('data.ipynb');
  await expect.poll(() => source(page, 1)).toBe(RUN.replace('512', limit!));
});

test('Several sources are planned and counted together, and looked through one by one', async ({
  page,
  tmpPath
}) => {
  test.setTimeout(4 * MINUTE);
  const section = await openDataSection(page, `${tmpPath}/data.ipynb`, [
    `${WRITE_ROWS}\nmore = rows[:20]`,
    RUN.replace('$rows', '[$more, { source: $rows, num_samples: 100 }]')
  ]);
  await expect(
    page.getByRole('button', { name: 'Run', exact: true })
  ).toBeEnabled();
  for (const name of ['Configure', 'Runs']) {
    await page.getByRole('heading', { name: `${name} Section` }).click();
  }
  await section.getByText('Statistics').click();
  await expect(figure(section, '$more')).toContainText('20 of 20 rows', {
    timeout: MINUTE
  });
  await expect(figure(section, '$rows')).toContainText(/of 303 rows/);
  await page.screenshot({ path: 'artefacts/statistics-sources.png' });
  const tab = await openRows(page, section, 'Inspect $rows…');
  await expect(tab.getByText('303 rows', { exact: true })).toBeVisible();
});

/** The value beside a name. */
function figure(view: Locator, name: string): Locator {
  return view
    .locator('.jp-llmtune-statistics')
    .getByText(name, { exact: true })
    .locator('xpath=following-sibling::dd[1]');
}

/** Drag the line to a place of the histogram, from 0 to 1. */
async function dragTo(
  page: IJupyterLabPageFixture,
  view: Locator,
  place: number
): Promise<void> {
  const slider = (await view.getByRole('slider').boundingBox())!;
  const area = (await view.locator('.jp-llmtune-lengths-area').boundingBox())!;
  const middle = area.y + area.height / 2;
  await page.mouse.move(slider.x + slider.width / 2 - 1, middle);
  await page.mouse.down();
  await page.mouse.move(area.x + place * area.width, middle, { steps: 5 });
  await page.mouse.up();
}

async function cutRows(view: Locator): Promise<number> {
  const said = await view.getByText(/rows are cut/).textContent();
  return parseInt(said!);
}

function source(page: IJupyterLabPageFixture, cell: number): Promise<string> {
  return page.evaluate(cell => {
    const { shell } = (window as any).jupyterapp;
    return shell.currentWidget.content.widgets[cell].model.sharedModel.source;
  }, cell);
}
