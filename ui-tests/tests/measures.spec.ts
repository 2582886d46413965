import type { IJupyterLabPageFixture } from '@jupyterlab/galata';
import { expect, test } from '@jupyterlab/galata';

import { expectAccessible } from './accessibility';
import { openNotebook } from './notebooks';

const DATA = `%load_ext llmtune_kernel
pairs = [
    {"prompt": f"What is {n} + {n}?", "chosen": f"It is {2 * n}.", "rejected": "Ask somebody else."}
    for n in range(12)
]`;

const RUN = `%%finetune sums
model: smollm2-135m
data: {train: $pairs, eval_fraction: 0.25}
objective: dpo
method: lora
training: {max_steps: 8, eval_steps: 4, logging_steps: 1, learning_rate: 1e-3}
launch: {on_kernel_exit: stop}`;

/** Two runs as a worker leaves them, and the rows of the first. */
const REWARDED = `from math import exp, sin
from llmtune_kernel.notebook.curves import eval_row, train_row
from llmtune_kernel.runs.directory import RunDirectory
from llmtune_kernel.runs.events import Evaluation, EventWriter, Metrics, State

def measures(step, run):
    return {
        "reward": run - 2 * exp(-step / 60) + 0.1 * sin(step * 1.7), "reward_std": 0.4 + 0.1 * sin(step),
        "entropy": 2 + exp(-step / 90) * run, "kl": step / 4000,
    }

def written(run):
    rest = {"tokens": 9, "tokens_per_second": 50, "memory": 10**9, "eta": 0}
    train = [
        Metrics(step=step, max_steps=200, epoch=step / 200, loss=0.01 * sin(step), learning_rate=1e-5 * (201 - step),
                grad_norm=1, measures=measures(step, run), **rest)
        for step in range(1, 201)
    ]
    evaluations = [
        Evaluation(step=step, epoch=step / 200, loss=None, tokens=9, seconds=1,
                   measures={"reward": measures(step, run)["reward"] - 0.2})
        for step in range(50, 201, 50)
    ]
    directory = RunDirectory.create(f"rewarded-{run}")
    directory.config.write_text("data: rows.jsonl\\nobjective: {type: grpo, reward: judge}\\n")
    writer = EventWriter(directory.events)
    for event in [State(state="training"), *train, *evaluations, State(state="finished")]:
        writer.write(event)
    return [train_row(one) for one in train], [eval_row(one) for one in evaluations]

rows, evaluated = written(1)
written(2);`;

const LIVE = `from llmtune_kernel.notebook.chart import LossChart
chart = LossChart(title="rewarded")
display(chart)
chart.append_train(rows)
chart.append_eval(evaluated)`;

const STATIC = `from llmtune_kernel.notebook.figure import plotly_figure
display({"application/vnd.plotly.v1+json": plotly_figure(chart.curves)}, raw=True)`;

// Galata's stand-in for the kernel service does not see a kernel end.
test.use({ kernels: null, sessions: null });
test.use({ viewport: { width: 1200, height: 900 } });

test('A run of preferences shows its loss, then its rewards, and keeps them when it is over', async ({
  page,
  tmpPath
}) => {
  test.setTimeout(10 * 60_000);
  await openNotebook(page, `${tmpPath}/pairs.ipynb`, [DATA, RUN]);
  await page.sidebar.close('left');
  await page.notebook.runCell(0);
  await page.notebook.runCell(1);
  const chart = page.locator('.jp-llmtune-chart');
  const show = chart.getByLabel('Show');
  await expect(show).toBeVisible({ timeout: 5 * 60_000 });
  await expect(show).toHaveValue('loss');

  await test.step('they are chosen with the keyboard', async () => {
    await show.focus();
    await page.keyboard.press('ArrowDown');
    await expect(show).toHaveValue('rewards/chosen');
    await expectRewards(page);
  });

  await test.step('they stay while the run goes on, and when it is over', async () => {
    const kept = page.locator('.jp-llmtune-chart-rendered');
    await expect(kept).toBeVisible({ timeout: 5 * 60_000 });
    await expect(kept.getByLabel('Show')).toHaveValue('rewards/chosen');
    await expectRewards(page);
    await kept.scrollIntoViewIfNeeded();
    await page.waitForTimeout(1000);
    await page.screenshot({ path: 'artefacts/measures-rewards.png' });
    await kept.getByLabel('Show').selectOption('Accuracy');
    await page.waitForTimeout(1000);
    await page.screenshot({ path: 'artefacts/measures-accuracy.png' });
  });
});

test('Charts of rewarded answers begin with the reward, live, in a figure of plotly, in a comparison and in a tab', async ({
  page,
  tmpPath
}) => {
  await openNotebook(page, `${tmpPath}/rewarded.ipynb`, [
    `%load_ext llmtune_kernel\n${REWARDED}`,
    LIVE,
    STATIC
  ]);
  await page.notebook.run();
  const live = page.locator('.jp-llmtune-chart').first();
  await expect(live.getByLabel('Show')).toHaveValue('reward');
  await expect(
    live.getByRole('figure', {
      name: /^Reward: step 200, reward .+, evaluation /
    })
  ).toBeVisible();
  await expect(live.getByText('± reward_std')).toBeVisible();
  await live.scrollIntoViewIfNeeded();
  await page.waitForTimeout(1000);
  await page.screenshot({ path: 'artefacts/measures-reward.png' });

  await test.step('plotly offers the same without us', async () => {
    const figure = page.locator('.jp-RenderedPlotly, .js-plotly-plot').last();
    await figure.scrollIntoViewIfNeeded();
    const legend = figure.locator('.legendtext');
    await expect(legend.filter({ hasText: '± reward_std' })).toBeVisible();
    await page.screenshot({ path: 'artefacts/measures-plotly.png' });
    const header = figure.locator('.updatemenu-header').last();
    await expect(header).toHaveText(/^Reward/);
    await header.click();
    await figure
      .locator('.updatemenu-dropdown-button')
      .filter({ hasText: /^KL divergence$/ })
      .click();
    await expect(legend.filter({ hasText: /^kl$/ })).toBeVisible();
    await expect(legend.filter({ hasText: 'reward' })).toHaveCount(0);
    await page.screenshot({ path: 'artefacts/measures-plotly-kl.png' });
  });

  await test.step('runs are compared by one measure of them', async () => {
    await page.getByRole('tab', { name: 'Fine-tuning' }).click();
    const runs = page.locator('#jp-llmtune-runs');
    for (const run of ['rewarded-1', 'rewarded-2']) {
      await runs.getByRole('checkbox', { name: `Select ${run}` }).check();
    }
    await runs.getByRole('button', { name: /^Compare/ }).click();
    const tab = page.locator('.jp-llmtune-run');
    const show = tab.getByLabel('Show');
    await expect(show).toHaveValue('reward');
    await show.selectOption('entropy');
    await expect(
      tab.getByRole('figure', {
        name: /^entropy: rewarded-\d [\d.]+, rewarded-\d [\d.]+/
      })
    ).toBeVisible();
    await expect(tab.getByRole('rowheader', { name: 'Reward' })).toBeVisible();
    await expectAccessible(page, '.jp-llmtune-run');
    await page.waitForTimeout(1000);
    await page.screenshot({ path: 'artefacts/measures-compare.png' });
  });

  await test.step('the tab of a run begins with the reward, too', async () => {
    const runs = page.locator('#jp-llmtune-runs');
    await runs.getByRole('row', { name: /^rewarded-1/ }).dblclick();
    const tab = page.getByRole('region', { name: 'Run rewarded-1' });
    await expect(tab.getByLabel('Show')).toHaveValue('reward');
    await tab.getByLabel('Show').selectOption('KL divergence');
    await expect(
      tab.getByRole('figure', { name: /^KL divergence: step 200, kl 0.05/ })
    ).toBeVisible();
    await expect(tab.getByText('eval reward')).toBeVisible();
    await page.waitForTimeout(1000);
    await page.screenshot({ path: 'artefacts/measures-tab.png' });
  });
});

async function expectRewards(page: IJupyterLabPageFixture) {
  const figure = page.getByRole('figure', {
    name: /^Rewards: step \d+, rewards\/chosen .+, rewards\/rejected /
  });
  await expect(figure).toBeVisible();
  await expect(
    figure.locator('.legendtext').filter({ hasText: 'rewards/chosen' }).first()
  ).toBeVisible();
}
