import { MessageLoop } from '@lumino/messaging';
import type { Message } from '@lumino/messaging';
import type { Widget } from '@lumino/widgets';

import type { ISidebarContext } from './context';

/**
 * Call back when a section becomes visible, when it is hidden, and when another notebook becomes current meanwhile.
 */
export function whileShown(
  section: Widget,
  context: ISidebarContext,
  onChange: (isShown: boolean) => void
): void {
  let wasShown = false;
  const update = () => {
    const isShown =
      !section.isDisposed && context.isActive && section.isVisible;
    if (isShown !== wasShown) {
      wasShown = isShown;
      onChange(isShown);
    }
  };
  const onNotebook = () => {
    if (wasShown) {
      onChange(true);
    }
  };
  MessageLoop.installMessageHook(section, (_, message: Message) => {
    if (VISIBILITY.has(message.type)) {
      // The flags of the widget change after its messages.
      void Promise.resolve().then(update);
    }
    return true;
  });
  context.activeChanged.connect(update);
  context.clients.currentChanged.connect(onNotebook);
  section.disposed.connect(() => {
    update();
    context.activeChanged.disconnect(update);
    context.clients.currentChanged.disconnect(onNotebook);
  });
}

const VISIBILITY = new Set([
  'after-attach',
  'after-show',
  'before-hide',
  'before-detach'
]);
