import type { IRunSummary } from '../kernel/protocol';

/** What a run keeps when it gets another name. */
export type RunIdentity = Pick<IRunSummary, 'started' | 'model'>;

/**
 * A run of the list that is the same as one was before, whatever its name is now.
 */
export function findSame(
  runs: readonly IRunSummary[],
  before: RunIdentity | null
): IRunSummary | undefined {
  return runs.find(
    ({ started, model }) =>
      started === before?.started && model === before.model
  );
}
