import type { IJupyterLabPageFixture } from '@jupyterlab/galata';
import type { APIRequestContext, Locator, Page } from '@playwright/test';
import { expect } from '@playwright/test';

/**
 * Open a new notebook with code cells. It is uploaded, not typed: the editor would indent what is typed.
 */
export async function openNotebook(
  page: IJupyterLabPageFixture,
  path: string,
  sources: string[]
): Promise<void> {
  const content = JSON.stringify(contentOf(sources));
  await page.contents.uploadContent(content, 'text', path);
  await openByPath(page, path);
}

/** Open a new notebook of rows and a `%%finetune` cell on them, run the first, and show the section Data of the other. */
export async function openDataSection(
  page: IJupyterLabPageFixture,
  path: string,
  [rows, run]: [string, string]
): Promise<Locator> {
  await openNotebook(page, path, [rows, run]);
  await page.notebook.runCell(0);
  await page.notebook.selectCells(1);
  await page.getByRole('tab', { name: 'Fine-tuning' }).click();
  await page.getByRole('heading', { name: 'Data Section' }).click();
  return page.locator('#jp-llmtune-data');
}

/** Open the rows of the data that the section shows. */
export async function openRows(
  page: IJupyterLabPageFixture,
  section: Locator,
  button = 'Inspect…'
): Promise<Locator> {
  await section.getByRole('button', { name: button }).click();
  const tab = page.locator('.jp-llmtune-inspector');
  await expect(tab.getByText(/^[\d,]+ rows$/)).toBeVisible({ timeout: 60_000 });
  return tab;
}

/** Open a new notebook with code cells in Notebook 7, and run the first one. */
export async function openInNotebook7(
  page: Page,
  request: APIRequestContext,
  baseURL: string,
  path: string,
  sources: string[]
): Promise<void> {
  const saved = await request.put(`${baseURL}/api/contents/${path}`, {
    data: { type: 'notebook', format: 'json', content: contentOf(sources) }
  });
  expect(saved.ok()).toBe(true);
  await page.goto(`${baseURL}/notebooks/${path}`);
  // What is run before the kernel answers would be lost.
  await expect(
    page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]')
  ).toBeVisible({ timeout: 60_000 });
  await page.locator('.jp-Cell').first().click();
  await page.keyboard.press('Shift+Enter');
  await expect(page.getByText('[1]:')).toBeVisible({ timeout: 60_000 });
}

function contentOf(sources: string[]): object {
  return {
    cells: sources.map((source, index) => ({
      cell_type: 'code',
      id: `cell-${index}`,
      metadata: {},
      execution_count: null,
      outputs: [],
      source
    })),
    metadata: {
      kernelspec: {
        display_name: 'Python 3 (ipykernel)',
        language: 'python',
        name: 'python3'
      }
    },
    nbformat: 4,
    nbformat_minor: 5
  };
}

/** Open a notebook that is there. Galata would look for the file by English words. */
export async function openByPath(
  page: IJupyterLabPageFixture,
  path: string
): Promise<void> {
  await page.evaluate(async path => {
    const { commands, shell } = (window as any).jupyterapp;
    const panel = await commands.execute('docmanager:open', { path });
    shell.activateById(panel.id);
    await panel.revealed;
    await panel.sessionContext.ready;
  }, path);
}

/** Open a notebook as a reader does who has no kernel for it. */
export async function openWithoutKernel(
  page: IJupyterLabPageFixture,
  path: string
): Promise<void> {
  await page.evaluate(async path => {
    const plugins = (window as any).jupyterapp.pluginRegistry._plugins;
    const documents = plugins.get('@jupyterlab/docmanager-extension:manager');
    const preference = { shouldStart: false, canStart: false };
    const { service } = documents;
    const panel = service.open(
      path,
      'Notebook',
      undefined,
      undefined,
      preference
    );
    await panel.revealed;
    await panel.sessionContext.ready;
    // JupyterLab 4.4 knows no such preference.
    if (panel.sessionContext.session) {
      await panel.sessionContext.shutdown();
    }
  }, path);
}

/** Give the left side bar a width, in pixels. */
export async function widenSidebar(
  page: IJupyterLabPageFixture,
  width: number
): Promise<void> {
  const handle = page.locator('#jp-main-split-panel > .lm-SplitPanel-handle');
  const { x, y, height } = (await handle.first().boundingBox())!;
  await page.mouse.move(x + 1, y + height / 2);
  await page.mouse.down();
  await page.mouse.move(width, y + height / 2, { steps: 4 });
  await page.mouse.up();
}
