import { expect } from '@jupyterlab/galata';
import type { Locator } from '@playwright/test';

/** No part of the sidebar needs to be scrolled sideways, and no button is wider than it. */
export async function expectFitting(sidebar: Locator): Promise<void> {
  const { tooWide, cut } = await sidebar.evaluate(node => {
    const { right } = node.getBoundingClientRect();
    return {
      tooWide: [...node.querySelectorAll('*')]
        .filter(
          part =>
            part.scrollWidth > part.clientWidth + 1 &&
            ['auto', 'scroll'].includes(getComputedStyle(part).overflowX)
        )
        .map(part => part.className),
      cut: [...node.querySelectorAll('button')]
        .filter(button => button.getBoundingClientRect().right > right)
        .map(button => button.ariaLabel ?? button.textContent)
    };
  });
  expect(tooWide).toEqual([]);
  expect(cut).toEqual([]);
}
