import type { ICodeCellModel } from '@jupyterlab/cells';
import type { IMimeBundle, IOutput } from '@jupyterlab/nbformat';
import type { INotebookModel } from '@jupyterlab/notebook';
import type { IOutputModel } from '@jupyterlab/rendermime';

import type { JSONObject } from '@lumino/coreutils';
import { JSONExt } from '@lumino/coreutils';

import type { ILiveOutput } from '../kernel/protocol';
import type { ISnapshot } from '../tokens';

/**
 * Put the parts of a snapshot in place of the live outputs with its id, in all cells of a notebook.
 *
 * Outputs that are not live are static already and stay as they are.
 */
export function replaceOutputs(
  notebook: INotebookModel,
  snapshot: ISnapshot
): void {
  rewrite(notebook, (_, tag) => {
    const part = tag.id === snapshot.id && snapshot.outputs[tag.part];
    return part
      ? {
          output_type: 'display_data',
          data: part.data as IMimeBundle,
          metadata: part.metadata
        }
      : null;
  });
}

/**
 * The runs that live outputs of a notebook show, each display once.
 */
export function liveOutputs(notebook: INotebookModel): ILiveOutput[] {
  const found = new Map<string, ILiveOutput>();
  rewrite(notebook, (_, { id, run, began }) => {
    found.set(id, { id, run, began });
    return null;
  });
  return [...found.values()];
}

/**
 * Let live outputs show text: no kernel has their widgets any more.
 *
 * @param say - what is to be said about a run instead of what its output says itself.
 */
export function takeWidgetsAway(
  notebook: INotebookModel,
  outputs: readonly ILiveOutput[],
  say?: (run: string) => string
): void {
  const ids = new Set(outputs.map(({ id }) => id));
  rewrite(notebook, (output, tag) => {
    if (!ids.has(tag.id)) {
      return null;
    }
    const data = { ...output.data } as IMimeBundle;
    delete data[WIDGET_VIEW];
    if (say && tag.part === 'panel') {
      delete data['text/html'];
      data['text/plain'] = say(tag.run);
    }
    if (JSONExt.deepEqual(data as JSONObject, output.data as JSONObject)) {
      return null;
    }
    return {
      output_type: 'display_data',
      data,
      metadata: output.metadata as JSONObject
    };
  });
}

/** Replace live outputs of a run, each by what `change` makes of it; null leaves it as it is. */
function rewrite(
  notebook: INotebookModel,
  change: (output: IOutputModel, tag: IOutputTag) => IOutput | null
): void {
  for (const cell of notebook.cells) {
    if (cell.type !== 'code') {
      continue;
    }
    const { outputs } = cell as ICodeCellModel;
    for (let index = 0; index < outputs.length; index++) {
      const output = outputs.get(index);
      const tag = output.metadata.llmtune as unknown as IOutputTag | undefined;
      const changed = tag?.live ? change(output, tag) : null;
      if (changed) {
        outputs.set(index, changed);
      }
    }
  }
}

/**
 * What an output of a run carries in `metadata.llmtune`.
 */
interface IOutputTag {
  id: string;
  part: string;
  run: string;
  /** Unix time of its first event. */
  began: number;
  /** Whether it is to be kept up to date. */
  live?: boolean;
}

const WIDGET_VIEW = 'application/vnd.jupyter.widget-view+json';
