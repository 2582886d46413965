import type { IJupyterLabPageFixture } from '@jupyterlab/galata';
import { expect, test } from '@jupyterlab/galata';

import { readFileSync } from 'fs';

import { expectAccessible, THEMES } from './accessibility';
import { expectFitting } from './fitting';
import { choose, tabTo } from './keyboard';
import { openNotebook, widenSidebar } from './notebooks';

const LOAD = `%load_ext llmtune_kernel
rows = [{"prompt": "a", "completion": "b"}]
others = [{"prompt": "c", "completion": "d"}] * 3`;

const RUN = `%%finetune captain --wait
# the smallest model there is
model: smollm2-135m   # embedded
data: $rows
training: {max_steps: 5, learning_rate: 2.0e-4}`;

const RUN_BODY = RUN.slice(RUN.indexOf('\n') + 1);

// Galata's stand-in for the kernel service does not see a kernel end.
test.use({ kernels: null, sessions: null });
test.use({ viewport: { width: 1280, height: 1000 } });

test.describe('The form and the cell', () => {
  test.beforeEach(async ({ page, tmpPath }) => {
    await openNotebook(page, `${tmpPath}/two-way.ipynb`, [LOAD, RUN, '']);
    await page.notebook.runCell(0);
    await page.getByRole('tab', { name: 'Fine-tuning' }).click();
    await page.notebook.selectCells(1);
  });

  test('are one document: each follows the other, and one undo takes an edit back', async ({
    page
  }) => {
    const { form, field } = sidebar(page);
    await expect(form.getByText('Cell: %%finetune captain')).toBeVisible();
    await expect(field('Training data')).toHaveValue('$rows');

    await field('Training data').fill('$others');
    await field('Training data').press('Tab');
    const edited = RUN.replace('data: $rows', 'data: $others');
    await expect.poll(() => source(page, 1)).toBe(edited);

    await field('Rank').fill('16');
    await field('Rank').press('Tab');
    await expect
      .poll(() => source(page, 1))
      .toBe(edited.replace('\ntraining:', '\nmethod:\n  r: 16\ntraining:'));
    await undo(page);
    await expect.poll(() => source(page, 1)).toBe(edited);
    await expect(field('Rank')).toHaveValue('');

    await setSource(
      page,
      1,
      edited.replace('captain', 'mate') + '\nmethod: full'
    );
    await expect(form.getByText('Cell: %%finetune mate')).toBeVisible();
    await expect(field('Method').locator('option:checked')).toHaveText(/^full/);
    await expect(field('Rank')).toHaveCount(0);
    await page.screenshot({ path: 'artefacts/sidebar-two-way.png' });
  });

  test('have a line a source, each with its weight, rows and mistakes', async ({
    page
  }) => {
    const { form, field } = sidebar(page);
    await widenSidebar(page, 284);
    const wrote = (data: string) =>
      expect
        .poll(() => source(page, 1))
        .toBe(RUN.replace('data: $rows', `data: ${data}`));
    const line = (name: string) => form.getByRole('group', { name });
    await tabTo(page, 'Add a source: Training data');
    await page.keyboard.press('Enter');
    await expect(line('Source 2 of 2').getByRole('combobox')).toBeFocused();
    await choose(page, '$others');
    await wrote('[$rows, $others]');
    await expect(form.getByLabel('Mixing')).toHaveCount(1);

    await tabTo(page, 'Number of rows');
    await page.keyboard.type('0');
    await tabTo(page, 'Weight');
    await wrote('[$rows, {source: $others, num_samples: 0}]');
    await page.keyboard.type('2');
    await tabTo(page, 'Add a source: Training data');
    const second = line('Source 2 of 2');
    await expect(second.getByLabel('Number of rows')).toHaveAttribute(
      'aria-invalid',
      'true'
    );
    await expect(second.getByText(/at least 1/)).toBeVisible();
    await expectFitting(form);
    await page.screenshot({ path: 'artefacts/sidebar-sources.png' });
    await page.theme.setDarkTheme();
    await page.screenshot({ path: 'artefacts/sidebar-sources-dark.png' });
    await expectAccessible(page, '#jp-llmtune-configure');

    await second.getByText('More about this source').click();
    await second.getByLabel('Number of rows').fill('');
    await second.getByLabel('Split').fill('test');
    await second.getByLabel('Weight').fill('');
    await wrote('[$rows, {source: $others, split: test}]');
    await undo(page);
    await wrote('[$rows, {source: $others, weight: 2, split: test}]');
    await setSource(page, 1, RUN);
    await expect(line(' of 2')).toHaveCount(0);

    // What the form made a list is none when one source is left; what the user wrote so stays one.
    await form.getByRole('button', { name: 'Add a source' }).click();
    await line('Source 2 of 2').getByRole('combobox').fill('$others');
    await form.getByRole('button', { name: 'Remove source 1' }).click();
    await wrote('$others');
    await setSource(page, 1, RUN.replace('$rows', '[$rows, $gone] # mine'));
    await expect(
      line('Source 2 of 2').getByText(/no data named gone/)
    ).toBeVisible();
    await form.getByRole('button', { name: 'Remove source 2' }).click();
    await wrote('[$rows] # mine');

    // A fold that a mistake has opened stays open when it is mended.
    const none = '{train: {source: $rows, num_samples: 0}}';
    await setSource(page, 1, RUN.replace('$rows', none));
    await form.getByLabel('Number of rows').fill('1');
    await expect(form.getByText(/at least 1/)).toHaveCount(0);
    await expect(form.getByLabel('Number of rows')).toBeFocused();
    await wrote('{train: {source: $rows, num_samples: 1}}');
  });

  test('show what a LLaMA-Factory file says, which one click translates', async ({
    page
  }) => {
    const { form, field } = sidebar(page);
    await widenSidebar(page, 284);
    const theirs = {
      model_name_or_path: 'smollm2-135m',
      stage: 'sft',
      dataset: 'mine',
      learning_rate: 3e-5,
      plot_loss: true
    };
    const yaml = Object.entries(theirs).map(([key, of]) => `${key}: ${of}`);
    const cell = ['%%finetune captain', ...yaml].join('\n');
    await setSource(page, 1, cell);
    const said = form.getByRole('region', { name: 'LLaMA-Factory file' });
    await expect(said.getByText('plot_loss: loss, speed')).toBeVisible();
    await expect(form.getByLabel('Search the settings')).toHaveCount(0);
    await expectFitting(form);
    await expectAccessible(page, '#jp-llmtune-configure');
    await page.screenshot({ path: 'artefacts/sidebar-foreign.png' });
    await page.theme.setDarkTheme();
    await page.screenshot({ path: 'artefacts/sidebar-foreign-dark.png' });
    await said.getByRole('button', { name: 'Translate' }).click();
    await expect.poll(() => source(page, 1)).toContain('train: mine');
    await expect(field('Training data')).toHaveValue('mine');
    await expect(field('Learning rate')).toHaveValue('3e-5');
    await undo(page);
    await expect.poll(() => source(page, 1)).toBe(cell);

    // What is for another command says for which.
    await setSource(page, 1, `${cell}\nexport_dir: merged`);
    await expect(form.getByText(/for llmtune export/).first()).toBeVisible();
    await expect(said.getByRole('button')).toHaveCount(0);

    // The same as JSON, as a file.
    await form.getByText('Save and load').click();
    await form.getByLabel('File to import').setInputFiles({
      name: 'sft.json',
      mimeType: 'application/json',
      buffer: Buffer.from(JSON.stringify(theirs))
    });
    await expect(said.getByText('plot_loss: loss, speed')).toBeVisible();
  });

  test('take a file with the line ends of another system, and nothing that is no configuration', async ({
    page
  }) => {
    const { form, field } = sidebar(page);
    const take = (name: string, buffer: Buffer) =>
      form
        .getByLabel('File to import')
        .setInputFiles({ name, mimeType: 'text/yaml', buffer });
    await form.getByText('Save and load').click();
    await take('windows.yaml', Buffer.from(RUN_BODY.replace(/\n/g, '\r\n')));
    await field('Rank').fill('16');
    await field('Rank').press('Tab');
    const edited = RUN.replace('\ntraining:', '\nmethod:\n  r: 16\ntraining:');
    await expect.poll(() => source(page, 1)).toBe(edited);
    // The editor shows what the cell says.
    const editor = page.locator('.jp-CodeCell').nth(1).locator('.cm-content');
    await expect(editor).toContainText('r: 16');

    for (const [name, bytes] of [
      ['picture.yaml', [0x89, 0x50, 0x4e, 0x47, 0xff, 0x00]],
      ['empty.yaml', []]
    ] as const) {
      await take(name, Buffer.from(bytes));
      await expect(
        page.getByText(`${name} cannot be read.`).first()
      ).toBeVisible();
    }
    expect(await source(page, 1)).toBe(edited);
  });

  test('say where a mistake is, at the field and by its line', async ({
    page
  }) => {
    const { form, field } = sidebar(page);
    await setSource(page, 1, RUN.replace('max_steps: 5', 'max_steps: -5'));
    await form.getByPlaceholder('Search the settings').fill('maximum steps');
    await expect(field('Maximum steps')).toHaveAttribute(
      'aria-invalid',
      'true'
    );
    await setSource(
      page,
      1,
      RUN.replace('$rows', '{train: $rows, eval: $rows, eval_fraction: 0.1}')
    );
    await form.getByPlaceholder('Search the settings').fill('fraction');
    // In the words of the form, where the kernel names keys.
    await expect(
      form.getByText('Evaluation data and Evaluation fraction exclude')
    ).toBeVisible();
    await form.getByPlaceholder('Search the settings').fill('maximum steps');
    await setSource(page, 1, RUN.replace('data: $rows', 'data: {$rows'));
    await expect(form.getByText(/^Line \d+ cannot be read/)).toBeVisible();
    await expect(field('Maximum steps')).not.toBeEditable();
    // What it said last stays on the page.
    await expect(field('Maximum steps')).toHaveValue('5');
    await form.evaluate(node => node.scrollTo(0, node.scrollHeight));
    await expect(form.getByText(/^Line \d+ cannot be read/)).toBeInViewport();
    await expect(
      form.getByText('The configuration cannot be read.')
    ).toBeVisible();
    await page.screenshot({ path: 'artefacts/sidebar-unreadable.png' });
    await setSource(page, 1, RUN);
    await expect(form.getByText(/cannot be read/)).toHaveCount(0);
    await expect(field('Maximum steps')).toHaveValue('5');
  });

  test('mend a mistake by its button, above the form, at the field and before the run', async ({
    page
  }) => {
    const { form, field } = sidebar(page);
    const button = (name: string) => form.getByRole('button', { name });
    await widenSidebar(page, 250);
    const wrong = RUN.replace(
      'training: {max_steps: 5, learning_rate: 2.0e-4}',
      'training:\n  lr: 2.0e-4   # peak\n  max_steps: "5"'
    );
    await setSource(page, 1, wrong);
    await expect(button('Move to').or(button('Rename to'))).toHaveCount(1);
    await form.getByPlaceholder('Search the settings').fill('maximum steps');
    const title = 'Set Maximum steps to 5';
    await expect(button(title)).toHaveCount(1);
    await page.screenshot({ path: 'artefacts/mistake-buttons.png' });
    for (const theme of THEMES) {
      await page.theme.setTheme(theme);
      await expectAccessible(page, '#jp-llmtune-configure');
      await page.screenshot({ path: `artefacts/mistake-buttons-${theme}.png` });
    }
    await page.theme.setTheme(THEMES[0]);

    await button('Rename to learning_rate').click();
    const renamed = wrong.replace('lr:', 'learning_rate:');
    await expect.poll(() => source(page, 1)).toBe(renamed);
    await expect(form.getByText('unknown key')).toHaveCount(0);
    await undo(page);
    await expect.poll(() => source(page, 1)).toBe(wrong);
    await button('Rename to learning_rate').click();

    await button(title).focus();
    await page.keyboard.press('Enter');
    const right = renamed.replace('"5"', '5');
    await expect.poll(() => source(page, 1)).toBe(right);
    await expect(button(title)).toHaveCount(0);
    await expect(field('Maximum steps')).toBeFocused();

    const before = form.getByRole('region', { name: 'Before you run' });
    await before.getByText('Before you run').click();
    const gone = right.replace('data: $rows', 'data: $rowz');
    await setSource(page, 1, gone);
    const take = before.getByRole('button', {
      name: 'Set Training data to $rows'
    });
    await take.waitFor({ timeout: 60_000 });
    await page.screenshot({ path: 'artefacts/mistake-variable.png' });
    await take.focus();
    await page.keyboard.press('Enter');
    await expect.poll(() => source(page, 1)).toBe(right);
    await expect(before.getByText('no variable named')).toHaveCount(0);
    await expect(form.locator(':focus')).toHaveCount(1);
  });

  test('take registered names, and say why there are none', async ({
    page,
    tmpPath
  }) => {
    const { form, field } = sidebar(page);
    const registry = JSON.stringify({ pirates: { file_name: 'p.json' } });
    await page.contents.uploadContent(
      registry,
      'text',
      `${tmpPath}/data/dataset_info.json`
    );
    await field('Training data').click();
    await form.getByRole('option', { name: 'pirates' }).click();
    const named = RUN.replace('data: $rows', 'data: pirates');
    await expect.poll(() => source(page, 1)).toBe(named);

    await page.contents.uploadContent(
      '{,}',
      'text',
      `${tmpPath}/data/dataset_info.json`
    );
    await field('Training data').blur();
    await field('Training data').click();
    await expect(form.getByText(/is not valid JSON/)).toBeVisible();
  });

  test('offer public data sets by task, found by what they are for', async ({
    page
  }) => {
    const { form, field } = sidebar(page);
    await field('Training data').click();
    const maths = form.getByRole('group', {
      name: 'On the Hub: Reasoning and maths'
    });
    await expect(maths.getByRole('option').first()).toBeVisible();
    await page.screenshot({ path: 'artefacts/sidebar-catalogue.png' });
    await field('Training data').fill('maths');
    await expect(
      form.getByRole('group', { name: /^On the Hub: / })
    ).toHaveCount(1);
    const gsm8k = maths.getByRole('option', { name: /^gsm8k/ });
    await expect(gsm8k).toHaveText(/7,473 rows, mit$/);
    const about =
      /School maths.*\nopenai\/gsm8k: 7,473 rows, mit\nRead as alpaca \(.*\), subset main$/;
    await gsm8k.hover();
    await expect(form.getByText(about)).toBeVisible();
    while ((await gsm8k.getAttribute('aria-selected')) !== 'true') {
      await field('Training data').press('ArrowDown');
    }
    await expect(gsm8k).toHaveAccessibleDescription(
      /School maths.* subset main/
    );
    await expect(form.getByText(about)).toBeInViewport({ ratio: 1 });
    await page.screenshot({ path: 'artefacts/sidebar-catalogue-found.png' });
    await field('Training data').press('Enter');
    const named = RUN.replace('data: $rows', 'data: gsm8k');
    await expect.poll(() => source(page, 1)).toBe(named);
    // It stays below the field, which keeps its room in a narrow sidebar.
    await expect(form.getByText(about)).toBeVisible();
    await expect(field('Training data')).toHaveAccessibleDescription(
      /School maths.* subset main/
    );
    for (const width of [250, 420]) {
      await widenSidebar(page, width);
      const [box, note] = await Promise.all(
        [field('Training data'), form.getByText(about)].map(
          async found => (await found.boundingBox())!
        )
      );
      expect(note.y).toBeGreaterThanOrEqual(box.y + box.height);
      expect(note.width).toBeGreaterThan(box.width);
      expect(box.width).toBeGreaterThan(0.6 * note.width);
      await page.screenshot({
        path: `artefacts/sidebar-catalogue-${width}.png`
      });
    }
  });

  test('part when another cell is chosen: the form then is a draft of its own', async ({
    page
  }) => {
    const { form, field } = sidebar(page);
    await page.notebook.selectCells(2);
    await expect(form.getByText('Draft, not in a cell yet')).toBeVisible();
    await field('Training data').fill('$others');
    await field('Training data').press('Tab');
    await form.getByRole('button', { name: 'Insert as cell' }).click();
    await expect
      .poll(() => source(page, 3))
      .toMatch(/^%%finetune run\d*\ndata: \$others$/);
    expect(await source(page, 1)).toBe(RUN);
    await expect(page.locator('.jp-Notebook :focus')).toHaveCount(0);
  });

  test('are run once by a double click, and again under the next name', async ({
    page
  }) => {
    const { form, field } = sidebar(page);
    await page.locator('.jp-CodeCell').nth(2).locator('.cm-content').click();
    await field('Training data').fill('$others');
    await field('Training data').press('Tab');
    const run = form.getByRole('button', { name: 'Run', exact: true });
    await run.dblclick();
    await expect.poll(() => source(page, 3)).toMatch(/^%%finetune run\d*\n/);
    const [name] = (await source(page, 3)).match(/run\d*/)!;
    await expect(form.getByText(/^The next run of it is named/)).toBeVisible();
    await expect(page.locator('.jp-CodeCell')).toHaveCount(4);
    await expect(run).toBeFocused();
    await run.click();
    await expect
      .poll(() => source(page, 3))
      .not.toMatch(new RegExp(`^%%finetune ${name}\n`));
    await expect(page.locator('.jp-CodeCell')).toHaveCount(4);
    await expect(page.locator('.jp-Notebook')).not.toContainText(
      'exists already'
    );
  });

  test('keep the search, the place of the keyboard, and take a folder for the model', async ({
    page,
    tmpPath
  }) => {
    const { form, field } = sidebar(page);
    const search = form.getByPlaceholder('Search the settings');
    await search.fill('maximum steps');
    const reset = form.getByRole('button', { name: 'Reset Maximum steps' });
    await reset.focus();
    await page.keyboard.press('Enter');
    await expect(reset).toHaveCount(0);
    await expect(field('Maximum steps')).toBeFocused();
    await page.notebook.selectCells(2);
    await expect(form.getByText('Draft, not in a cell yet')).toBeVisible();
    await expect(search).toHaveValue('maximum steps');
    await search.fill('');

    await page.contents.createDirectory(`${tmpPath}/tuned`);
    await form.getByRole('button', { name: 'Folder…' }).click();
    const dialog = page.locator('.jp-Dialog');
    await dialog.getByText('tuned').click();
    await dialog.locator('.jp-mod-accept').click();
    await expect(field('Model')).toHaveValue('./tuned');
  });

  test('keep a saved configuration until the user says so', async ({
    page
  }) => {
    const { form } = sidebar(page);
    const dialog = page.locator('.jp-Dialog');
    const name = async (name: string) => {
      await dialog.getByRole('textbox').fill(name);
      await dialog.getByRole('button', { name: 'Save' }).click();
    };
    const save = async () => {
      await form.getByRole('button', { name: 'Save as preset…' }).click();
      await name('mine');
    };
    await form.locator('summary', { hasText: 'Save and load' }).click();
    await form.locator('summary', { hasText: 'Presets' }).click();
    // The kernel has said what its presets are.
    await expect(
      form.getByRole('button', { name: 'Quick try', exact: true })
    ).toBeVisible();
    await form.getByRole('button', { name: 'Save as preset…' }).click();
    await name('quick TRY');
    await expect(dialog.getByRole('alert')).toHaveText(
      'quick TRY is a preset already. Choose another name.'
    );
    await expect(dialog.getByRole('textbox')).toHaveValue('quick TRY');
    await name('mine');
    const remove = form.getByRole('button', {
      name: 'Delete the saved configuration mine'
    });
    await expect(remove).toBeVisible();
    await save();
    await expect(dialog).toContainText('Replace the saved configuration mine?');
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    await remove.click();
    await dialog.getByRole('button', { name: 'Delete' }).click();
    await expect(remove).toHaveCount(0);
  });
});

test('What is exported as YAML is the same configuration when it is imported', async ({
  page,
  tmpPath
}) => {
  await openNotebook(page, `${tmpPath}/from.ipynb`, [LOAD]);
  await page.notebook.runCell(0);
  await page.getByRole('tab', { name: 'Fine-tuning' }).click();
  const { form, field } = sidebar(page);
  const set = async (name: string, value: string) => {
    await field(name).fill(value);
    await field(name).press('Tab');
  };
  await set('Training data', '$rows');
  await field('Method').selectOption({ label: 'full' });
  await set('Learning rate', '3e-5');
  await field('Prompts, number 1').fill('Who are you?\nAnd "who" am I: a # b?');
  await field('Prompts, number 1').press('Tab');
  const values = () =>
    form
      .locator('[data-key] :is(input, select, textarea)')
      .evaluateAll(inputs =>
        inputs.map(input => (input as HTMLInputElement).value)
      );
  const filled = await values();
  await form.getByText('Save and load').click();
  const exported = async () => {
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      form.getByRole('button', { name: 'Export YAML' }).click()
    ]);
    expect(download.suggestedFilename()).toBe('finetune.yaml');
    return readFileSync(await download.path(), 'utf8');
  };
  const text = await exported();
  expect(text).toBe(`data: $rows
method: full
training:
  learning_rate: 3e-5
samples: |-
  Who are you?
  And "who" am I: a # b?`);

  // A notebook whose draft is empty.
  await openNotebook(page, `${tmpPath}/to.ipynb`, [LOAD]);
  await page.notebook.runCell(0);
  await expect(field('Training data')).toHaveValue('');
  expect(await values()).not.toEqual(filled);
  await form.getByLabel('File to import').setInputFiles({
    name: 'finetune.yaml',
    mimeType: 'text/yaml',
    buffer: Buffer.from(text)
  });
  await expect.poll(values).toEqual(filled);
  expect(await exported()).toBe(text);
});

function sidebar(page: IJupyterLabPageFixture) {
  const form = page.locator('#jp-llmtune-configure');
  return {
    form,
    field: (name: string) =>
      form.getByLabel(name).and(form.locator('input, select, textarea')).first()
  };
}

function source(page: IJupyterLabPageFixture, index: number): Promise<string> {
  return page.evaluate(index => {
    const { content } = (window as any).jupyterapp.shell.currentWidget;
    return content.widgets[index]?.model.sharedModel.getSource() ?? '';
  }, index);
}

/** As if the user had typed it. */
async function setSource(
  page: IJupyterLabPageFixture,
  index: number,
  text: string
): Promise<void> {
  await page.evaluate(
    ([index, text]) => {
      const { content } = (window as any).jupyterapp.shell.currentWidget;
      content.widgets[index as number].model.sharedModel.setSource(text);
    },
    [index, text]
  );
}

/** Ctrl-Z in the notebook. */
async function undo(page: IJupyterLabPageFixture): Promise<void> {
  await page.locator('.jp-CodeCell').nth(1).locator('.cm-content').click();
  await page.keyboard.press('Control+z');
}
