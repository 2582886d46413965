import type { IJupyterLabPageFixture } from '@jupyterlab/galata';
import { expect, test } from '@jupyterlab/galata';

import { openNotebook } from './notebooks';

const DATA = `%load_ext llmtune_kernel
rows = [
    {"prompt": f"What is the capital of {country}?", "completion": f"Aye, the helm is set for {capital}."}
    for country, capital in {
        "France": "Paris", "Italy": "Rome", "Japan": "Tokyo", "Egypt": "Cairo", "Peru": "Lima", "Norway": "Oslo",
        "Greece": "Athens", "Kenya": "Nairobi", "Cuba": "Havana", "Chile": "Santiago", "Austria": "Vienna",
    }.items()
]`;

// Galata's stand-in for the kernel service does not see a kernel end.
test.use({ kernels: null, sessions: null });
test.use({ viewport: { width: 1280, height: 1000 } });

test('A model is tuned and asked from the sidebar alone', async ({
  page,
  tmpPath
}) => {
  test.setTimeout(10 * MINUTE);
  await openNotebook(page, `${tmpPath}/sidebar.ipynb`, [DATA]);
  await page.notebook.runCell(0);
  const sidebar = page.locator('#jp-llmtune-sidebar');
  await page.evaluate(async () => {
    await (window as any).jupyterapp.commands.execute('llmtune:show-sidebar');
  });
  await expect(sidebar).toBeVisible();
  await page.waitForTimeout(8000);
  await screenshot(page, 1, 'empty');
});

async function screenshot(
  page: IJupyterLabPageFixture,
  step: number,
  name: string
) {
  await page.screenshot({ path: `artefacts/sidebar-${step}-${name}.png` });
}

const MINUTE = 60_000;
