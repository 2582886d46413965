import type { IJupyterLabPageFixture } from '@jupyterlab/galata';
import { expect, test } from '@jupyterlab/galata';
import type { Locator } from '@playwright/test';

import { Hand } from './hand';
import { choose, tabTo } from './keyboard';

const CAPITALS = {
  France: 'Paris',
  Italy: 'Rome',
  Japan: 'Tokyo',
  Egypt: 'Cairo',
  Peru: 'Lima',
  Norway: 'Oslo',
  Greece: 'Athens',
  Kenya: 'Nairobi',
  Cuba: 'Havana',
  Chile: 'Santiago',
  Austria: 'Vienna'
};

const ROWS = Object.entries(CAPITALS)
  .map(([country, capital]) => ({
    prompt: `What is the capital of ${country}?`,
    completion: `Aye, the helm is set for ${capital}.`
  }))
  .map(row => `${JSON.stringify(row)}\n`)
  .join('');

const QUESTION = 'What is the capital of Spain?';

// Galata's stand-in for the kernel service does not see a kernel end.
test.use({ kernels: null, sessions: null });
test.use({ viewport: { width: 1280, height: 1000 } });

test.beforeEach(async ({ page, tmpPath }) => {
  await page.contents.uploadContent(ROWS, 'text', `${tmpPath}/capitals.jsonl`);
});

test('From the launcher to a tuned model and a chat by mouse', async ({
  page
}) => {
  test.setTimeout(10 * MINUTE);
  const { sidebar, runs, playground, cell, newest } = parts(page);
  const hand = await Hand.at(page);
  const button = (name: string, part: Locator | typeof page = sidebar) =>
    part.getByRole('button', { name, exact: true });

  await test.step('an empty notebook says what is missing, and loads it', async () => {
    await hand.click(
      page.locator('.jp-LauncherCard[data-category="Notebook"]').first()
    );
    await expect(page.getByText('Python 3 (ipykernel) | Idle')).toBeVisible();
    await hand.click(page.getByRole('tab', { name: 'Fine-tuning' }));
    await expect(sidebar.getByText('has not loaded')).toBeVisible();
    await screenshot(page, 1, 'not-loaded');
    await hand.click(button('Load it'));
    await expect(sidebar.getByText('has not loaded')).toHaveCount(0);
  });

  await test.step('model and data are chosen, and the form says what the run will take', async () => {
    const take = async (field: string, option: string) => {
      await hand.click(sidebar.getByRole('combobox', { name: field }));
      await hand.click(sidebar.getByRole('option', { name: option }).first());
    };
    await take('Model', 'smollm2-135m');
    await take('Training data', 'capitals.jsonl');
    await hand.click(sidebar.getByText('Presets', { exact: true }));
    await hand.click(button('Quick try'));
    await hand.click(sidebar.getByText('Before you run'));
    await expect(sidebar.getByText('Steps', { exact: true })).toBeVisible({
      timeout: MINUTE
    });
    await screenshot(page, 2, 'configured');
  });

  await test.step('Run writes a cell and runs it, and the loss is seen', async () => {
    await hand.click(button('Run'));
    await expect(cell).toContainText('%%finetune run');
    await seesLoss(page);
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

  await test.step('the tuned model answers, and beside it its base', async () => {
    await hand.click(page.getByRole('tab', { name: /^Untitled.*\.ipynb$/ }));
    await hand.click(heading(sidebar, 'Configure'));
    await hand.click(heading(sidebar, 'Playground'));
    const name = await nameOf(cell);
    const answers = playground.locator('.jp-llmtune-turn.jp-mod-assistant');
    const ask = async () => {
      await hand.click(playground.getByRole('textbox', { name: 'Message' }));
      await page.keyboard.type(QUESTION);
      await hand.click(button('Send', playground));
    };
    // Where none is chosen the newest run is asked.
    await ask();
    await expect(
      playground.getByRole('region', { name, exact: true })
    ).toBeVisible();
    await expect(button('Send', playground)).toBeVisible({ timeout: MINUTE });
    await expect(answers).toHaveText([/\w/]);
    await hand.click(button('New chat', playground));

    const models = playground.getByRole('combobox', { name: 'Add a model' });
    await hand.click(models);
    // What a select offers is drawn outside of the page, where the mouse of a test cannot reach it.
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await expect(
      playground.getByRole('region', { name: 'smollm2-135m (base)' })
    ).toBeVisible();
    await ask();
    await expect(answers).toHaveCount(2, { timeout: MINUTE });
    await expect(button('Send', playground)).toBeVisible({ timeout: MINUTE });
    await expect(answers).toHaveText([/\w/, /\w/]);
    await screenshot(page, 6, 'playground');
  });

  await test.step('without that run, the notebook runs again from the top', async () => {
    const name = await nameOf(cell);
    await hand.click(button(`What to do with ${name}`, runs));
    await hand.click(page.getByRole('menuitem', { name: 'Delete' }));
    await hand.click(button('Delete', page.locator('.jp-Dialog')));
    await expect(row(runs, name)).toHaveCount(0);
    await hand.click(button('Restart the kernel and run all cells', page));
    await hand.click(button('Confirm Kernel Restart', page));
    await trainsAgain(page, name);
  });
});

test('From the launcher to a tuned model and a chat by keyboard', async ({
  page
}) => {
  test.setTimeout(10 * MINUTE);
  const { sidebar, playground, cell, newest } = parts(page);
  const keys = page.keyboard;

  await tabTo(page, 'Python 3 (ipykernel)');
  await keys.press('Enter');
  await expect(page.getByText('Python 3 (ipykernel) | Idle')).toBeVisible();
  await keys.press('Control+Shift+Y');
  await expect(sidebar).toBeFocused();
  await tabTo(page, 'Load it');
  await keys.press('Enter');
  await expect(
    page.getByRole('combobox', { name: 'Training data' })
  ).toBeVisible();

  await tabTo(page, 'Model');
  await choose(page, 'smollm2-135m');
  await tabTo(page, 'Training data');
  await choose(page, 'capitals.jsonl');
  await tabTo(page, 'Presets', 'Shift+Tab');
  await keys.press('Enter');
  await tabTo(page, 'Quick try');
  await keys.press('Enter');
  await tabTo(page, 'Run', 'Shift+Tab');
  await keyboardShot(page, 1, 'configured');
  await keys.press('Enter');
  await seesLoss(page);
  await expect(newest.getByText('training')).toBeVisible({ timeout: MINUTE });
  await keyboardShot(page, 2, 'training');

  await keys.press('Control+Shift+Y');
  await tabTo(page, /^run\d*, training$/);
  await keys.press('Enter');
  await expect(page.locator('.jp-llmtune-run')).toBeVisible();
  await expect(newest.getByText('finished')).toBeVisible({
    timeout: 3 * MINUTE
  });
  await keyboardShot(page, 3, 'finished');

  // From inside the tab of the run.
  await keys.press('Control+Shift+Y');
  await expect(sidebar).toBeFocused();
  await tabTo(page, 'Playground Section');
  await keys.press('Enter');
  await tabTo(page, 'Add a model');
  const name = await nameOf(cell);
  await choose(page, name);
  const answers = page.getByRole('region', { name, exact: true });
  await expect(answers).toBeVisible();
  await tabTo(page, 'Message');
  await keys.type(QUESTION);
  await keys.press('Enter');
  await expect(playground.getByRole('button', { name: 'Send' })).toBeVisible({
    timeout: MINUTE
  });
  await expect(answers.locator('.jp-llmtune-turn.jp-mod-assistant')).toHaveText(
    /\w/
  );
  await keyboardShot(page, 4, 'playground');

  await keys.press('Control+Shift+Y');
  await tabTo(page, `${name}, finished`);
  await keys.press('Delete');
  await tabTo(page, 'Delete');
  await keys.press('Enter');
  // From the tab of the run to the notebook.
  await keys.press('Control+Shift+[');
  await expect(cell).toBeVisible();
  await keys.press('Control+Shift+C');
  await keys.type('Restart Kernel and Run All Cells');
  await keys.press('Enter');
  await tabTo(page, 'Restart');
  await keys.press('Enter');
  await trainsAgain(page, name);
  await keyboardShot(page, 5, 'again');
});

function parts(page: IJupyterLabPageFixture) {
  const runs = page.locator('#jp-llmtune-runs');
  return {
    sidebar: page.locator('#jp-llmtune-sidebar'),
    runs,
    playground: page.locator('#jp-llmtune-playground'),
    cell: page.locator('.jp-CodeCell', { hasText: '%%finetune' }),
    newest: runs.getByRole('row').first()
  };
}

function heading(sidebar: Locator, section: string): Locator {
  return sidebar.getByRole('heading', { name: `${section} Section` });
}

function row(runs: Locator, name: string): Locator {
  return runs.getByRole('row', { name: new RegExp(`^${name},`) });
}

/** The name of the run of a cell. */
async function nameOf(cell: Locator): Promise<string> {
  const line = await cell.locator('.cm-line').first().textContent();
  return line!.replace('%%finetune ', '');
}

async function seesLoss(page: IJupyterLabPageFixture): Promise<void> {
  await expect(
    page.locator('.jp-OutputArea').getByText(/loss\s+\d/)
  ).toBeInViewport({ ratio: 1, timeout: 3 * MINUTE });
}

/** All cells ran in their order; the run is stopped, because other tests need the machine. */
async function trainsAgain(
  page: IJupyterLabPageFixture,
  name: string
): Promise<void> {
  const { runs, cell } = parts(page);
  await expect(row(runs, name).getByText('training')).toBeVisible({
    timeout: MINUTE
  });
  await expect(cell.locator('.jp-InputPrompt')).toHaveText('[2]:');
  await expect
    .poll(() => points(cell), { timeout: 2 * MINUTE })
    .toBeGreaterThan(1);
  await page.evaluate(async name => {
    const { currentWidget } = (window as any).jupyterapp.shell;
    const { kernel } = currentWidget.sessionContext.session;
    await kernel.requestExecute({ code: `${name}.stop()` }).done;
  }, name);
}

/** How many points the chart in a part of the page has. */
async function points(part: Locator): Promise<number> {
  const chart = part.locator('.jp-llmtune-chart');
  return Number(await chart.getAttribute('data-points'));
}

async function screenshot(
  page: IJupyterLabPageFixture,
  step: number,
  name: string
) {
  await page.screenshot({ path: `artefacts/sidebar-${step}-${name}.png` });
}

async function keyboardShot(
  page: IJupyterLabPageFixture,
  step: number,
  name: string
) {
  await page.screenshot({ path: `artefacts/keyboard-${step}-${name}.png` });
}

const MINUTE = 60_000;
