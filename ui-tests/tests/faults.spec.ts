import type { IJupyterLabPageFixture } from '@jupyterlab/galata';
import { expect, test } from '@jupyterlab/galata';
import type { Locator } from '@playwright/test';

import { openNotebook } from './notebooks';

const LOAD = `%load_ext llmtune_kernel
rows = [{"prompt": "a", "completion": "b"}] * 12`;

/** Kills each kernel that the server starts for this notebook, until there is a file that says enough. */
const DIE = `import subprocess, sys
from ipykernel.connect import get_connection_file
killer = """
import os, signal, sys, time
connection, enough = sys.argv[1:]
while not os.path.exists(enough):
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            line = open(f"/proc/{pid}/cmdline").read().split(chr(0))
            if connection in line and int(pid) != os.getpid():
                os.kill(int(pid), signal.SIGKILL)
        except OSError:
            pass
    time.sleep(0.2)
"""
open("killer.py", "w").write(killer)
subprocess.Popen([sys.executable, "killer.py", get_connection_file(), "enough"], start_new_session=True)`;

// Galata's stand-in for the kernel service does not see a kernel end.
test.use({ kernels: null, sessions: null });
test.use({ viewport: { width: 1280, height: 900 } });

test('A kernel that dies and stays dead is said to be, and what was set outlives it', async ({
  page,
  tmpPath
}) => {
  await openNotebook(page, `${tmpPath}/dead.ipynb`, [LOAD, DIE]);
  await page.notebook.runCell(0);
  const sidebar = await open(page);
  const data = field(sidebar, 'Training data');
  await choose(sidebar, '$rows');
  const told = page.locator('.jp-Dialog', { hasText: 'Kernel Restarting' });
  await page.addLocatorHandler(told, async () => {
    await told.getByRole('button', { name: 'Ok' }).click();
  });
  await page.evaluate(() => {
    void (window as any).jupyterapp.commands.execute('notebook:run-cell');
  });
  const banner = sidebar.locator('.jp-llmtune-banner');
  await expect(banner.getByText('The kernel died.')).toBeVisible({
    timeout: 2 * MINUTE
  });
  // The server forgets it, the sidebar does not.
  await expect(page.getByRole('button', { name: 'No Kernel' })).toBeVisible({
    timeout: 2 * MINUTE
  });
  await expect(sidebar.getByText('Runs go on without')).toBeVisible();
  await expect(data).toHaveValue('$rows');
  await screenshot(page, 'dead');

  await page.contents.uploadContent('', 'text', `${tmpPath}/enough`);
  await sidebar.getByRole('button', { name: 'Restart the kernel' }).click();
  await expect(sidebar.getByText('has not loaded')).toBeVisible();
  await sidebar.getByRole('button', { name: 'Load it' }).click();
  await expect(sidebar.getByText('has not loaded')).toHaveCount(0);
  await expect(data).toHaveValue('$rows');
});

for (const [version, advice, code] of [
  ['0.0.9', 'Upgrade the kernel’s half', /^%pip install jupyterlab-llmtune==/],
  [
    '9.0.0',
    'Upgrade JupyterLab’s half',
    'pip install jupyterlab-llmtune==9.0.0'
  ]
] as const) {
  test(`A kernel half of version ${version} is named, with the half to upgrade, and no edit is lost`, async ({
    page,
    tmpPath
  }) => {
    await openNotebook(page, `${tmpPath}/version.ipynb`, [
      LOAD,
      `from llmtune_kernel.notebook import comm\ncomm.__version__ = "${version}"`
    ]);
    await page.notebook.runCell(0);
    const sidebar = await open(page);
    const data = field(sidebar, 'Training data');
    await choose(sidebar, '$rows');
    await restart(page);
    await page.notebook.runCell(1);
    await page.notebook.runCell(0);
    const banner = sidebar.locator('.jp-llmtune-banner');
    await expect(
      banner.getByText(`The kernel has jupyterlab-llmtune ${version}`)
    ).toBeVisible();
    await expect(sidebar.getByText(advice)).toBeVisible();
    await expect(sidebar.getByText(code)).toBeVisible();
    await expect(data).toHaveValue('$rows');
    await screenshot(page, `version-${version}`);
    await restart(page);
    await page.notebook.runCell(0);
    await expect(sidebar.getByText(/has jupyterlab-llmtune/)).toHaveCount(0);
    await expect(data).toHaveValue('$rows');
  });
}

for (const [what, folder, sentence] of [
  ['read', 'file', 'The runs folder cannot be read'],
  ['written', '/proc/runs', 'No runs yet']
] as const) {
  // Rights mean nothing to an administrator, but a file is no folder, and nobody writes to /proc.
  test(`A runs folder that cannot be ${what} is said in the list and at the cell`, async ({
    page,
    tmpPath
  }) => {
    await openNotebook(page, `${tmpPath}/folder.ipynb`, [
      `import os\nopen("file", "w").close()\nos.environ["LLMTUNE_HOME"] = "${folder}"`,
      LOAD,
      ''
    ]);
    await page.notebook.runCell(0);
    await page.notebook.runCell(1);
    const sidebar = await open(page);
    const runs = page.locator('#jp-llmtune-runs');
    await expect(runs.getByText(sentence)).toBeVisible();
    await choose(sidebar, '$rows');
    await sidebar.getByRole('button', { name: 'Run', exact: true }).click();
    const cell = page.locator('.jp-CodeCell', { hasText: '%%finetune run' });
    await expect(
      cell.getByText('The run directory cannot be written')
    ).toBeVisible();
    await expect(cell).toContainText('with LLMTUNE_HOME');
    await expect(field(sidebar, 'Training data')).toHaveValue('$rows');
    await screenshot(page, `not-${what}`);

    await page.notebook.setCell(
      0,
      'code',
      'os.environ["LLMTUNE_HOME"] = "runs"'
    );
    await page.notebook.runCell(0);
    await expect(runs.getByText('No runs yet')).toBeVisible();
  });
}

test('A runs folder that breaks under the list is said there at once, until it is whole', async ({
  page,
  tmpPath
}) => {
  await openNotebook(page, `${tmpPath}/broken.ipynb`, [
    'import os\nos.environ["LLMTUNE_HOME"] = "runs"',
    LOAD,
    'open("runs", "w").close()',
    'os.remove("runs")'
  ]);
  await page.notebook.runCell(0);
  await page.notebook.runCell(1);
  await open(page);
  const runs = page.locator('#jp-llmtune-runs');
  const fault = runs.getByText('The runs folder cannot be read');
  await expect(runs.getByText('No runs yet')).toBeVisible();
  await page.notebook.runCell(2);
  await expect(fault).toBeVisible();
  await expect(runs.getByText('No runs yet')).toBeHidden();
  await runs.getByRole('button', { name: 'Try again' }).click();
  await expect(fault).toBeVisible();
  await screenshot(page, 'broken');
  await page.notebook.runCell(3);
  await expect(fault).toBeHidden();
  await expect(runs.getByText('No runs yet')).toBeVisible();
});

test('A variable that is gone and a file that is deleted are said at their field', async ({
  page,
  tmpPath
}) => {
  await page.contents.uploadContent(
    '{"prompt": "a", "completion": "b"}\n'.repeat(12),
    'text',
    `${tmpPath}/rows.jsonl`
  );
  await openNotebook(page, `${tmpPath}/gone.ipynb`, [
    LOAD,
    'del rows',
    'import os; os.remove("rows.jsonl")'
  ]);
  await page.notebook.runCell(0);
  const sidebar = await open(page);
  const data = field(sidebar, 'Training data');
  const at = sidebar.locator('[data-key="data.train"]');
  const before = sidebar.getByRole('region', { name: 'Before you run' });
  await choose(sidebar, '$rows');
  await page.notebook.runCell(1);
  await expect(at.getByText('The variable rows has gone.')).toBeVisible();
  await expect(at.getByText('There is no variable named')).toBeVisible();
  await expect(at.getByText('The variable rows has gone.')).toBeHidden();
  await expect(data).toHaveAttribute('aria-invalid', 'true');
  await expect(data).toHaveValue('$rows');
  await screenshot(page, 'variable');

  await data.fill('rows.jsonl');
  await data.press('Tab');
  await expect(before.getByText(/\d+ steps?/)).toBeVisible({ timeout: MINUTE });
  await expect(data).not.toHaveAttribute('aria-invalid', 'true');
  await page.notebook.runCell(2);
  await before.getByText('Before you run').click();
  await before.getByRole('button', { name: 'Check now' }).click();
  await expect(at.getByText('There is no file rows.jsonl.')).toBeVisible();
  await expect(data).toHaveAttribute('aria-invalid', 'true');
  await expect(data).toHaveValue('rows.jsonl');
  await screenshot(page, 'file');

  // Put back, it is found without a click when the user turns to the form again.
  await page.contents.uploadContent(
    '{"prompt": "a", "completion": "b"}\n'.repeat(12),
    'text',
    `${tmpPath}/rows.jsonl`
  );
  const run = sidebar.getByRole('button', { name: 'Run', exact: true });
  await expect(run).toBeDisabled();
  await page.locator('.jp-Notebook').hover();
  await sidebar.getByText('Training data').first().hover();
  await expect(run).toBeEnabled({ timeout: MINUTE });
});

test('Settings that only a newer kernel half knows can be set, as YAML if need be', async ({
  page,
  tmpPath
}) => {
  await openNotebook(page, `${tmpPath}/newer.ipynb`, [
    `import llmtune_kernel
llmtune_kernel.__version__ = llmtune_kernel.__version__.rpartition(".")[0] + ".99"
from llmtune_kernel.config.schema import cached_schema
sections = cached_schema()["properties"]
sections["training"]["properties"]["warp"] = {
    "title": "Warp", "description": "Factors by layer.", "type": "tensor", "items": {"type": "octonion"}
}
sections["cluster"] = {
    "title": "Cluster", "type": "object", "properties": {"nodes": {"title": "Nodes", "type": "integer", "default": 1}}
}`,
    LOAD,
    '%%finetune newer\ndata: $rows  # all of them\n'
  ]);
  await page.notebook.runCell(0);
  await page.notebook.runCell(1);
  const sidebar = await open(page);
  await page.notebook.selectCells(2);
  const search = sidebar.getByPlaceholder('Search the settings');
  await search.fill('warp');
  const warp = sidebar.getByRole('textbox', { name: 'Warp' });
  await warp.fill('{first: 2}');
  await warp.press('Tab');
  await search.fill('nodes');
  const nodes = sidebar.getByRole('textbox', { name: 'Nodes' });
  await nodes.fill('4');
  await nodes.press('Tab');
  await screenshot(page, 'newer');
  const cell = page.locator('.jp-CodeCell').nth(2);
  await expect(cell).toContainText('all of them');
  await expect(cell).toContainText(/training:\s*warp:\s*{?\s*first: 2/);
  await expect(cell).toContainText(/cluster:\s*nodes: 4/);
});

async function restart(page: IJupyterLabPageFixture): Promise<void> {
  await page.evaluate(async () => {
    const { currentWidget } = (window as any).jupyterapp.shell;
    await currentWidget.sessionContext.session.kernel.restart();
  });
  // The sidebar loads it again.
  await expect(page.locator('.jp-llmtune-banner')).toHaveCount(0);
}

async function screenshot(page: IJupyterLabPageFixture, name: string) {
  await page.screenshot({ path: `artefacts/fault-${name}.png` });
}

function field(sidebar: Locator, name: string): Locator {
  return sidebar.getByRole('combobox', { name });
}

async function choose(sidebar: Locator, variable: string): Promise<void> {
  await field(sidebar, 'Training data').click();
  await sidebar.getByRole('option', { name: variable }).click();
}

async function open(page: IJupyterLabPageFixture): Promise<Locator> {
  await page.getByRole('tab', { name: 'Fine-tuning' }).click();
  const sidebar = page.locator('#jp-llmtune-sidebar');
  await expect(sidebar).toBeVisible();
  return sidebar;
}

const MINUTE = 60_000;
