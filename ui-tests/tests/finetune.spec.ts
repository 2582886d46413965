import type { IJupyterLabPageFixture } from '@jupyterlab/galata';
import { expect, test } from '@jupyterlab/galata';

import { openNotebook, openWithoutKernel } from './notebooks';

const DATA = `%load_ext llmtune_kernel
rows = [
    {"prompt": f"What is the capital of {country}?", "completion": f"Aye, the helm is set for {capital}."}
    for country, capital in {
        "France": "Paris", "Italy": "Rome", "Japan": "Tokyo", "Egypt": "Cairo", "Peru": "Lima", "Norway": "Oslo",
        "Greece": "Athens", "Kenya": "Nairobi", "Cuba": "Havana", "Chile": "Santiago", "Austria": "Vienna",
    }.items()
]`;

const RUN = `%%finetune captain
model: smollm2-135m
data: {train: $rows, eval_fraction: 0.2}
method: lora
training: {max_steps: 400, eval_steps: 10}
samples: {prompts: ["What is the capital of Spain?"], every_steps: 10, max_new_tokens: 16}
launch: {on_kernel_exit: stop}`;

const OTHER = 'print(6 * 7, "while it trains")';

// Galata's stand-in for the kernel service does not see a kernel end.
test.use({ kernels: null, sessions: null });
test.use({ viewport: { width: 1200, height: 900 } });

test('A run is started, watched, paused, reloaded, stopped, and stays in the saved notebook', async ({
  page,
  tmpPath
}) => {
  test.setTimeout(10 * MINUTE);
  const path = `${tmpPath}/captain.ipynb`;
  await openNotebook(page, path, [DATA, RUN, OTHER]);
  await page.sidebar.close('left');
  const cell = page.locator('.jp-CodeCell').nth(1);
  const view = liveView(page);
  await page.notebook.runCell(0);

  await test.step('the prompt comes back while the run trains', async () => {
    await page.notebook.runCell(1);
    await expect(cell.locator('.jp-InputPrompt')).toHaveText('[2]:');
    await expect(view.chart).toBeVisible();
    await expect(view.button('Stop')).toBeVisible();
    await screenshot(page, 1, 'started');
  });

  await test.step('the chart moves and a sample comes', async () => {
    await expect(view.state('training')).toBeVisible({ timeout: 2 * MINUTE });
    await grows(view, 0);
    await grows(view, await view.points());
    await expect(view.samples).not.toHaveCount(0, { timeout: 2 * MINUTE });
    await screenshot(page, 2, 'training');
  });

  await test.step('it pauses, answers while it is paused, and goes on', async () => {
    await view.button('Pause').click();
    await expect(view.state('paused')).toBeVisible({ timeout: MINUTE });
    await expect(view.chart).toHaveAttribute('data-points', await view.step());
    const points = await view.points();
    const samples = await view.samples.count();
    await view.button('Sample now').click();
    await expect(view.samples).toHaveCount(samples + 1, { timeout: MINUTE });
    await expect(view.state('paused')).toBeVisible();
    expect(await view.points()).toBe(points);
    await screenshot(page, 3, 'paused');
    await view.button('Resume').click();
    await expect(view.state('training')).toBeVisible({ timeout: MINUTE });
    await grows(view, points);
  });

  await test.step('another cell prints in its own place', async () => {
    await page.notebook.runCell(2);
    const other = page.locator('.jp-CodeCell').nth(2);
    await expect(other.locator('.jp-OutputArea-output')).toHaveText(
      /^42 while it trains\s*$/
    );
    await grows(view, await view.points());
    await expect(cell).not.toContainText('42 while it trains');
    await screenshot(page, 4, 'another-cell');
  });

  await test.step('the page is reloaded and the run is still there', async () => {
    await page.notebook.save();
    const points = await view.points();
    await page.reload({ waitForIsReady: false });
    await expect(view.chart).toBeVisible({ timeout: MINUTE });
    await grows(view, points);
    await grows(view, await view.points());
    await expect(view.state('training')).toBeVisible();
    await screenshot(page, 5, 'reloaded');
  });

  await test.step('it stops, and static outputs take the place of the live ones', async () => {
    await view.button('Stop').click();
    await expect(view.state('stopped')).toBeVisible({ timeout: MINUTE });
    await expect(view.chart).toHaveCount(0);
    await expect(view.button('Stop')).toHaveCount(0);
    await showsSnapshot(page);
    await screenshot(page, 6, 'stopped');
  });

  await test.step('the saved notebook shows them without a kernel', async () => {
    await page.notebook.save();
    await page.evaluate(async () => {
      const { currentWidget } = (window as any).jupyterapp.shell;
      await currentWidget.sessionContext.shutdown();
    });
    await page.notebook.close(false);
    await expect(page.locator('.jp-NotebookPanel')).toHaveCount(0);
    await openWithoutKernel(page, path);
    await showsSnapshot(page);
    await expect(page.getByText('No Kernel').first()).toBeVisible();
    await screenshot(page, 7, 'reopened');
  });
});

/** What a run shows while it lives. */
function liveView(page: IJupyterLabPageFixture) {
  const chart = page.locator(
    '.jp-llmtune-chart:not(.jp-llmtune-chart-rendered > *)'
  );
  return {
    chart,
    samples: page.locator('b').filter({ hasText: /^step \d+$/ }),
    button: (name: string) =>
      page.locator('button.jupyter-button').filter({ hasText: name }),
    state: (state: string) =>
      page
        .locator('div', {
          hasText: new RegExp(`^captain ● ${state}( · .*)?$`)
        })
        .last(),
    points: async () => Number(await chart.getAttribute('data-points')),
    /** The number of the latest step. */
    step: async () =>
      /step (\d+) of/.exec(
        await page
          .getByText(/^step \d+ of/)
          .first()
          .innerText()
      )![1]
  };
}

async function grows(view: ReturnType<typeof liveView>, points: number) {
  await expect
    .poll(view.points, { timeout: 2 * MINUTE })
    .toBeGreaterThan(points);
}

async function showsSnapshot(page: IJupyterLabPageFixture) {
  const cell = page.locator('.jp-CodeCell').nth(1);
  await expect(cell.getByText('%finetune --resume captain')).toBeVisible();
  const chart = cell.locator('.jp-llmtune-chart-rendered .main-svg').first();
  await expect(chart).toBeVisible();
  await expect(
    cell.getByText('What is the capital of Spain?').last()
  ).toBeVisible();
}

async function screenshot(
  page: IJupyterLabPageFixture,
  step: number,
  name: string
) {
  await page.screenshot({ path: `artefacts/journey-${step}-${name}.png` });
}

const MINUTE = 60_000;
