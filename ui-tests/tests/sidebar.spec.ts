import type { IJupyterLabPageFixture } from '@jupyterlab/galata';
import { expect, test } from '@jupyterlab/galata';
import type { Locator } from '@playwright/test';

import { openNotebook } from './notebooks';

const DATA = `%load_ext llmtune_kernel
rows = [
    {"prompt": f"What is the capital of {country}?", "completion": f"Aye, the helm is set for {capital}."}
    for country, capital in {
        "France": "Paris", "Italy": "Rome", "Japan": "Tokyo", "Egypt": "Cairo", "Peru": "Lima", "Norway": "Oslo",
        "Greece": "Athens", "Kenya": "Nairobi", "Cuba": "Havana", "Chile": "Santiago", "Austria": "Vienna",
    }.items()
]`;

// Galata's stand-in for the kernel service does not see a kernel end.
test.use({ kernels: null, sessions: null });
test.use({ viewport: { width: 1280, height: 1000 } });

test('A model is tuned and asked from the sidebar alone', async ({
  page,
  tmpPath
}) => {
  test.setTimeout(10 * MINUTE);
  await openNotebook(page, `${tmpPath}/sidebar.ipynb`, [DATA, '']);
  const sidebar = page.locator('#jp-llmtune-sidebar');
  const section = (id: string) => page.locator(`#jp-llmtune-${id}`);
  const cell = page.locator('.jp-CodeCell').nth(2);
  const newest = section('runs').getByRole('row').first();

  await test.step('it says what is missing before the kernel half is loaded', async () => {
    await page.getByRole('tab', { name: 'Fine-tuning' }).click();
    await expect(sidebar.getByText('has not loaded')).toBeVisible();
    await screenshot(page, 1, 'not-loaded');
    await page.notebook.runCell(0);
    await expect(sidebar.getByText('has not loaded')).toHaveCount(0);
  });

  await test.step('data are chosen, and the form says what the run will take', async () => {
    await sidebar.getByRole('combobox', { name: 'Training data' }).click();
    await sidebar.getByRole('option', { name: /^\$rows/ }).click();
    await sidebar.getByText('Presets', { exact: true }).click();
    await sidebar.getByRole('button', { name: 'Quick try' }).click();
    await sidebar.getByText('Before you run').click();
    await expect(sidebar.getByText('Steps', { exact: true })).toBeVisible({
      timeout: MINUTE
    });
    await screenshot(page, 2, 'configured');
  });

  await test.step('Run writes a cell and runs it', async () => {
    await sidebar.getByRole('button', { name: 'Run', exact: true }).click();
    await expect(cell).toContainText('%%finetune run');
    await expect(cell.locator('.jp-InputPrompt')).toHaveText(/\[\d+\]/);
    await expect(newest.getByText('training')).toBeVisible({
      timeout: MINUTE
    });
    await expect
      .poll(() => points(cell), { timeout: 2 * MINUTE })
      .toBeGreaterThan(8);
    await screenshot(page, 3, 'training');
  });

  await test.step('the run opens in a tab of its own', async () => {
    await newest.dblclick();
    const tab = page.locator('.jp-llmtune-run');
    await expect(tab.locator('.jp-llmtune-chart')).toBeVisible();
    await expect
      .poll(() => points(tab), { timeout: MINUTE })
      .toBeGreaterThan(3);
    await screenshot(page, 4, 'tab');
    await expect(newest.getByText('finished')).toBeVisible({
      timeout: 3 * MINUTE
    });
    await screenshot(page, 5, 'finished');
  });

  await test.step('the tuned model answers beside its base', async () => {
    await page.notebook.activate('sidebar.ipynb');
    await sidebar.getByRole('heading', { name: 'Playground Section' }).click();
    const playground = section('playground');
    const models = playground.getByRole('combobox', { name: 'Add a model' });
    await models.selectOption('model:smollm2-135m');
    const [, name] = /%%finetune (\S+)/.exec(await cell.innerText())!;
    await models.selectOption(`run:${name}`);
    await playground
      .getByRole('textbox', { name: 'Message' })
      .fill('What is the capital of Spain?');
    await playground.getByRole('button', { name: 'Send' }).click();
    await expect(
      playground.locator('.jp-llmtune-turn.jp-mod-assistant')
    ).toHaveCount(2, { timeout: MINUTE });
    await expect(playground.getByRole('button', { name: 'Send' })).toBeVisible({
      timeout: MINUTE
    });
    await screenshot(page, 6, 'playground');
  });
});

test('A model is tuned and asked by keyboard alone', async ({
  page,
  tmpPath
}) => {
  test.setTimeout(5 * MINUTE);
  await openNotebook(page, `${tmpPath}/keyboard.ipynb`, [DATA, '']);
  await page.notebook.runCell(0);
  const focused = page.locator(':focus');
  await page.keyboard.press('Control+Shift+Y');
  await expect(page.locator('#jp-llmtune-sidebar')).toBeFocused();
  await expect(
    page.getByRole('combobox', { name: 'Training data' })
  ).toBeVisible();

  await tabTo(page, 'Training data');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await expect(focused).toHaveValue('$rows');
  await tabTo(page, 'Presets', 'Shift+Tab');
  await page.keyboard.press('Enter');
  await tabTo(page, 'Quick try');
  await page.keyboard.press('Enter');
  await tabTo(page, 'Run', 'Shift+Tab');
  await page.keyboard.press('Enter');
  const newest = page.locator('#jp-llmtune-runs').getByRole('row').first();
  await expect(newest.getByText('training')).toBeVisible({ timeout: MINUTE });

  await page.keyboard.press('Control+Shift+Y');
  await tabTo(page, /^run\d*, training$/);
  await page.keyboard.press('Enter');
  await expect(page.locator('.jp-llmtune-run')).toBeVisible();
  await expect(newest.getByText('finished')).toBeVisible({
    timeout: 3 * MINUTE
  });

  // From inside the tab of the run.
  await page.keyboard.press('Control+Shift+Y');
  await expect(page.locator('#jp-llmtune-sidebar')).toBeFocused();
  await tabTo(page, 'Playground Section');
  await page.keyboard.press('Enter');
  await tabTo(page, 'Add a model');
  const picked = focused.locator('option:checked');
  for (let count = 0; count < 100; count++) {
    await page.keyboard.press('ArrowDown');
    if (/^run\d*$/.test((await picked.textContent()) ?? '')) {
      break;
    }
  }
  await page.keyboard.press('Enter');
  const answers = page.getByRole('region', { name: /^run\d*$/ });
  await expect(answers).toBeVisible();
  await tabTo(page, 'Message');
  await page.keyboard.type('What is the capital of Spain?');
  await page.keyboard.press('Enter');
  await expect(
    answers.locator('.jp-llmtune-turn.jp-mod-assistant')
  ).not.toBeEmpty({ timeout: MINUTE });
});

/** How many points the chart in a part of the page has. */
async function points(part: Locator): Promise<number> {
  const chart = part.locator('.jp-llmtune-chart');
  return Number(await chart.getAttribute('data-points'));
}

/** Press a key until the thing of this name has the focus. */
async function tabTo(
  page: IJupyterLabPageFixture,
  name: string | RegExp,
  key: 'Tab' | 'Shift+Tab' = 'Tab'
): Promise<void> {
  const reached: string[] = [];
  for (let count = 0; count < 80; count++) {
    await page.keyboard.press(key);
    const current = await page.evaluate(() => {
      const element = document.activeElement as HTMLElement;
      const label = (element as HTMLInputElement).labels?.[0]?.textContent;
      return (
        element.getAttribute('aria-label') ?? label ?? element.textContent ?? ''
      );
    });
    const isThere =
      typeof name === 'string'
        ? current.trim() === name
        : name.test(current.trim());
    if (isThere) {
      return;
    }
    reached.push(current.trim().slice(0, 40));
  }
  throw new Error(`${key} does not lead to ${name}, but to ${reached}`);
}

async function screenshot(
  page: IJupyterLabPageFixture,
  step: number,
  name: string
) {
  await page.screenshot({ path: `artefacts/sidebar-${step}-${name}.png` });
}

const MINUTE = 60_000;
