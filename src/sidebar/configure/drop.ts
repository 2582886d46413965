import type React from 'react';
import { useEffect, useRef, useState } from 'react';

import type { IDragEvent } from '../dragged';
import { draggedPaths } from '../dragged';

/**
 * Take files that are dragged from the file browser.
 */
export function useFileDrop(
  isReadOnly: boolean,
  onDrop: (path: string) => void
): IFileDrop {
  const node = useRef<HTMLDivElement>(null);
  const [isOver, setOver] = useState(false);
  const latest = useRef(onDrop);
  latest.current = onDrop;
  useEffect(() => {
    const element = node.current;
    if (!element || isReadOnly) {
      return;
    }
    const onEvent = (event: Event) => {
      const drag = event as IDragEvent;
      const [path] = draggedPaths(drag);
      if (path === undefined) {
        return;
      }
      event.preventDefault();
      event.stopPropagation();
      setOver(event.type === 'lm-dragenter' || event.type === 'lm-dragover');
      drag.dropAction = drag.proposedAction;
      if (event.type === 'lm-drop') {
        latest.current(path);
      }
    };
    DRAG_EVENTS.forEach(type => element.addEventListener(type, onEvent));
    return () =>
      DRAG_EVENTS.forEach(type => element.removeEventListener(type, onEvent));
  }, [isReadOnly]);
  return { node, isOver };
}

/** What takes a drag, and whether one is above it. */
export interface IFileDrop {
  node: React.RefObject<HTMLDivElement>;
  isOver: boolean;
}

const DRAG_EVENTS = ['lm-dragenter', 'lm-dragover', 'lm-dragleave', 'lm-drop'];
