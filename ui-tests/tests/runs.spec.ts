import { expect, test } from '@jupyterlab/galata';

import { expectAccessible, THEMES } from './accessibility';
import { expectFitting } from './fitting';
import { openNotebook, widenSidebar } from './notebooks';

const LOAD = `%load_ext llmtune_kernel
rows = [{"prompt": f"Count to {n}", "completion": "one, two"} for n in range(16)]`;

const run = (line: string, steps: number, rank: number) => `%%finetune ${line}
data: $rows
method: {type: lora, r: ${rank}}
training: {max_steps: ${steps}, learning_rate: 1e-3}
samples: {prompts: ["Count to 3"], max_new_tokens: 8}`;

// Galata's stand-in for the kernel service does not see a kernel end.
test.use({ kernels: null, sessions: null });
test.use({ viewport: { width: 1280, height: 1000 } });

test('Runs are compared, and outlive their kernel', async ({
  page,
  tmpPath
}) => {
  test.setTimeout(10 * MINUTE);
  await openNotebook(page, `${tmpPath}/runs.ipynb`, [
    LOAD,
    run('first --wait', 4, 8),
    run('second --wait', 4, 16),
    run('long', 4000, 8)
  ]);
  for (const index of [0, 1, 2]) {
    await page.notebook.runCell(index);
  }
  await page.getByRole('tab', { name: 'Fine-tuning' }).click();
  const runs = page.locator('#jp-llmtune-runs');

  await test.step('two runs side by side: curves, differences, samples', async () => {
    await runs.getByRole('checkbox', { name: 'Select first' }).check();
    await runs.getByRole('checkbox', { name: 'Select second' }).check();
    await runs.getByRole('button', { name: /^Compare/ }).click();
    const tab = page.locator('.jp-llmtune-run');
    await expect(tab.locator('.scatterlayer .js-line')).toHaveCount(2);
    await expect(
      tab.getByRole('rowheader', { name: 'Rank method.r' })
    ).toBeVisible();
    await expect(tab.getByText('training.max_steps')).toHaveCount(0);
    await expect(tab.getByText('Count to 3').first()).toBeVisible();
    const steps = tab.locator('.xtick');
    await expect(steps.first()).toBeVisible();
    expect((await steps.allTextContents()).join(' ')).toMatch(/^[\d ]+$/);
    await page.screenshot({ path: 'artefacts/sidebar-compare.png' });
    const curve = tab.locator('.scatterlayer .js-line').first();
    const smoothed = (await curve.getAttribute('d'))!;
    await tab.getByRole('slider', { name: 'Smoothing' }).fill('0');
    await expect(curve).not.toHaveAttribute('d', smoothed);
    for (const theme of THEMES) {
      await page.theme.setTheme(theme);
      await expectAccessible(page, '.jp-llmtune-run');
    }
    await page.theme.setTheme(THEMES[0]);
  });

  const row = runs.getByRole('row', { name: /^long/ });
  const toDo = async (name: string, action: string) => {
    await runs
      .getByRole('button', { name: `What to do with ${name}`, exact: true })
      .click();
    await page.getByRole('menuitem', { name: action }).click();
  };

  await test.step('a run is asked at the weights that it has while it trains, and while it is paused', async () => {
    await page.notebook.activate('runs.ipynb');
    await page.notebook.runCell(3);
    await expect(row.getByText('training')).toBeVisible({ timeout: MINUTE });
    await page.getByRole('heading', { name: 'Configure Section' }).click();
    await page.getByRole('heading', { name: 'Playground Section' }).click();
    const playground = page.locator('#jp-llmtune-playground');
    await playground.getByText('Sampling', { exact: true }).click();
    await playground.getByRole('spinbutton', { name: 'Temperature' }).fill('0');
    await playground.getByText('Sampling', { exact: true }).click();
    await playground
      .getByRole('combobox', { name: 'Add a model' })
      .selectOption('run:long');
    const message = playground.getByRole('textbox', { name: 'Message' });
    const answers = playground.locator('.jp-llmtune-turn.jp-mod-assistant');
    // It has learned its rows, which no other model knows.
    await expect(row.getByText(/^loss 0\.0/)).toBeVisible({
      timeout: 2 * MINUTE
    });
    await message.fill('Count to 3');
    await message.press('Enter');
    await expect(answers).toHaveText(['one, two'], { timeout: MINUTE });
    await expect(row.getByText('training')).toBeVisible();
    await page.screenshot({ path: 'artefacts/playground-training.png' });

    await toDo('long', 'Pause');
    await expect(row.getByText('paused')).toBeVisible({ timeout: MINUTE });
    await playground.getByRole('button', { name: 'New chat' }).click();
    await message.fill('Count to 5');
    await message.press('Enter');
    await expect(answers).toHaveText(['one, two'], { timeout: MINUTE });
    await expect(row.getByText('paused')).toBeVisible();
    await toDo('long', 'Resume');
    await expect(row.getByText('training')).toBeVisible({ timeout: MINUTE });
  });

  await test.step('a kernel restart leaves the run alone, and it can still be stopped', async () => {
    await page.evaluate(async () => {
      const { currentWidget } = (window as any).jupyterapp.shell;
      await currentWidget.sessionContext.session.kernel.restart();
    });
    await expect(page.locator('.jp-llmtune-banner')).toHaveCount(0);
    await expect(row.getByText('training')).toBeVisible();
    await toDo('long', 'Stop');
    await page
      .locator('.jp-Dialog')
      .getByRole('button', { name: /Stop/ })
      .click();
    await expect(row.getByText('stopped')).toBeVisible({ timeout: MINUTE });
  });

  await test.step('a stopped run is continued from the list', async () => {
    await toDo('long', 'Train On');
    await expect(
      page.locator('.jp-Cell', { hasText: '%finetune --resume long' })
    ).toBeVisible();
    await expect(row.getByText('training')).toBeVisible({ timeout: MINUTE });
    await page.evaluate(async () => {
      const { currentWidget } = (window as any).jupyterapp.shell;
      const { kernel } = currentWidget.sessionContext.session;
      await kernel.requestExecute({ code: '_run.stop()' }).done;
    });
    await expect(row.getByText('stopped')).toBeVisible({ timeout: MINUTE });
  });

  const dialog = page.locator('.jp-Dialog');
  const write = async (text: string) => {
    await dialog.getByRole('textbox').fill(text);
    await dialog.getByRole('button', { name: 'Save' }).click();
  };

  await test.step('tags and a note are seen at their run, which is found by them', async () => {
    await toDo('second', 'Tags');
    await write('pirate, small');
    await toDo('second', 'Note');
    await write('Rank 16 on all rows');
    const second = runs.getByRole('row', { name: /^second/ });
    await expect(second.locator('.jp-llmtune-tags > *')).toHaveText([
      'pirate',
      'small'
    ]);
    await expect(second.getByText('Rank 16 on all rows')).toBeVisible();
    await second.getByText('Rank 16 on all rows').scrollIntoViewIfNeeded();
    await page.screenshot({ path: 'artefacts/sidebar-tags.png' });
    for (const text of ['PIRATE', 'rank 16']) {
      await runs.getByPlaceholder('Filter runs').fill(text);
      await expect(runs.getByRole('row', { name: /^first/ })).toHaveCount(0);
      await expect(second).toBeVisible();
    }
    await runs.getByPlaceholder('Filter runs').fill('');
    await toDo('second', 'Tags');
    await expect(dialog.getByRole('textbox')).toHaveValue('pirate, small');
    await write('');
    await expect(second.locator('.jp-llmtune-tags')).toHaveCount(0);
  });

  await test.step('a tab follows its run to another name, and its configuration becomes a cell of a free one', async () => {
    await runs.getByRole('row', { name: /^first/ }).click();
    await page.notebook.activate('runs.ipynb');
    await page.keyboard.press('ControlOrMeta+Alt+o');
    const tab = page.locator('.jp-llmtune-run:visible');
    await expect(tab.getByRole('heading', { name: /^first/ })).toBeVisible();
    await expect(page.getByRole('region', { name: 'Run first' })).toBeVisible();
    await runs.getByRole('row', { name: /^first/ }).click();
    await page.keyboard.press('F2');
    await write('second');
    await expect(dialog).toContainText('exists already');
    await expect(dialog.getByLabel('New name')).toHaveValue('second');
    // Other tests have runs of the usual names.
    await write('renamed');
    await expect(dialog).toHaveCount(0);
    await expect(tab.getByRole('heading', { name: /^renamed / })).toBeVisible();
    await expect(
      page.getByRole('region', { name: 'Run renamed', exact: true })
    ).toBeVisible();
    await expect(
      page.getByRole('tab', { name: 'renamed', exact: true })
    ).toBeVisible();
    await tab.getByRole('tab', { name: 'Configuration' }).click();
    await tab.getByRole('button', { name: 'Insert as cell' }).click();
    const line = page.locator('.cm-line', { hasText: /^%%finetune run\d*$/ });
    const [, name] = (await line.innerText()).split(' ');
    await expect(
      runs.getByRole('row', { name: new RegExp(`^${name},`) })
    ).toHaveCount(0);
  });
});

test('Runs stay selected over a reload, and what can be done to them stays in view', async ({
  page,
  tmpPath
}) => {
  const over = `import json, os, time
for number in range(30):
    folder = os.path.join(os.environ["LLMTUNE_HOME"], f"many-{number:02}")
    os.makedirs(folder, exist_ok=True)
    state = {"seq": 1, "time": time.time() + number, "type": "state", "payload": {"state": "finished", "detail": ""}}
    with open(os.path.join(folder, "events.jsonl"), "w") as events:
        events.write(json.dumps(state) + chr(10))
%load_ext llmtune_kernel`;
  await openNotebook(page, `${tmpPath}/many.ipynb`, [over]);
  await page.notebook.runCell(0);
  await page.getByRole('tab', { name: 'Fine-tuning' }).click();
  await widenSidebar(page, 284);
  const runs = page.locator('#jp-llmtune-runs');
  const compare = runs.getByRole('button', { name: 'Compare', exact: true });
  const select = (name: string) =>
    runs.getByRole('checkbox', { name: `Select ${name}`, exact: true });
  await select('many-29').check();
  await select('many-02').check();
  await expect(compare).toBeInViewport();
  const filter = await runs.getByRole('searchbox').boundingBox();
  const row = runs.getByRole('row', { name: /^many-02/ });
  await expect(row).toBeInViewport();
  expect((await row.boundingBox())!.y).toBeGreaterThan(
    filter!.y + filter!.height
  );
  await page.screenshot({ path: 'artefacts/runs-many.png' });
  await page.theme.setDarkTheme();
  await page.screenshot({ path: 'artefacts/runs-many-dark.png' });
  await expectFitting(runs);

  // JupyterLab writes its state a while later.
  await page.waitForTimeout(3000);
  await page.reload({ waitForIsReady: false });
  await page.getByRole('tab', { name: 'many.ipynb' }).click();
  await expect(select('many-29')).toBeChecked({ timeout: MINUTE });
  await expect(select('many-02')).toBeChecked();
  await expect(select('many-28')).not.toBeChecked();
  await expect(
    runs.getByRole('button', { name: 'Select none of 2' })
  ).toBeVisible();
});

test('A question that is typed from the palette is there again after a reload', async ({
  page,
  tmpPath
}) => {
  await openNotebook(page, `${tmpPath}/asks.ipynb`, [LOAD]);
  await page.notebook.runCell(0);
  const box = page.getByRole('textbox', { name: 'Message' });
  await page.menu.clickMenuItem('View>Activate Command Palette');
  await page.locator('.lm-CommandPalette-input').fill('Ask in the Playground');
  await page.keyboard.press('Enter');
  await expect(box).toBeFocused();
  await page.keyboard.type('Who are');
  // JupyterLab writes its state a while later.
  await page.waitForTimeout(3000);
  await page.reload({ waitForIsReady: false });
  await page.getByRole('tab', { name: 'asks.ipynb' }).click();
  await expect(async () => {
    await page.keyboard.press('ControlOrMeta+Alt+y');
    await expect(box).toHaveValue('Who are', { timeout: 2000 });
  }).toPass({ timeout: MINUTE });
});

const MINUTE = 60_000;
