import type { IJupyterLabPageFixture } from '@jupyterlab/galata';
import { expect, galata, test } from '@jupyterlab/galata';

import { expectFitting } from './fitting';
import { openNotebook, widenSidebar } from './notebooks';

const LOAD = `%load_ext llmtune_kernel
rows = [{"prompt": "a", "completion": "b"}] * 12`;

/** Texts of the front end, of a field, of a preset, and one with a count. */
const LANGUAGES = {
  ja_JP: {
    panel: 'ファインチューニング',
    run: '実行',
    data: '学習データ',
    rate: '学習率',
    presets: 'プリセット',
    preset: 'お試し',
    changed: /\d+ 件変更/,
    runs: '実行一覧',
    folder: '実行フォルダー',
    command: 'ファインチューニングのセルを挿入'
  },
  ko_KR: {
    panel: '파인튜닝',
    run: '실행',
    data: '학습 데이터',
    rate: '학습률',
    presets: '프리셋',
    preset: '빠른 시험',
    changed: /\d+개 변경됨/,
    runs: '실행 목록',
    folder: '실행 폴더',
    command: '파인튜닝 셀 삽입'
  },
  ru_RU: {
    panel: 'Дообучение',
    run: 'Запустить',
    data: 'Обучающие данные',
    rate: 'Скорость обучения',
    presets: 'Готовые наборы',
    preset: 'Быстрая проба',
    changed: /\d+ изменен[аыо]/,
    runs: 'Запуски',
    folder: 'Папка запусков',
    command: 'Вставить ячейку дообучения'
  },
  zh_CN: {
    panel: '微调',
    run: '运行',
    data: '训练数据',
    rate: '学习率',
    presets: '预设',
    preset: '快速试跑',
    changed: /已更改 \d+ 项/,
    runs: '运行记录',
    folder: '运行文件夹',
    command: '插入微调单元格'
  }
};

// Galata's stand-in for the kernel service does not see a kernel end.
test.use({ kernels: null, sessions: null });
test.use({ viewport: { width: 1280, height: 1000 } });
// Galata's own looks for the word Launcher.
test.use({
  waitForApplication: async ({}, use) => {
    await use(async page => {
      await page.locator('#jupyterlab-splash').waitFor({ state: 'detached' });
      await page.locator('.jp-Launcher').waitFor();
    });
  }
});

for (const [locale, words] of Object.entries(LANGUAGES)) {
  test.describe(`In ${locale}`, () => {
    test.use({
      mockSettings: {
        ...galata.DEFAULT_SETTINGS,
        '@jupyterlab/translation-extension:plugin': { locale }
      }
    });

    test('the sidebar and the commands are in the language of JupyterLab', async ({
      page,
      tmpPath
    }) => {
      await openNotebook(page, `${tmpPath}/language.ipynb`, [LOAD]);
      await page.evaluate(() =>
        (window as any).jupyterapp.commands.execute('notebook:run-cell')
      );
      const sidebar = await open(page, words.panel);
      const data = sidebar.getByRole('combobox', { name: words.data });
      await data.click();
      await sidebar.getByRole('option', { name: /^\$rows/ }).click();
      await expect(
        sidebar.getByRole('textbox', { name: words.rate })
      ).toBeVisible();
      await sidebar.getByText(words.presets, { exact: true }).click();
      await sidebar.getByRole('button', { name: words.preset }).click();
      await expect(sidebar.getByText(words.changed).first()).toBeVisible();
      await expect(
        sidebar.getByRole('button', { name: words.run, exact: true })
      ).toBeVisible();
      await expect(sidebar.getByText(words.runs).first()).toBeVisible();
      await page.screenshot({ path: `artefacts/sidebar-${locale}.png` });
      await expectFitting(sidebar);

      // As many take it, with all that is folded; 32 pixels are for the icons beside it.
      await widenSidebar(page, 32 + 300);
      const folded = '#jp-llmtune-configure details:not([open]) > summary';
      while ((await page.locator(folded).count()) > 0) {
        await page.locator(folded).first().click();
      }
      await expectFitting(sidebar);
      await page.screenshot({ path: `artefacts/sidebar-${locale}-open.png` });
      const titles = sidebar.locator('.lm-AccordionPanel-title');
      for (const index of [0, 2, 3]) {
        await titles.nth(index).click();
      }
      await expect(sidebar.locator('mark').first()).toBeVisible();
      await expectFitting(sidebar);
      await page.screenshot({ path: `artefacts/sidebar-${locale}-others.png` });
      const label = await page.evaluate(() =>
        (window as any).jupyterapp.commands.label('llmtune:insert-cell')
      );
      expect(label).toBe(words.command);
    });

    test('the settings editor describes our settings in the language of JupyterLab', async ({
      page
    }) => {
      await page.evaluate(
        query =>
          (window as any).jupyterapp.commands.execute('settingeditor:open', {
            query
          }),
        words.panel
      );
      const editor = page.locator('.jp-SettingsPanel');
      await expect(
        editor.getByText(words.folder, { exact: true })
      ).toBeVisible();
      await expect(editor.getByText('Runs folder')).toHaveCount(0);
      await page.screenshot({ path: `artefacts/settings-${locale}.png` });
    });
  });
}

async function open(page: IJupyterLabPageFixture, name: string) {
  await page.getByRole('tab', { name }).click();
  const sidebar = page.locator('#jp-llmtune-sidebar');
  await expect(sidebar).toBeVisible();
  return sidebar;
}
