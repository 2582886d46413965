import type { TranslationBundle } from '@jupyterlab/translation';

import { CommandIDs } from '../tokens';
import { VERSION } from '../version';
import type { ConnectionState } from './connection';

/**
 * What to tell the user, and what a button can do about it.
 */
export interface IAdvice {
  title: string;
  detail: string;
  /** Code that helps, shown as it is. */
  code?: string;
  action?: { label: string; command?: string; runs?: boolean };
}

/**
 * The advice for a state; null where nothing is missing.
 */
export function adviceFor(
  state: ConnectionState,
  trans: TranslationBundle
): IAdvice | null {
  switch (state.kind) {
    case 'ready':
      return null;
    case 'no-notebook':
      return {
        title: trans.__('Open a notebook to fine-tune a model.'),
        detail: trans.__(
          'The quickstart notebook tunes a small model in a few minutes.'
        ),
        action: {
          label: trans.__('New notebook from the quickstart'),
          command: CommandIDs.openQuickstart
        }
      };
    case 'no-kernel':
      return {
        title: state.message,
        detail: trans.__('Fine-tuning runs next to a Python kernel.'),
        action: {
          label: trans.__('Select a kernel'),
          command: 'notebook:change-kernel'
        }
      };
    case 'other-language':
      return {
        title: trans.__('This notebook has a kernel for %1.', state.language),
        detail: trans.__('Fine-tuning runs next to a Python kernel.'),
        action: {
          label: trans.__('Change the kernel'),
          command: 'notebook:change-kernel'
        }
      };
    case 'not-loaded':
      return {
        title: trans.__('This kernel has not loaded llmtune_kernel.'),
        detail: trans.__('If it cannot be found, install it first:'),
        code: `%pip install jupyterlab-llmtune==${VERSION}`,
        action: { label: trans.__('Load it'), runs: true }
      };
    case 'version-mismatch': {
      const kernelIsOlder = isOlder(state.kernel, state.frontend);
      return {
        title: trans.__(
          'The kernel has jupyterlab-llmtune %1, JupyterLab has %2.',
          state.kernel,
          state.frontend
        ),
        detail: kernelIsOlder
          ? trans.__('Upgrade the kernel’s half, then restart the kernel:')
          : trans.__(
              'Upgrade JupyterLab’s half on a terminal, then reload the page:'
            ),
        code: kernelIsOlder
          ? `%pip install jupyterlab-llmtune==${state.frontend}`
          : `pip install jupyterlab-llmtune==${state.kernel}`
      };
    }
    case 'dead':
      return {
        title: state.message,
        detail: trans.__('Runs go on without their kernel.'),
        action: {
          label: trans.__('Restart the kernel'),
          command: 'notebook:restart-kernel'
        }
      };
    default:
      return { title: state.message, detail: '' };
  }
}

/** Whether a version such as 0.10.2 comes before another. */
function isOlder(version: string, other: string): boolean {
  const [mine, theirs] = [version, other].map(text =>
    text.split('.').map(part => parseInt(part, 10) || 0)
  );
  for (let index = 0; index < 3; index++) {
    if ((mine[index] ?? 0) !== (theirs[index] ?? 0)) {
      return (mine[index] ?? 0) < (theirs[index] ?? 0);
    }
  }
  return false;
}
