import type { MimeData } from '@lumino/coreutils';

/**
 * An event of `@lumino/dragdrop`.
 */
export interface IDragEvent extends Event {
  readonly mimeData: MimeData;
  readonly proposedAction: string;
  dropAction: string;
}

/** The paths of what is dragged from the file browser; none if something else is dragged. */
export function draggedPaths({ mimeData }: IDragEvent): string[] {
  return mimeData.hasData(CONTENTS)
    ? (mimeData.getData(CONTENTS) as string[])
    : [];
}

const CONTENTS = 'application/x-jupyter-icontents';
