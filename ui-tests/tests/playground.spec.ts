import type { IJupyterLabPageFixture } from '@jupyterlab/galata';
import { expect, test } from '@jupyterlab/galata';

import { expectAccessible, THEMES } from './accessibility';
import { openNotebook, widenSidebar } from './notebooks';

const LOAD = `%load_ext llmtune_kernel
rows = [{"prompt": f"Count to {n}", "completion": "one, two"} for n in range(16)]`;

const run = (name: string) => `%%finetune ${name} --wait
data: $rows
training: {max_steps: 2}`;

// Galata's stand-in for the kernel service does not see a kernel end.
test.use({ kernels: null, sessions: null });
test.use({ viewport: { width: 1280, height: 900 } });

test('Four models answer side by side, token by token, until they are stopped', async ({
  page,
  tmpPath
}) => {
  test.setTimeout(6 * MINUTE);
  const names = ['one', 'two', 'three'];
  await openNotebook(page, `${tmpPath}/ask.ipynb`, [LOAD, ...names.map(run)]);
  for (const index of [0, 1, 2, 3]) {
    await page.notebook.runCell(index);
  }
  await page.getByRole('tab', { name: 'Fine-tuning' }).click();
  const playground = page.locator('#jp-llmtune-playground');
  await widenSidebar(page, 640);
  for (const section of ['Configure', 'Runs', 'Playground']) {
    await page.getByRole('heading', { name: `${section} Section` }).click();
  }
  const models = playground.getByRole('combobox', { name: 'Add a model' });
  await models.selectOption('model:smollm2-135m');
  for (const name of names) {
    await models.selectOption(`run:${name}`);
  }
  // Four are the most.
  await expect(models).toHaveCount(0);
  const columns = playground.locator('.jp-llmtune-column');
  await expect(columns).toHaveCount(4);
  const answers = playground.locator('.jp-llmtune-turn.jp-mod-assistant');
  const box = playground.getByRole('textbox', { name: 'Message' });
  const send = playground.getByRole('button', { name: 'Send' });
  const stop = playground.getByRole('button', { name: 'Stop' });

  await test.step('each answer grows in its column', async () => {
    await playground.getByText('Sampling', { exact: true }).click();
    await playground
      .getByRole('spinbutton', { name: 'Answer length (tokens)' })
      .fill('40');
    await playground.getByRole('spinbutton', { name: 'Temperature' }).fill('0');
    await playground.getByText('Sampling', { exact: true }).click();
    const lengths = await watchLengths(page);
    await box.fill('Write a story about a ship and its captain.');
    await box.press('Enter');
    await expect(answers).toHaveCount(4, { timeout: 2 * MINUTE });
    await page.screenshot({ path: 'artefacts/playground-answering.png' });
    await expect(send).toBeVisible({ timeout: 3 * MINUTE });
    for (const seen of await lengths()) {
      expect(new Set(seen).size).toBeGreaterThan(3);
    }
    const boxes = await Promise.all(
      (await columns.all()).map(column => column.boundingBox())
    );
    // Side by side, not one below the other.
    expect(new Set(boxes.map(box => box!.x)).size).toBeGreaterThan(1);
    await page.screenshot({ path: 'artefacts/playground-columns.png' });
  });

  await test.step('an answer that is cut says so, and where more is allowed', async () => {
    const cut = columns.first();
    await expect(cut.getByText('Cut at 40 tokens.')).toBeVisible();
    await cut.getByRole('button', { name: 'Allow more' }).click();
    await expect(
      playground.getByRole('spinbutton', { name: 'Answer length (tokens)' })
    ).toBeFocused();
    await page.screenshot({ path: 'artefacts/playground-cut.png' });
    await playground.getByText('Sampling', { exact: true }).click();
  });

  await test.step('without a serious fault of accessibility', async () => {
    for (const theme of THEMES) {
      await page.theme.setTheme(theme);
      await expectAccessible(page, '#jp-llmtune-playground');
      const name = theme.slice('JupyterLab '.length);
      await page.screenshot({ path: `artefacts/playground-${name}.png` });
    }
    await page.theme.setTheme(THEMES[0]);
  });

  await test.step('the question becomes a cell', async () => {
    await playground.getByRole('button', { name: 'Copy as cell' }).click();
    const cell = page.locator('.jp-CodeCell', { hasText: '%%sample' });
    await expect(cell).toContainText(
      /%%sample one two three --model smollm2-135m/
    );
    await expect(cell).toContainText('a ship and its captain');
  });

  await test.step('Stop ends the answer and keeps what was said', async () => {
    await playground.getByText('Sampling', { exact: true }).click();
    await playground
      .getByRole('spinbutton', { name: 'Answer length (tokens)' })
      .fill('2000');
    await box.fill('And another, much longer one.');
    await box.press('Enter');
    const second = columns.first().locator('.jp-mod-assistant').nth(1);
    await expect(second).toHaveText(/\w{2}/, { timeout: MINUTE });
    const log = columns.first().getByRole('log');
    await expect(log).toHaveAttribute('aria-busy', 'true');
    await stop.click();
    await expect(send).toBeVisible();
    await expect(log).toHaveAttribute('aria-busy', 'false');
    const said = await second.innerText();
    await box.fill('Are you still there?');
    await expect(second).toHaveText(said);
    await expect(send).toBeEnabled();
  });
});

test('What is asked stays in view in a narrow sidebar, and the sampling settings come into view', async ({
  page,
  tmpPath
}) => {
  await page.setViewportSize({ width: 1280, height: 600 });
  await openNotebook(page, `${tmpPath}/narrow.ipynb`, [LOAD]);
  await page.notebook.runCell(0);
  await page.getByRole('tab', { name: 'Fine-tuning' }).click();
  await widenSidebar(page, 280);
  for (const section of ['Configure', 'Playground']) {
    await page.getByRole('heading', { name: `${section} Section` }).click();
  }
  const playground = page.locator('#jp-llmtune-playground');
  const box = playground.getByRole('textbox', { name: 'Message' });
  const models = playground.getByRole('combobox', { name: 'Add a model' });
  await models.selectOption('model:smollm2-135m');
  await box.fill('Row, row, row your boat.\n'.repeat(30));
  await box.press('Enter');
  const turns = playground.locator('.jp-llmtune-turns');
  await expect
    .poll(async () => (await turns.boundingBox())!.height)
    .toBeGreaterThan(300);
  const stop = playground.getByRole('button', { name: 'Stop' });
  await expect(box).toBeInViewport({ ratio: 1 });
  await expect(stop).toBeInViewport({ ratio: 1 });
  await playground.evaluate(node => (node.scrollTop = 0));
  await expect(stop).toBeInViewport({ ratio: 1 });
  await page.screenshot({ path: 'artefacts/playground-narrow.png' });
  await stop.click();
  // Unlike a click, it does not bring the line into view first.
  await playground
    .getByText('Sampling', { exact: true })
    .dispatchEvent('click');
  const system = playground.getByRole('textbox', { name: 'System prompt' });
  await expect(system).toBeInViewport();
  await page.screenshot({ path: 'artefacts/playground-narrow-sampling.png' });
});

/** Watch how long the answer of each column is; the function that it returns tells all lengths that were seen. */
async function watchLengths(page: IJupyterLabPageFixture) {
  await page.evaluate(() => {
    const lengths: number[][] = [[], [], [], []];
    (window as any).lengths = lengths;
    const playground = document.querySelector('#jp-llmtune-playground')!;
    new MutationObserver(() => {
      playground
        .querySelectorAll('.jp-llmtune-column')
        .forEach((column, index) => {
          const answer = column.querySelector('.jp-mod-assistant');
          lengths[index].push(answer?.textContent?.length ?? 0);
        });
    }).observe(playground, {
      characterData: true,
      childList: true,
      subtree: true
    });
  });
  return (): Promise<number[][]> =>
    page.evaluate(() => (window as any).lengths);
}

const MINUTE = 60_000;
