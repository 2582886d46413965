import type { ICodeCellModel } from '@jupyterlab/cells';
import type { IOutput, IMimeBundle } from '@jupyterlab/nbformat';
import type { INotebookModel } from '@jupyterlab/notebook';
import type { IOutputModel } from '@jupyterlab/rendermime';

import type { JSONObject } from '@lumino/coreutils';

import type { ISnapshot } from '../tokens';

/**
 * Put the parts of a snapshot in place of the live outputs with its id, in all cells of a notebook.
 *
 * Outputs that show no widget are static already and stay as they are.
 */
export function replaceOutputs(
  notebook: INotebookModel,
  snapshot: ISnapshot
): void {
  for (const cell of notebook.cells) {
    if (cell.type !== 'code') {
      continue;
    }
    const { outputs } = cell as ICodeCellModel;
    for (let index = 0; index < outputs.length; index++) {
      const replacement = staticOutput(outputs.get(index), snapshot);
      if (replacement) {
        outputs.set(index, replacement);
      }
    }
  }
}

function staticOutput(
  output: IOutputModel,
  snapshot: ISnapshot
): IOutput | null {
  const tag = output.metadata.llmtune as IOutputTag | undefined;
  if (tag?.id !== snapshot.id || !(WIDGET_VIEW in output.data)) {
    return null;
  }
  const part = snapshot.outputs[tag.part];
  if (!part) {
    return null;
  }
  return {
    output_type: 'display_data',
    data: part.data as IMimeBundle,
    metadata: { ...part.metadata, llmtune: { ...tag } }
  };
}

/**
 * What an output of a run carries in `metadata.llmtune`.
 */
interface IOutputTag extends JSONObject {
  id: string;
  part: string;
}

const WIDGET_VIEW = 'application/vnd.jupyter.widget-view+json';
