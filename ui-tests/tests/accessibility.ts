import AxeBuilder from '@axe-core/playwright';
import type { IJupyterLabPageFixture } from '@jupyterlab/galata';
import { expect } from '@jupyterlab/galata';

/** Of JupyterLab. */
export const THEMES = [
  'JupyterLab Light',
  'JupyterLab Dark',
  'JupyterLab Dark High Contrast'
];

/** Let axe look for serious faults in a part of the page. */
export async function expectAccessible(
  page: IJupyterLabPageFixture,
  part: string
): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).include(part).analyze();
  const serious = violations.filter(({ impact }) =>
    ['serious', 'critical'].includes(impact ?? '')
  );
  expect(
    serious.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])
  ).toEqual([]);
}
