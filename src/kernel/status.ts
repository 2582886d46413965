import type { Kernel } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { KernelStatus } from '../tokens';
import type { IFault } from './protocol';

/**
 * Says in words how the connection to the kernel half stands.
 */
export class KernelStatuses {
  constructor(version: string, trans: TranslationBundle) {
    this._version = version;
    this._trans = trans;
  }

  noKernel(): KernelStatus {
    return {
      kind: 'no-kernel',
      message: this._trans.__('This notebook has no kernel.')
    };
  }

  /** Not connected yet, because the kernel starts or works. */
  waiting(kernel: Kernel.IKernelConnection): KernelStatus {
    return kernel.status === 'busy'
      ? { kind: 'busy', message: this._trans.__('The kernel is busy.') }
      : {
          kind: 'connecting',
          message: this._trans.__(
            'Connecting to the kernel… A running cell can delay this.'
          )
        };
  }

  /** The kernel half answered with its version. */
  connected(kernelVersion: string): KernelStatus {
    if (release(kernelVersion) === release(this._version)) {
      return { kind: 'ready', version: kernelVersion };
    }
    return {
      kind: 'version-mismatch',
      kernel: kernelVersion,
      frontend: this._version,
      message: this._trans.__(
        'The kernel has jupyterlab-llmtune %1, JupyterLab has %2. Install the same version in both.',
        kernelVersion,
        this._version
      )
    };
  }

  notLoaded(): KernelStatus {
    return {
      kind: 'not-loaded',
      message: this._trans.__(
        'Run %load_ext llmtune_kernel in this notebook. If that fails, run %pip install jupyterlab-llmtune first.'
      )
    };
  }

  /** What gets the messages of the kernel is none of ours, such as a console, or was closed. */
  elsewhere(): KernelStatus {
    return {
      kind: 'elsewhere',
      message: this._trans.__(
        'Another view shares this kernel and got its messages. Close it, then reload the page.'
      )
    };
  }

  dead(): KernelStatus {
    return {
      kind: 'dead',
      message: this._trans.__('The kernel died. Restart it to go on.')
    };
  }

  /** Why a request cannot even be sent. */
  fault(status: KernelStatus): IFault {
    return {
      what: this._trans.__('There is no connection to the kernel.'),
      where: '',
      fix: 'message' in status ? status.message : ''
    };
  }

  private readonly _version: string;
  private readonly _trans: TranslationBundle;
}

/** Major and minor number: versions that share them speak the same protocol. */
function release(version: string): string {
  return version.split('.', 2).join('.');
}
