import { expect, test } from '@jupyterlab/galata';

import { expectAccessible, THEMES } from './accessibility';
import { openDataSection, openRows } from './notebooks';
import { clickRow, RUN_ROWS, WRITE_ROWS } from './rows';

const WRITE_PAIRS = `%load_ext llmtune_kernel
pairs = [
    {
        "prompt": "What is\\nthe capital of France?",
        "chosen": "It is Paris, of course.",
        "rejected": "It is Lyon, of course.",
    }
] * 8
pairs[1] = {
    "prompt": "Tell of a parrot 🦜.",
    "chosen": "The parrot 🦜 flies over the sea. It is green. In the end it sleeps in the tree.",
    "rejected": "All of the birds are the same to me, and the parrot 🦜 is one of the birds. It is green.",
}
pairs[2] = {
    "prompt": "Go on.",
    "chosen": "Word " * 200_000 + "needle " + "more " * 2_000,
    "rejected": "No.",
}`;

const WRITE_TALK = `%load_ext llmtune_kernel
said = [
    {"role": role, "content": f"{role} says {n} things. " * 5}
    for n in range(50)
    for role in ("user", "assistant")
]
talk = [{"messages": said}, {"messages": [*said[:61], {"role": "assistant", "content": ""}, *said[62:]]}]`;

const MINUTE = 60_000;

test.use({ viewport: { width: 1280, height: 800 } });

test('A row is seen as a conversation, as the template writes it and token by token', async ({
  page,
  tmpPath
}) => {
  test.setTimeout(5 * MINUTE);
  const section = await openDataSection(page, `${tmpPath}/row.ipynb`, [
    WRITE_ROWS,
    RUN_ROWS
  ]);
  const tab = await openRows(page, section);
  const grid = tab.getByRole('application', { name: 'Rows of the data' });
  const pane = tab.locator('.jp-llmtune-row');

  await test.step('the answers that are learned are marked', async () => {
    await clickRow(page, 0);
    await expect(pane.getByRole('heading', { name: 'Row 0' })).toBeVisible();
    await expect(pane.locator('.jp-llmtune-said')).toHaveText(
      [
        'SystemBe kind.',
        'UserWho are you?\nSay it.',
        'AssistantlearnedI am 0.'
      ],
      { timeout: MINUTE }
    );
    await expect(pane).toContainText('With the tokenizer of smollm2-135m');
    await page.screenshot({ path: 'artefacts/row-conversation.png' });
  });

  await test.step('the arrow keys go to other rows', async () => {
    await grid.focus();
    await page.keyboard.press('ArrowDown');
    await expect(pane).toContainText('I am 1.');
    await pane.getByRole('button', { name: 'Next row' }).click();
    await expect(pane).toContainText('I am 2.');
    await pane.getByRole('button', { name: 'Previous row' }).click();
    await expect(pane).toContainText('I am 1.');
  });

  await test.step('a keyboard alone chooses a row, looks at it and comes back', async () => {
    const chosen = tab.locator('.jp-llmtune-inspector-row');
    await grid.focus();
    await page.keyboard.press('Control+End');
    await expect(chosen).toContainText('Row 1499;');
    await page.keyboard.press('Home');
    await expect(chosen).toContainText('Row 0;');
    await page.keyboard.press('ArrowDown');
    await expect(pane).toContainText('I am 1.');
    await page.keyboard.press('Enter');
    await expect(
      tab.getByRole('region', { name: 'The chosen row' })
    ).toBeFocused();
    await page.keyboard.press('Tab');
    await expect(
      pane.getByRole('button', { name: 'Previous row' })
    ).toBeFocused();
    await page.keyboard.press('Escape');
    await expect(grid).toBeFocused();
    await expect(pane).toBeHidden();
    await page.keyboard.press('Enter');
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('Shift+Tab');
    await expect(grid).toBeFocused();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Tab');
    await expect(grid).not.toBeFocused();
    await page.keyboard.press('Shift+Tab');
    await page.keyboard.press('Shift+Tab');
    await expect(grid).not.toBeFocused();
    await expect(pane).toContainText('I am 1.');
  });

  await test.step('the template and the tokens show what is learned', async () => {
    await pane.getByRole('tab', { name: 'Template' }).click();
    await expect(pane.locator('.jp-llmtune-rendered mark')).toHaveText(
      'I am 1.<|im_end|>'
    );
    await page.screenshot({ path: 'artefacts/row-template.png' });
    await page.keyboard.press('ArrowRight');
    await expect(pane.locator('.jp-llmtune-tokens mark').last()).toHaveText(
      '<|im_end|>'
    );
    await pane.getByRole('checkbox', { name: 'Show the ids' }).check();
    for (const theme of THEMES) {
      await page.theme.setTheme(theme);
      await page.screenshot({ path: `artefacts/row-tokens-${theme}.png` });
      await expectAccessible(page, '.jp-llmtune-inspector');
    }
    await page.theme.setTheme(THEMES[0]);
  });

  await test.step('what is too long is cut as the form says', async () => {
    await expect(pane.locator('s')).toHaveCount(0);
    await page
      .getByRole('searchbox', { name: 'Search the settings' })
      .fill('maximum length');
    const length = page.getByRole('textbox', { name: /^Maximum length/ });
    await length.fill('16');
    await length.press('Enter');
    await expect(pane.locator('.jp-llmtune-tokens s').first()).toBeVisible();
    await expect(pane.getByRole('alert')).toContainText('Left out: row 1');
    await page.screenshot({ path: 'artefacts/row-cut.png' });
    await length.fill('20000');
    await length.press('Enter');
    await expect(pane.locator('s')).toHaveCount(0);
  });

  await test.step('a row of thousands of tokens is shown piece by piece', async () => {
    await clickRow(page, 4);
    const tokens = pane.locator('.jp-llmtune-tokens > :not(br)');
    await expect(pane).toContainText('Tokens 1 to 5,000 of 10,', {
      timeout: MINUTE
    });
    await expect(tokens).toHaveCount(5000);
    await page.screenshot({ path: 'artefacts/row-long.png' });
    const later = pane.getByRole('button', { name: 'Later' });
    await later.click();
    await expect(pane).toContainText('Tokens 5,001 to 10,000 of 10,');
    await later.click();
    await expect(pane.locator('mark').last()).toHaveText('<|im_end|>');
    await expect(later).toBeFocused();
    await expect(later).toHaveAttribute('aria-disabled', 'true');
    await pane.getByRole('button', { name: 'First Learned' }).click();
    await expect(pane).toContainText('Tokens 1 to 5,000 of 10,');
  });

  await test.step('the next row that is left out is found', async () => {
    await pane.getByRole('button', { name: 'Next Problem' }).click();
    await expect(pane.getByRole('alert')).toContainText('row 1200');
    await expect(pane.getByText('Values of the row')).toBeVisible();
    await page.screenshot({ path: 'artefacts/row-problem.png' });
    await pane.getByRole('button', { name: 'Next Problem' }).click();
    await expect(pane).toContainText('No row after this one is left out.');
  });

  await test.step('Escape closes it', async () => {
    await pane.getByRole('button', { name: 'Next Problem' }).focus();
    await page.keyboard.press('Escape');
    await expect(pane).toBeHidden();
    await expect(grid).toBeFocused();
  });
});

test('In a long conversation the turn at fault is in sight, and so is what is wrong with it', async ({
  page,
  tmpPath
}) => {
  test.setTimeout(3 * MINUTE);
  const section = await openDataSection(page, `${tmpPath}/long.ipynb`, [
    WRITE_TALK,
    '%%finetune talking\ndata: $talk'
  ]);
  const tab = await openRows(page, section);
  const pane = tab.locator('.jp-llmtune-row');
  await clickRow(page, 1);
  await expect(pane).toContainText('turn 61 has no answer', {
    timeout: MINUTE
  });
  const wrong = pane.locator('.jp-llmtune-said[data-mark="wrong"]');
  await expect(wrong).toBeInViewport({ ratio: 1 });
  await expect(pane.getByText('turn 61 has no answer')).toBeInViewport();
  await expect(
    pane.getByRole('button', { name: 'Leave This Row Out' })
  ).toBeInViewport({ ratio: 1 });
  await page.screenshot({ path: 'artefacts/row-wrong.png' });
});

test('The two answers of a preference stand side by side', async ({
  page,
  tmpPath
}) => {
  test.setTimeout(3 * MINUTE);
  const run = '%%finetune choosing\ndata: $pairs';
  const section = await openDataSection(page, `${tmpPath}/pairs.ipynb`, [
    WRITE_PAIRS,
    run
  ]);
  const tab = await openRows(page, section);
  await clickRow(page, 0);
  const pane = tab.locator('.jp-llmtune-row');
  const chosen = pane.getByRole('region', { name: 'Chosen' });
  const rejected = pane.getByRole('region', { name: 'Rejected' });
  await expect(chosen.locator('em')).toHaveText(['Paris'], { timeout: MINUTE });
  await expect(rejected.locator('em')).toHaveText(['Lyon']);
  await expect(chosen).not.toContainText('the capital of France?');
  for (const theme of THEMES) {
    await page.theme.setTheme(theme);
    await page.screenshot({ path: `artefacts/pairs-${theme}.png` });
    await expectAccessible(page, '.jp-llmtune-inspector');
  }
  await page.theme.setTheme(THEMES[0]);
  await pane.getByRole('button', { name: 'Unfold' }).click();
  await expect(chosen).toContainText('the capital of France?');
  await pane.getByRole('tab', { name: 'Tokens' }).click();
  await pane.getByRole('button', { name: 'Fold' }).click();
  await expect(chosen.locator('.jp-llmtune-tokens')).toHaveText(/^It·is·Paris/);
  await expect(chosen.locator('.jp-mod-different')).toHaveText(['·Paris']);
  await page.setViewportSize({ width: 760, height: 700 });
  await page.screenshot({ path: 'artefacts/pairs-narrow.png' });

  await page.setViewportSize({ width: 1280, height: 800 });
  await pane.getByRole('button', { name: 'Next row' }).click();
  await expect(chosen.locator('.jp-llmtune-character').first()).toHaveText(
    /🦜123$/,
    { timeout: MINUTE }
  );
  await expect(chosen.locator('.jp-mod-different').first()).toHaveText('The');
  await pane.getByText('Show the ids').click();
  await page.screenshot({ path: 'artefacts/pairs-characters.png' });
  await pane.getByRole('tab', { name: 'Conversation' }).click();
  // Whole sentences, since few words are shared.
  await expect(chosen.locator('em')).toHaveText([
    /^The parrot.* sea\. $/,
    /^In the end.*tree\.$/
  ]);
  await expect(rejected.locator('em')).toHaveText([/^All of.*birds\. $/]);
  await page.screenshot({ path: 'artefacts/pairs-sentences.png' });

  await tab.getByRole('searchbox', { name: 'Search' }).fill('NEEDLE');
  await expect(tab.getByText('1 of 8 rows')).toBeVisible();
  await clickRow(page, 0);
  await expect(pane.getByRole('heading', { name: 'Row 2' })).toBeVisible();
  await expect(chosen).toContainText('needle', { timeout: MINUTE });
  await expect(chosen).toContainText(/Characters .* of 1,010,00/);
  await page.screenshot({ path: 'artefacts/pairs-long.png' });
  await pane.getByText('Values of the row').click();
  await expect(pane.locator('dd').nth(1)).toContainText('needle');
  const { length } = await pane.innerText();
  expect(length).toBeLessThan(20_000);

  // The rows come before the column in numbers.
  await pane.getByRole('button', { name: 'Close the row' }).click();
  await tab.getByRole('combobox', { name: 'Column' }).focus();
  await page.keyboard.press('Shift+Tab');
  await expect(tab.locator('.jp-llmtune-grid :focus')).toHaveCount(1);
});
