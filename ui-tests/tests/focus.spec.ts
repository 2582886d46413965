import { expect, test } from '@jupyterlab/galata';

import { openNotebook } from './notebooks';

const LOAD = `%load_ext llmtune_kernel
rows = [{"prompt": "a", "completion": "b"}] * 12`;

/** Runs that are over, and seem to have saved something. */
const OVER = `import json, os, time
for number, name in enumerate(["kept-a", "kept-b", "kept-c"]):
    folder = os.path.join(os.environ["LLMTUNE_HOME"], name)
    os.makedirs(os.path.join(folder, "adapter"), exist_ok=True)
    state = {"seq": 1, "time": time.time() + number, "type": "state", "payload": {"state": "finished", "detail": ""}}
    with open(os.path.join(folder, "events.jsonl"), "w") as events:
        events.write(json.dumps(state) + chr(10))`;

// Galata's stand-in for the kernel service does not see what a kernel has.
test.use({ kernels: null, sessions: null });
test.use({ viewport: { width: 1280, height: 900 } });

test('The keyboard stays in the sidebar when the control that it is at goes', async ({
  page,
  tmpPath
}) => {
  await openNotebook(page, `${tmpPath}/focus.ipynb`, [OVER, LOAD]);
  await page.notebook.runCell(0);
  await page.notebook.selectCells(1);
  await page.getByRole('tab', { name: 'Fine-tuning' }).click();
  const sidebar = page.locator('#jp-llmtune-sidebar');
  const runs = page.locator('#jp-llmtune-runs');
  const button = (name: string) =>
    sidebar.getByRole('button', { name, exact: true });
  // A control that goes when it is pressed is not looked for again.
  const press = async (name: string) => {
    await button(name).focus();
    await page.keyboard.press('Enter');
  };

  await test.step('the kernel half is loaded', async () => {
    await press('Load it');
    await expect(sidebar.locator('.jp-llmtune-banner')).toHaveCount(0);
    await expect(button('Insert as cell')).toBeVisible();
    await expect(sidebar).toBeFocused();
    await page.keyboard.press('Tab');
    await expect(
      sidebar.getByRole('heading', { name: 'Configure Section' })
    ).toBeFocused();
  });

  await test.step('a preset is chosen, and the list of them closes', async () => {
    const presets = sidebar.locator('summary', { hasText: 'Presets' });
    await presets.press('Enter');
    await press('Quick try');
    await expect(button('Quick try')).toBeHidden();
    await expect(presets).toBeFocused();
  });

  await test.step('the draft becomes a cell', async () => {
    await sidebar
      .getByRole('combobox', { name: 'Training data' })
      .fill('$rows');
    await press('Insert as cell');
    await expect(button('Insert as cell')).toHaveCount(0);
    await expect(button('Run')).toBeFocused();
  });

  const row = (name: string) => runs.getByRole('row', { name });
  await test.step('runs are no longer selected, and one is deleted', async () => {
    const body = runs.locator('.jp-llmtune-runs-body');
    const below = async () =>
      (await row('kept-c').boundingBox())!.y - (await body.boundingBox())!.y;
    const before = await below();
    await runs.getByRole('checkbox', { name: 'Select kept-a' }).check();
    await runs.getByRole('checkbox', { name: 'Select kept-b' }).check();
    await expect(button('Compare')).toBeVisible();
    await page.screenshot({ path: 'artefacts/runs-selected.png' });
    // What can be done to them pushes no row away.
    expect(await below()).toBe(before);
    await press('Select none of 2');
    await expect(row('kept-b')).toBeFocused();
    await page.keyboard.press('Delete');
    const dialog = page.locator('.jp-Dialog');
    await dialog.getByRole('button', { name: /Delete|trash/ }).press('Enter');
    await expect(row('kept-b')).toHaveCount(0);
    await expect(row('kept-a')).toBeFocused();
  });

  await test.step('a run gets a tag and another name from its menu', async () => {
    const menu = page.getByRole('menu');
    const value = page.locator('.jp-llmtune-edit-value');
    await page.keyboard.press('Shift+F10');
    await expect(menu).toBeVisible();
    await page.keyboard.press('Escape');
    await expect(row('kept-a')).toBeFocused();
    await button('What to do with kept-a').press('Enter');
    await expect(menu).toBeVisible();
    await page.getByRole('menuitem', { name: 'Tags…' }).press('Enter');
    await expect(value).toBeFocused();
    await page.keyboard.type('by-key');
    await page.keyboard.press('Enter');
    await expect(row('kept-a').getByText('by-key')).toBeVisible();
    await expect(button('What to do with kept-a')).toBeFocused();
    await row('kept-a').press('F2');
    await expect(value).toBeFocused();
    await page.keyboard.type('kept-d');
    await page.keyboard.press('Enter');
    await expect(row('kept-d')).toBeFocused();
    await expect(row('kept-a')).toHaveCount(0);
  });

  const playground = page.locator('#jp-llmtune-playground');
  const models = playground.getByRole('combobox', { name: 'Add a model' });
  const box = playground.getByRole('textbox', { name: 'Message' });
  await test.step('models leave the Playground', async () => {
    await sidebar
      .getByRole('heading', { name: 'Playground Section' })
      .press('Enter');
    await models.selectOption('model:smollm2-135m');
    await models.selectOption('run:kept-c');
    const remove = playground.getByRole('button', { name: /^Remove/ });
    await expect(remove).toHaveCount(2);
    await remove.first().press('Enter');
    await expect(remove).toBeFocused();
    await page.keyboard.press('Enter');
    await expect(remove).toHaveCount(0);
    await expect(box).toBeFocused();
  });

  await test.step('a chat is over', async () => {
    await models.selectOption('model:smollm2-135m');
    await box.fill('Say yes.');
    await press('Send');
    await expect(button('New chat')).toBeEnabled();
    await expect(button('Send')).toBeVisible({ timeout: 120_000 });
    await expect(box).toBeFocused();
    await press('New chat');
    await expect(button('New chat')).toBeDisabled();
    await expect(box).toBeFocused();
  });
});
