import { expect, test } from '@jupyterlab/galata';

import { openNotebook } from './notebooks';

const SHOW = `from llmtune_kernel.notebook.chart import LossChart
from llmtune_kernel.notebook.protocol import ChartSnapshot, StaticOutput
tag = {"llmtune": {"id": "r1", "part": "chart"}}
chart = LossChart()
view = {"version_major": 2, "version_minor": 0, "model_id": chart.model_id}
display({"application/vnd.jupyter.widget-view+json": view}, raw=True, metadata=tag)
chart.append_train([(1, 2.0, 1e-4, 1.0)])`;

const END = `chart.send_snapshot(ChartSnapshot(
    id="r1", outputs={"chart": StaticOutput(data={"text/plain": "the end of r1"}, metadata=tag)}
))`;

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
      metadata: { llmtune: { id: 'r1', part: 'chart' } }
    }
  ]);
});
