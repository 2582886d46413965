import type React from 'react';
import { useEffect, useRef } from 'react';

import type { IDragEvent } from '../dragged';
import { draggedPaths } from '../dragged';

/**
 * Take a file that is dragged from the file browser. What is not accepted goes to what is around the element.
 *
 * @returns ends it.
 */
export function takePath(
  element: HTMLElement,
  accepts: (path: string) => boolean,
  onDrop: (path: string) => void
): () => void {
  return listen(element, PATH_EVENTS, event => {
    const drag = event as IDragEvent;
    const path = draggedPaths(drag).find(accepts);
    if (path === undefined) {
      return;
    }
    takeEvent(element, event, ['lm-dragenter', 'lm-dragover']);
    drag.dropAction = drag.proposedAction;
    if (event.type === 'lm-drop') {
      onDrop(path);
    }
  });
}

/**
 * Take a file that is dragged from elsewhere on the user's machine; what it is called is known when it is dropped.
 *
 * @returns ends it.
 */
export function takeFile(
  element: HTMLElement,
  accepts: (name: string) => boolean,
  onDrop: (file: File) => void
): () => void {
  return listen(element, FILE_EVENTS, event => {
    const { dataTransfer } = event as DragEvent;
    if (!dataTransfer?.types.includes('Files')) {
      return;
    }
    takeEvent(element, event, ['dragenter', 'dragover']);
    const file = [...dataTransfer.files].find(({ name }) => accepts(name));
    if (event.type === 'drop' && file) {
      onDrop(file);
    }
  });
}

/** Take files that are dragged from the file browser, in an element of React's. */
export function useFileDrop(
  isReadOnly: boolean,
  accepts: (path: string) => boolean,
  onDrop: (path: string) => Promise<void>
): React.RefObject<HTMLDivElement> {
  const node = useRef<HTMLDivElement>(null);
  const latest = useRef(onDrop);
  latest.current = onDrop;
  useEffect(
    () =>
      node.current && !isReadOnly
        ? takePath(node.current, accepts, path => void latest.current(path))
        : undefined,
    [isReadOnly]
  );
  return node;
}

function listen(
  element: HTMLElement,
  types: string[],
  onEvent: (event: Event) => void
): () => void {
  types.forEach(type => element.addEventListener(type, onEvent));
  return () =>
    types.forEach(type => element.removeEventListener(type, onEvent));
}

/** The event is ours, and the element shows whether it would take what is dragged. */
function takeEvent(element: HTMLElement, event: Event, over: string[]): void {
  event.preventDefault();
  event.stopPropagation();
  element.classList.toggle('jp-mod-dropTarget', over.includes(event.type));
}

const PATH_EVENTS = ['lm-dragenter', 'lm-dragover', 'lm-dragleave', 'lm-drop'];
const FILE_EVENTS = ['dragenter', 'dragover', 'dragleave', 'drop'];
