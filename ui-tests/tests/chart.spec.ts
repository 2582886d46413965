import type { IJupyterLabPageFixture } from '@jupyterlab/galata';
import { expect, test } from '@jupyterlab/galata';
import type { Locator } from '@playwright/test';

import { THEMES } from './accessibility';
import { openNotebook } from './notebooks';

const SHOW = `from math import exp, sin
from llmtune_kernel.notebook.chart import LossChart
chart = LossChart(title="run")
display(chart)`;

const TRAIN = `def loss(s):
    return 2 * exp(-s / 400) + 1 + 0.15 * sin(s * 1.7)

chart.append_train([
    {"step": s, "loss": loss(s), "learning_rate": 2e-4 * (1 - s / 1000), "grad_norm": 1 + 0.4 * sin(s)}
    for s in range(1000)
])
chart.append_eval([{"step": s, "loss": 2 * exp(-s / 350) + 1.1} for s in range(0, 1000, 100)])`;

test.describe('The loss chart', () => {
  test.beforeEach(async ({ page, tmpPath }) => {
    await openNotebook(page, `${tmpPath}/chart.ipynb`, [SHOW, TRAIN]);
    await page.notebook.run();
    await expect(chart(page)).toHaveAttribute('data-points', '1000');
    await expect(chart(page)).toHaveAttribute('data-eval-points', '10');
    await expect(page.locator('.js-plotly-plot .legendtext')).toHaveCount(2);
  });

  test('draws what the kernel sends, in light and in dark', async ({
    page
  }) => {
    const summary = page.getByRole('figure', { name: /^Loss chart: step 999/ });
    await expect(summary).toBeVisible();
    await screenshot(page, 'chart-light');
    // A chart that is at rest follows the theme, too.
    await page.waitForTimeout(1000);
    await page.theme.setDarkTheme();
    await expect(page.locator('.legendtext').first()).toHaveCSS(
      'fill',
      /^rgba?\(255, 255, 255/
    );
    await screenshot(page, 'chart-dark');
  });

  test('says of a step every value, the learning rate as the panel writes it', async ({
    page
  }) => {
    const plot = page.locator('.js-plotly-plot .nsewdrag').first();
    const { x, y, width } = (await plot.boundingBox())!;
    const hover = page.locator('.js-plotly-plot .hoverlayer .legend');
    await expect(async () => {
      await page.mouse.move(x + width / 4, y + 20);
      await page.mouse.move(x + width / 2, y + 30, { steps: 3 });
      await expect(hover).toContainText(/^Step \d{3}/, { timeout: 2000 });
    }).toPass({ timeout: 60_000 });
    await expect(hover).toContainText(/Learning rate : \d(\.\d+)?e[-−][45]/);
    await expect(hover).toContainText(/Gradient norm : \d\.\d+/);
    const ticks = await page
      .locator('.js-plotly-plot .y3tick')
      .allTextContents();
    expect(ticks).toContain('1e−4');
    await screenshot(page, 'chart-hover');
  });

  test('has lines behind its curves that are fainter than they are in any theme', async ({
    page
  }) => {
    for (const theme of THEMES) {
      await page.theme.setTheme(theme);
      // The chart is drawn anew when the theme is another.
      await expect(async () => {
        const part = chart(page);
        const from = await colour(part, 'background-color');
        const grid = await colour(part.locator('.gridlayer path'), 'stroke');
        const curve = await colour(part.locator('.js-line').last(), 'stroke');
        expect(distance(grid, from)).toBeLessThan(distance(curve, from) / 2);
      }).toPass();
      await screenshot(page, `chart-${theme.replaceAll(' ', '-')}`);
    }
    await page.theme.setTheme(THEMES[0]);
  });

  test('keeps its rows and the choices of the user when the page is reloaded', async ({
    page
  }) => {
    await page.getByLabel('Log scale').check();
    await page.getByLabel('Smoothing').fill('0.9');
    await page.notebook.save();
    await page.reload({ waitForIsReady: false });
    await expect(chart(page)).toHaveAttribute('data-points', '1000');
    await expect(page.getByLabel('Log scale')).toBeChecked();
    await expect(page.getByLabel('Smoothing')).toHaveValue('0.9');
  });

  test('keeps the zoom while rows come, until it is reset', async ({
    page
  }) => {
    const plot = page.locator('.js-plotly-plot .nsewdrag').first();
    const ticks = page.locator('.js-plotly-plot .xtick text');
    const box = (await plot.boundingBox())!;
    await page.mouse.move(box.x + 40, box.y + 40);
    await page.mouse.down();
    await page.mouse.move(box.x + 120, box.y + 100, { steps: 4 });
    await page.mouse.up();
    await expect(ticks.filter({ hasText: /^800$/ })).toHaveCount(0);
    const zoomed = (await ticks.allTextContents()).sort();

    await page.notebook.addCell(
      'code',
      'chart.append_train([{"step": s, "loss": 1} for s in range(1000, 1200)])'
    );
    await page.notebook.runCell(2);
    await expect(chart(page)).toHaveAttribute('data-points', '1200');
    expect((await ticks.allTextContents()).sort()).toEqual(zoomed);

    await page.getByRole('button', { name: 'Reset zoom' }).click();
    await expect(ticks.filter({ hasText: /^1000$/ })).toHaveCount(1);
  });
});

function chart(page: IJupyterLabPageFixture) {
  return page.locator('.jp-llmtune-chart');
}

/** Red, green and blue of a part, from 0 to 255. */
async function colour(part: Locator, property: string): Promise<number[]> {
  const text = await part
    .first()
    .evaluate(
      (node, property) => getComputedStyle(node).getPropertyValue(property),
      property
    );
  return text.match(/\d+/g)!.slice(0, 3).map(Number);
}

function distance(one: number[], other: number[]): number {
  return Math.hypot(...one.map((value, index) => value - other[index]));
}

async function screenshot(page: IJupyterLabPageFixture, name: string) {
  await page.screenshot({ path: `artefacts/${name}.png` });
}
