import type { Kernel } from '@jupyterlab/services';

/**
 * Wait until messages of a comm can pass a running cell, where kernel and JupyterLab are able to do that.
 *
 * A message sent earlier would stand in line behind the cell.
 */
export async function subshellReady(
  kernel: Kernel.IKernelConnection,
  comm: Kernel.IComm
): Promise<void> {
  await kernel.info;
  if (kernel.supportsSubshells && comm.commsOverSubshells !== 'disabled') {
    // JupyterLab's comms have it, though its interface of them does not.
    const { subshellStarted } = comm as { subshellStarted?: Promise<void> };
    // Without its subshell the comm still works, between cells.
    await subshellStarted?.catch(() => undefined);
  }
}
