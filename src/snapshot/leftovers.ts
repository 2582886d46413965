import type { NotebookPanel } from '@jupyterlab/notebook';
import type { Kernel } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { IKernelClient, KernelStatus } from '../tokens';
import { liveOutputs, replaceOutputs, takeWidgetsAway } from './outputs';

/**
 * Live outputs whose kernel went, or whose run ended while the notebook was closed: nobody updates them any more. Shows, as
 * soon as the kernel of the notebook can say it, how such a run ended or where it stands, and before that at least its text.
 */
export function followLeftovers(
  panel: NotebookPanel,
  client: IKernelClient,
  trans: TranslationBundle
): void {
  const look = () => void mend(panel, client, trans);
  const { sessionContext } = panel;
  const part = (_: unknown, status: Kernel.Status) => {
    const { model } = panel.context;
    if (RESTARTING.includes(status) && model) {
      takeWidgetsAway(model, liveOutputs(model));
    }
  };
  client.statusChanged.connect(look);
  sessionContext.statusChanged.connect(part);
  panel.disposed.connect(() => {
    client.statusChanged.disconnect(look);
    sessionContext.statusChanged.disconnect(part);
  });
  look();
}

async function mend(
  panel: NotebookPanel,
  client: IKernelClient,
  trans: TranslationBundle
): Promise<void> {
  await panel.context.ready;
  await panel.sessionContext.ready;
  const { kind } = client.status;
  if (panel.isDisposed || !SETTLED.includes(kind)) {
    return;
  }
  const { model } = panel.context;
  const outputs = liveOutputs(model);
  if (outputs.length === 0) {
    return;
  }
  if (kind !== 'ready') {
    // Our widgets live in kernels that have loaded us.
    takeWidgetsAway(model, outputs);
    return;
  }
  try {
    const { live, snapshots } = await client.request('outputs', { outputs });
    snapshots.forEach(snapshot => replaceOutputs(model, snapshot));
    const told = [...live, ...snapshots.map(({ id }) => id)];
    const gone = outputs.filter(({ id }) => !told.includes(id));
    takeWidgetsAway(model, gone, run =>
      trans.__('The run “%1” is no longer there.', run)
    );
  } catch {
    // The kernel went meanwhile; the next one is asked again.
  }
}

/** From here on a kernel has no widgets, though it takes a while until it can say so. */
const RESTARTING: Kernel.Status[] = ['restarting', 'autorestarting'];

/** In these a kernel has our widgets, or has them no more. */
const SETTLED: KernelStatus['kind'][] = [
  'ready',
  'not-loaded',
  'no-kernel',
  'dead'
];
