import { MessageLoop } from '@lumino/messaging';
import type { Widget } from '@lumino/widgets';

/**
 * Call back whenever a user turns to a widget that is visible: by showing it, with the pointer or the keyboard, or by
 * coming back to the page.
 */
export function onTurnedTo(widget: Widget, callback: () => void): void {
  const { node } = widget;
  const call = () => {
    if (widget.isVisible) {
      callback();
    }
  };
  node.addEventListener('pointerenter', call);
  MessageLoop.installMessageHook(widget, (_, { type }) => {
    if (type === 'after-show') {
      // It is visible after its messages.
      void Promise.resolve().then(call);
    }
    return true;
  });
  node.addEventListener('focusin', ({ relatedTarget }) => {
    if (!node.contains(relatedTarget as Node | null)) {
      call();
    }
  });
  window.addEventListener('focus', call);
  widget.disposed.connect(() => window.removeEventListener('focus', call));
}
