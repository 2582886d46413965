import type React from 'react';
import { useLayoutEffect, useRef } from 'react';

/**
 * A list that opens above everything else, as wide as the sidebar: below what it belongs to, or above it where there is
 * more room.
 *
 * @returns references of what it belongs to, and of the list, an element with the attribute `popover`.
 */
export function usePopup(isOpen: boolean): {
  anchor: React.RefObject<HTMLDivElement>;
  list: React.RefObject<HTMLDivElement>;
} {
  const anchor = useRef<HTMLDivElement>(null);
  const list = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const [around, popup] = [anchor.current, list.current];
    if (!isOpen || !around || !popup) {
      return;
    }
    // Nothing around it cuts off what is a popover; older browsers know none.
    popup.showPopover?.();
    const place = () => {
      const panel = around.closest('.jp-llmtune-sidebar') ?? around;
      const { left, width } = panel.getBoundingClientRect();
      const { style } = popup;
      style.left = `${left + MARGIN}px`;
      style.width = `${width - 2 * MARGIN}px`;
      Object.assign(
        style,
        placeFor(
          around.getBoundingClientRect(),
          // Of all that is in it, however much of that is seen.
          [...popup.children].reduce((sum, part) => sum + part.scrollHeight, 0),
          window.innerHeight
        )
      );
    };
    place();
    window.addEventListener('resize', place);
    // Events of scrolling reach the window on their way down only.
    window.addEventListener('scroll', place, true);
    return () => {
      window.removeEventListener('resize', place);
      window.removeEventListener('scroll', place, true);
      popup.hidePopover?.();
    };
  }, [isOpen]);
  return { anchor, list };
}

/**
 * Where a list stands, as CSS.
 *
 * @param anchor - what it belongs to.
 * @param height - of the whole list.
 * @param windowHeight - all in pixels.
 */
export function placeFor(
  anchor: { top: number; bottom: number },
  height: number,
  windowHeight: number
): { top: string; bottom: string; maxHeight: string } {
  const below = windowHeight - anchor.bottom - MARGIN;
  const above = anchor.top - MARGIN;
  const isBelow = below >= Math.min(height, HIGHEST) || below >= above;
  return {
    top: isBelow ? `${anchor.bottom}px` : 'auto',
    bottom: isBelow ? 'auto' : `${windowHeight - anchor.top}px`,
    maxHeight: `${Math.min(isBelow ? below : above, HIGHEST)}px`
  };
}

/** Pixels to the edges. */
const MARGIN = 8;

/** Of a list, in pixels. */
const HIGHEST = 320;
