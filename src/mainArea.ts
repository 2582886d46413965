import { MainAreaWidget } from '@jupyterlab/apputils';

import { UUID } from '@lumino/coreutils';
import type { Widget } from '@lumino/widgets';

import { keepFocus } from './focus';
import { fineTuneIcon } from './icons';
import { keepPlainKeys } from './keys';

/**
 * A tab of the main area with a view of ours, which can be focused, and keeps the keys and the focus that are its own.
 *
 * @param kind - begins the id of the tab.
 */
export function createTab<T extends Widget>(
  content: T,
  kind: string
): MainAreaWidget<T> {
  const { node } = content;
  node.tabIndex = -1;
  node.addEventListener('keydown', keepPlainKeys);
  const focus = keepFocus(node);
  content.disposed.connect(() => focus.dispose());
  const tab = new MainAreaWidget({ content });
  tab.id = `jp-llmtune-${kind}-${UUID.uuid4()}`;
  tab.title.icon = fineTuneIcon;
  tab.title.closable = true;
  tab.toolbar.hide();
  return tab;
}
