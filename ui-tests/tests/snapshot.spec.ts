import { readFileSync } from 'fs';
import { join } from 'path';

import { expect, test } from '@jupyterlab/galata';
import type { Locator } from '@playwright/test';

import { openByPath, openNotebook } from './notebooks';

const LOAD = '%load_ext llmtune_kernel';

const SHOW = `${LOAD}
from llmtune_kernel.notebook.chart import LossChart
from llmtune_kernel.notebook.display import live_displays
from llmtune_kernel.notebook.protocol import ChartSnapshot, StaticOutput
live_displays().add("r1")
tag = {"llmtune": {"id": "r1", "part": "chart", "run": "r", "began": 1.5, "live": True}}
chart = LossChart()
view = {"version_major": 2, "version_minor": 0, "model_id": chart.model_id}
display({"application/vnd.jupyter.widget-view+json": view}, raw=True, metadata=tag)
chart.append_train([{"step": 1, "loss": 2.0}])`;

const END = `chart.send_snapshot(ChartSnapshot(
    id="r1", outputs={"chart": StaticOutput(data={"text/plain": "the end of r1"}, metadata={"llmtune": {"id": "r1"}})}
))`;

const RUN = `${LOAD}
rows = [{"prompt": f"Count to {n}", "completion": "one, two"} for n in range(16)]`;

const away = (name: string, steps: number) => `%%finetune ${name}
data: $rows
training: {max_steps: ${steps}}`;

// Galata's stand-in for the kernel service does not see a kernel end.
test.use({ kernels: null, sessions: null });

test('A run that ends after the page was reloaded leaves its snapshot in the saved notebook', async ({
  page,
  tmpPath
}) => {
  const path = `${tmpPath}/run.ipynb`;
  await openNotebook(page, path, [SHOW, END]);
  await page.notebook.runCell(0);
  const chart = page.locator('.jp-llmtune-chart');
  await expect(chart).toHaveAttribute('data-points', '1');
  await page.notebook.save();
  await page.reload({ waitForIsReady: false });
  await expect(chart).toHaveAttribute('data-points', '1');

  await page.notebook.runCell(1);
  const output = page.locator('.jp-OutputArea-output');
  await expect(output.getByText('the end of r1')).toBeVisible();
  await expect(chart).toHaveCount(0);
  await page.notebook.save();
  const saved = await page.request.get(`/api/contents/${path}`);
  const { content } = await saved.json();
  expect(content.cells[0].outputs).toEqual([
    {
      output_type: 'display_data',
      data: { 'text/plain': 'the end of r1' },
      metadata: { llmtune: { id: 'r1' } }
    }
  ]);
});

test('A run that ends while its notebook is closed shows its end when the notebook is opened', async ({
  page,
  tmpPath
}) => {
  test.setTimeout(5 * MINUTE);
  const path = `${tmpPath}/away.ipynb`;
  await openNotebook(page, path, [RUN, away('away', 40), 'away.wait()']);
  await page.notebook.runCell(0);
  await page.notebook.runCell(1);
  await expect(page.locator('.jp-llmtune-chart')).toHaveCount(1);
  await page.notebook.save();
  await page.notebook.close(false);
  await expect(page.locator('.jp-NotebookPanel')).toHaveCount(0);
  await expect
    .poll(() => lastState('away'), { timeout: 3 * MINUTE })
    .toBe('finished');

  await openByPath(page, path);
  const cell = page.locator('.jp-CodeCell').nth(1);
  await expect(cell.getByText('40 of 40')).toBeVisible();
  await fillsItsOutput(cell);
  await page.screenshot({ path: 'artefacts/snapshot-away.png' });
});

test('A live output whose kernel went says how to see the run, then where it stands', async ({
  page,
  tmpPath
}) => {
  test.setTimeout(5 * MINUTE);
  const path = `${tmpPath}/left.ipynb`;
  await openNotebook(page, path, [RUN, away('left', 4000)]);
  await page.notebook.runCell(0);
  await page.notebook.runCell(1);
  const cell = page.locator('.jp-CodeCell').nth(1);
  await expect(cell.getByText(/step \d+ of/)).toBeVisible({ timeout: MINUTE });
  const restart = () =>
    page.evaluate(async () => {
      const { currentWidget } = (window as any).jupyterapp.shell;
      await currentWidget.sessionContext.session.kernel.restart();
    });

  await restart();
  await expect(cell.getByText('then %attach left')).toBeVisible();
  await expect(cell.locator('.jp-llmtune-chart')).toHaveCount(0);
  await page.notebook.runCell(0);
  await expect(cell.getByText('%attach left', { exact: true })).toBeVisible();
  await expect(cell.getByText(/\d+ of 4,000/)).toBeVisible();

  const code = 'import llmtune_kernel; llmtune_kernel.attach("left").stop()';
  await page.evaluate(async code => {
    const { currentWidget } = (window as any).jupyterapp.shell;
    const { kernel } = currentWidget.sessionContext.session;
    await kernel.requestExecute({ code }).done;
  }, code);
  await expect
    .poll(() => lastState('left'), { timeout: MINUTE })
    .toBe('stopped');
  await restart();
  await page.notebook.runCell(0);
  await expect(cell.getByText('%finetune --resume left')).toBeVisible();
  await fillsItsOutput(cell);
  await page.screenshot({ path: 'artefacts/snapshot-left.png' });
});

test('A live output whose run was deleted says so', async ({
  page,
  tmpPath
}) => {
  test.setTimeout(5 * MINUTE);
  const path = `${tmpPath}/gone.ipynb`;
  const cells = [SHOW.replace('"chart"', '"panel"'), LOAD];
  await openNotebook(page, path, cells);
  await page.notebook.runCell(0);
  await expect(page.locator('.jp-llmtune-chart')).toHaveCount(1);
  await page.evaluate(async () => {
    const { currentWidget } = (window as any).jupyterapp.shell;
    await currentWidget.sessionContext.session.kernel.restart();
  });
  await page.notebook.runCell(1);
  const cell = page.locator('.jp-CodeCell').first();
  await expect(cell.getByText('The run “r” is no longer there.')).toBeVisible();
});

/** The chart of a run that is over is as wide as its output, whatever that is. */
async function fillsItsOutput(cell: Locator): Promise<void> {
  const page = cell.page();
  const { width, height } = page.viewportSize()!;
  for (const change of [0, -300, 0]) {
    await page.setViewportSize({ width: width + change, height });
    await expect(async () => {
      const output = cell.locator('.jp-llmtune-chart-rendered');
      const plot = output.locator('.main-svg').first();
      const room = (await output.boundingBox())!.width;
      expect((await plot.boundingBox())!.width).toBeGreaterThan(room - 40);
      expect((await plot.boundingBox())!.width).toBeLessThan(room);
    }).toPass({ timeout: MINUTE });
  }
}

/** The last state in the events of a run. */
function lastState(run: string): string | undefined {
  const events = readFileSync(
    join(process.env.LLMTUNE_HOME!, run, 'events.jsonl'),
    'utf8'
  );
  return events
    .split('\n')
    .filter(line => line.includes('"type": "state"'))
    .map(line => JSON.parse(line).payload.state)
    .pop();
}

const MINUTE = 60_000;
