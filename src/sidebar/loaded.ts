import type { Kernel } from '@jupyterlab/services';

import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import { Changing } from '../changing';
import type { IKept } from './kept';

/**
 * Which kernel of a notebook has had our extension: one that is restarted has lost it, and is given it again.
 */
export class LoadedKernel extends Changing implements IKept {
  /** Its id, which outlives a restart and a reload of the page; null if there is none. */
  get id(): string | null {
    return this._id;
  }

  set id(id: string | null) {
    if (id !== this._id) {
      this._id = id;
      this.emit();
    }
  }

  get state(): ReadonlyPartialJSONObject {
    return { id: this.id };
  }

  restore(state: ReadonlyPartialJSONObject): void {
    this.id = state.id as string | null;
  }

  private _id: string | null = null;
}

/**
 * Load the extension without a cell, as it has been loaded with one before.
 *
 * @returns whether that went well; a kernel that goes meanwhile is not at fault.
 */
export async function loadAgain(
  kernel: Kernel.IKernelConnection
): Promise<boolean> {
  try {
    const { content } = await kernel.requestExecute({
      code: LOAD_AGAIN,
      silent: true,
      store_history: false
    }).done;
    return content.status === 'ok';
  } catch {
    return true;
  }
}

// It leaves no name behind, and the user's own `%load_ext` finds nothing loaded that it would complain of.
const LOAD_AGAIN =
  "__import__('llmtune_kernel').load_ipython_extension(get_ipython())";
