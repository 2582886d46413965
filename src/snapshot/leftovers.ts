import type { NotebookPanel } from '@jupyterlab/notebook';

import type { IKernelClient } from '../tokens';
import { liveOutputs, replaceOutputs, takeWidgetsAway } from './outputs';

/**
 * Live outputs whose kernel went, or whose run ended while the notebook was closed: nobody updates them any more. Shows, as
 * soon as the kernel of the notebook can say it, how such a run ended or where it stands, and before that at least its text.
 */
export function followLeftovers(
  panel: NotebookPanel,
  client: IKernelClient
): void {
  const look = () => void mend(panel, client);
  client.statusChanged.connect(look);
  panel.disposed.connect(() => client.statusChanged.disconnect(look));
  look();
}

async function mend(
  panel: NotebookPanel,
  client: IKernelClient
): Promise<void> {
  await panel.context.ready;
  const { kind } = client.status;
  if (panel.isDisposed || (kind !== 'ready' && kind !== 'not-loaded')) {
    return;
  }
  const { model } = panel.context;
  const outputs = liveOutputs(model);
  if (outputs.length === 0) {
    return;
  }
  if (kind === 'not-loaded') {
    // Our widgets live in kernels that have loaded us.
    takeWidgetsAway(model, outputs);
    return;
  }
  try {
    const { live, snapshots } = await client.request('outputs', { outputs });
    snapshots.forEach(snapshot => replaceOutputs(model, snapshot));
    takeWidgetsAway(
      model,
      outputs.filter(({ id }) => !live.includes(id))
    );
  } catch {
    // The kernel went meanwhile; the next one is asked again.
  }
}
