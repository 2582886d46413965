import type { IJupyterLabPageFixture } from '@jupyterlab/galata';
import { expect, test } from '@jupyterlab/galata';

import { openNotebook } from './notebooks';

const LOAD = `%load_ext llmtune_kernel
rows = [{"prompt": "a", "completion": "b"}] * 12`;

// Galata's stand-in for the kernel service has no messages.
test.use({ kernels: null, sessions: null });

test('With the panel closed no timer of ours runs, and no message is sent', async ({
  page,
  tmpPath
}) => {
  await page.addInitScript(watch);
  await page.reload();
  await openNotebook(page, `${tmpPath}/quiet.ipynb`, [LOAD, '1 + 1']);
  await page.notebook.runCell(0);
  const tab = page.getByRole('tab', { name: 'Fine-tuning' });
  const sidebar = page.locator('#jp-llmtune-sidebar');
  await tab.click();
  for (const section of ['Playground', 'Data']) {
    await sidebar.getByRole('heading', { name: `${section} Section` }).click();
  }
  await sidebar.getByRole('combobox', { name: 'Training data' }).fill('$rows');
  await expect(sidebar.getByText('Tokens a row')).toBeVisible({
    timeout: 120_000
  });
  const shown = await seen(page);
  expect(shown.timers).toBeGreaterThan(0);
  expect(shown.messages).toBeGreaterThan(0);

  await tab.click();
  await expect(sidebar).toBeHidden();
  // What was on its way has come.
  await page.waitForTimeout(3000);
  const before = await seen(page);
  expect(before.running).toEqual([]);
  await page.notebook.runCell(1);
  await page.waitForTimeout(8000);
  expect(await seen(page)).toEqual(before);
});

interface ISeen {
  /** How many timers were started by our scripts. */
  timers: number;
  /** Where those that run were started. */
  running: string[];
  /** How many messages of comms were sent to a kernel. */
  messages: number;
}

function seen(page: IJupyterLabPageFixture): Promise<ISeen> {
  return page.evaluate(() => {
    const { timers, running, messages } = (window as any).seen;
    return { timers, running: [...running.values()], messages };
  });
}

/** Runs in the page, before any other script. */
function watch(): void {
  const seen = { timers: 0, running: new Map<unknown, string>(), messages: 0 };
  (window as any).seen = seen;
  const wrap = (start: 'setTimeout' | 'setInterval', stop: string) => {
    const [begin, end] = [window[start], (window as any)[stop]];
    (window as any)[start] = (
      call: (...args: unknown[]) => void,
      ...rest: unknown[]
    ) => {
      const stack = new Error().stack ?? '';
      const isOurs = stack.includes('/extensions/jupyterlab-llmtune/');
      const timer = (begin as any)(
        (...args: unknown[]) => {
          if (start === 'setTimeout') {
            seen.running.delete(timer);
          }
          call(...args);
        },
        ...rest
      );
      if (isOurs) {
        seen.timers++;
        seen.running.set(timer, stack);
      }
      return timer;
    };
    (window as any)[stop] = (timer: unknown) => {
      seen.running.delete(timer);
      end(timer);
    };
  };
  wrap('setTimeout', 'clearTimeout');
  wrap('setInterval', 'clearInterval');
  const { send } = WebSocket.prototype;
  WebSocket.prototype.send = function (data) {
    const text =
      typeof data === 'string' ? data : new TextDecoder().decode(data as any);
    if (/"comm_(open|msg|close)"/.test(text)) {
      seen.messages++;
    }
    return send.call(this, data);
  };
}
