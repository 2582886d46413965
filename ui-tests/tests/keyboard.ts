import type { IJupyterLabPageFixture } from '@jupyterlab/galata';

/** Press Tab until the thing of this name has the focus. */
export async function tabTo(
  page: IJupyterLabPageFixture,
  name: string | RegExp,
  key: 'Tab' | 'Shift+Tab' = 'Tab'
): Promise<void> {
  const reached: string[] = [];
  for (let count = 0; count < 80; count++) {
    await page.keyboard.press(key);
    const current = await page.evaluate(() => {
      const element = document.activeElement as HTMLElement;
      const label = (element as HTMLInputElement).labels?.[0]?.textContent;
      return (
        element.getAttribute('aria-label') ?? label ?? element.textContent ?? ''
      );
    });
    const isThere =
      typeof name === 'string'
        ? current.trim() === name
        : name.test(current.trim());
    if (isThere) {
      return;
    }
    reached.push(current.trim().slice(0, 40));
  }
  throw new Error(`${key} does not lead to ${name}, but to ${reached}`);
}

/** Press the arrow until the box that has the focus offers a choice that begins so, and take it. */
export async function choose(
  page: IJupyterLabPageFixture,
  choice: string | RegExp
): Promise<void> {
  const offered: string[] = [];
  for (let count = 0; count < 100; count++) {
    await page.keyboard.press('ArrowDown');
    const current = await page.evaluate(() => {
      const box = document.activeElement as HTMLSelectElement;
      const id = box.getAttribute('aria-activedescendant');
      const option = id
        ? document.getElementById(id)?.firstElementChild
        : box.selectedOptions?.[0];
      return option?.textContent ?? '';
    });
    if (
      typeof choice === 'string' ? current === choice : choice.test(current)
    ) {
      await page.keyboard.press('Enter');
      return;
    }
    offered.push(current);
  }
  throw new Error(`No choice is ${choice}, only ${offered}`);
}
