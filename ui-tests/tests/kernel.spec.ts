import type { IJupyterLabPageFixture } from '@jupyterlab/galata';
import { expect, test } from '@jupyterlab/galata';

import { openNotebook } from './notebooks';

// Galata's stand-in for the kernel service does not know restarts.
test.use({ kernels: null, sessions: null });

test.describe('The kernel client', () => {
  test.beforeEach(async ({ page, tmpPath }) => {
    await openNotebook(page, `${tmpPath}/kernel.ipynb`, [
      '%load_ext llmtune_kernel\nrows = [{"prompt": "a", "completion": "b"}]',
      'import time; time.sleep(12)'
    ]);
  });

  test('says what to run until the extension is loaded, then is ready', async ({
    page
  }) => {
    await expect.poll(() => status(page)).toBe('not-loaded');
    await page.notebook.runCell(0);
    await expect.poll(() => status(page)).toBe('ready');
  });

  test('offers to load the extension where a cell needs it', async ({
    page,
    tmpPath
  }) => {
    await openNotebook(page, `${tmpPath}/unloaded.ipynb`, ['%runs']);
    await page.evaluate(() =>
      (window as any).jupyterapp.commands.execute('notebook:run-cell')
    );
    await expect(page.getByText('does not know %runs')).toBeVisible();
    await page.getByRole('button', { name: 'Load it and run again' }).click();
    const cells = page.locator(
      '.jp-NotebookPanel:not(.lm-mod-hidden) .jp-CodeCell'
    );
    await expect(cells.nth(0)).toContainText('%load_ext llmtune_kernel');
    await expect(cells.nth(1)).toContainText('%runs');
    await expect(cells.nth(1).locator('.jp-OutputArea-output')).toContainText(
      /No runs|run/
    );
    await expect(cells.nth(1)).not.toContainText('UsageError');
  });

  test('gets answers while a cell is running', async ({ page }) => {
    await page.notebook.runCell(0);
    await expect.poll(() => status(page)).toBe('ready');
    void page.notebook.runCell(1).catch(() => undefined);
    await expect(page.getByText('[*]:')).toBeVisible();
    expect(await variables(page)).toEqual(['rows']);
    await expect(page.getByText('[*]:')).toBeVisible();
  });

  test('serves notebooks that share a kernel, and says what another view keeps from it', async ({
    page,
    tmpPath
  }) => {
    await page.notebook.runCell(0);
    await expect.poll(() => status(page)).toBe('ready');
    await openNotebook(page, `${tmpPath}/shared.ipynb`, ['1']);
    await page.evaluate(async path => {
      const { shell } = (window as any).jupyterapp;
      const first = [...shell.widgets('main')].find(
        ({ context }) => context?.path === path
      );
      const { id } = first.sessionContext.session.kernel;
      await shell.currentWidget.sessionContext.changeKernel({ id });
    }, `${tmpPath}/kernel.ipynb`);
    await expect.poll(() => status(page)).toBe('ready');
    expect(await variables(page)).toEqual(['rows']);
    await page.evaluate(path => {
      const { shell } = (window as any).jupyterapp;
      [...shell.widgets('main')]
        .find(({ context }) => context?.path === path)
        .dispose();
    }, `${tmpPath}/kernel.ipynb`);
    await expect.poll(() => status(page)).toBe('elsewhere');
    await page.notebook.save();
    await page.reload({ waitForIsReady: false });
    await expect.poll(() => status(page)).toBe('ready');
  });

  test('goes on after the page is reloaded', async ({ page }) => {
    await page.notebook.runCell(0);
    await expect.poll(() => status(page)).toBe('ready');
    await page.notebook.save();
    await page.reload({ waitForIsReady: false });
    await expect.poll(() => status(page)).toBe('ready');
    expect(await variables(page)).toEqual(['rows']);
  });

  test('waits for the end of a cell that runs when the page is reloaded', async ({
    page
  }) => {
    await page.notebook.runCell(0);
    await expect.poll(() => status(page)).toBe('ready');
    await page.notebook.save();
    void page.notebook.runCell(1).catch(() => undefined);
    await expect(page.getByText('[*]:')).toBeVisible();
    await page.reload({ waitForIsReady: false });
    expect(await status(page)).not.toBe('ready');
    await expect.poll(() => status(page)).toBe('ready');
    expect(await variables(page)).toEqual(['rows']);
  });

  test('finds the kernel again after a restart', async ({ page }) => {
    await page.notebook.runCell(0);
    await expect.poll(() => status(page)).toBe('ready');
    await page.evaluate(async () => {
      const { currentWidget } = (window as any).jupyterapp.shell;
      await currentWidget.sessionContext.session.kernel.restart();
    });
    await expect.poll(() => status(page)).toBe('not-loaded');
    await page.notebook.runCell(0);
    await expect.poll(() => status(page)).toBe('ready');
  });
});

/** How the client of the current notebook stands. */
function status(page: IJupyterLabPageFixture): Promise<string | undefined> {
  return page.evaluate(
    id =>
      (window as any).jupyterapp?.pluginRegistry._plugins.get(id)?.service
        ?.current?.status.kind,
    KERNEL_PLUGIN
  );
}

function variables(page: IJupyterLabPageFixture): Promise<string[]> {
  return page.evaluate(async id => {
    const plugins = (window as any).jupyterapp.pluginRegistry._plugins;
    const client = plugins.get(id).service.current;
    const reply = await client.request('variables', {}, { timeout: 5000 });
    return reply.map((variable: { name: string }) => variable.name);
  }, KERNEL_PLUGIN);
}

const KERNEL_PLUGIN = 'jupyterlab-llmtune:kernel';
