import { readFileSync } from 'fs';
import { join } from 'path';

import { test } from '@jupyterlab/galata';
import { expect, test as plainTest } from '@playwright/test';

import type { IEffort } from './hand';
import { Hand } from './hand';

const VIEWPORT = { width: 1440, height: 900 };

/** The address of a LlamaBoard that runs; benchmarks/README.md says how to start it. */
const BOARD = process.env.LLMTUNE_PEER_BOARD;

// Galata's stand-in for the kernel service does not see a kernel end.
test.use({ kernels: null, sessions: null });
test.use({ viewport: VIEWPORT });

test('A newcomer sees the first loss after as many clicks as the documentation says', async ({
  page,
  tmpPath
}) => {
  test.setTimeout(5 * MINUTE);
  await page.contents.uploadContent(ROWS, 'text', `${tmpPath}/identity.json`);
  const sidebar = page.locator('#jp-llmtune-sidebar');
  const output = page.locator('.jp-OutputArea');
  const hand = await Hand.at(page);

  await hand.click(
    page.locator('.jp-LauncherCard[data-category="Notebook"]').first()
  );
  // The notebook is there.
  await expect(page.getByText('Python 3 (ipykernel) | Idle')).toBeVisible();
  await hand.click(page.getByRole('tab', { name: 'Fine-tuning' }));
  await hand.click(sidebar.getByRole('button', { name: 'Load it' }));
  await hand.click(sidebar.getByRole('combobox', { name: 'Training data' }));
  await screenshot(page, 'file');
  await hand.click(sidebar.getByRole('option', { name: 'identity.json' }));
  await hand.click(sidebar.getByRole('button', { name: 'Run', exact: true }));

  await expect(output.getByText(/loss\s+\d/)).toBeInViewport({
    ratio: 1,
    timeout: 3 * MINUTE
  });
  await screenshot(page, 'first-loss');
  const effort = await hand.effort();
  // Other tests need the machine.
  await output.getByRole('button', { name: 'Stop' }).click();
  await expect(output.getByText('stopped').last()).toBeVisible({
    timeout: MINUTE
  });
  expect(effort).toEqual(documented('jupyterlab-llmtune'));
});

plainTest(
  `LlamaBoard at ${BOARD ?? 'LLMTUNE_PEER_BOARD, which is not set,'} shows the first loss after as many clicks as the documentation says`,
  async ({ page }) => {
    plainTest.skip(!BOARD);
    plainTest.setTimeout(40 * MINUTE);
    await page.goto(BOARD!);
    const model = page.getByRole('listbox', { name: 'Model name' });
    const data = page.getByRole('textbox', {
      name: 'Dataset',
      exact: true
    });
    const precision = page.getByRole('listbox', { name: 'Compute type' });
    const start = page.getByRole('button', { name: 'Start' });
    const log = page.locator('.prose').getByText('Ready.').first();
    const option = (name: string) =>
      page.getByRole('option', { name, exact: true });
    // It sets its texts after it is open.
    await expect(log).toBeVisible();
    await expect(model, 'Start it in a fresh folder.').toHaveValue('');
    const hand = await Hand.at(page);

    await hand.click(model);
    await hand.type('135');
    await hand.click(option('SmolLM2-135M-Instruct'));
    await hand.click(data);
    await hand.click(option('identity'));
    // Its default, bf16, it refuses where there is no GPU.
    await hand.click(precision);
    await hand.click(option('fp32'));
    await screenshot(page, 'peer-chosen');
    await hand.scrollTo(log);
    await hand.click(start);

    await expect(page.getByText("'loss':")).toBeVisible({
      timeout: 35 * MINUTE
    });
    await screenshot(page, 'peer-plot');
    // A plot of one loss is empty; the log, which is long by now, says it in its last line.
    await hand.scrollTo(page.getByText('Built with Gradio'));
    await screenshot(page, 'peer-first-loss');
    expect(await hand.effort()).toEqual(documented('LlamaBoard'));
  }
);

/** The row of a program in the table of the documentation. */
function documented(program: string): IEffort {
  const page = readFileSync(
    join(__dirname, '..', '..', 'docs', 'sidebar.md'),
    'utf-8'
  );
  const row = page.split('\n').find(line => line.startsWith(`| ${program}`));
  const [clicks, keystrokes, scrolls] = (row ?? '')
    .split('|')
    .slice(2)
    .map(Number);
  return { clicks, keystrokes, scrolls };
}

async function screenshot(
  page: { screenshot: (options: { path: string }) => Promise<unknown> },
  name: string
) {
  await page.screenshot({ path: `artefacts/stopwatch-${name}.png` });
}

const ROWS = JSON.stringify(
  Array.from({ length: 91 }, (_, index) => ({
    instruction: `What is ${index} plus one?`,
    input: '',
    output: `It is ${index + 1}, says the ship's clerk.`
  })),
  null,
  2
);

const MINUTE = 60_000;
