import type { TranslationBundle } from '@jupyterlab/translation';

import type { IEvaluation } from '../kernel/protocol';

export interface IWatched {
  name: string;
  value: number | null;
}

/**
 * Of what an objective measures the one or two that matter most beside the loss, in the words of the notebook's own
 * output.
 */
export function watched(
  measures: Record<string, number> | undefined,
  trans: TranslationBundle
): IWatched[] {
  const names: Record<string, string> = {
    reward: trans.__('reward'),
    accuracy: trans.__('accuracy'),
    'rewards/accuracies': trans.__('accuracy'),
    margin: trans.__('margin'),
    'rewards/margins': trans.__('margin'),
    kl: trans.__('KL')
  };
  return Object.keys(names)
    .filter(name => measures?.[name] !== undefined)
    .slice(0, 2)
    .map(name => ({ name: names[name], value: measures![name] }));
}

/**
 * What an evaluation says first: its loss, or where there is none what was watched.
 */
export function evaluated(
  { loss, measures }: IEvaluation,
  trans: TranslationBundle
): IWatched {
  const [first] = watched(measures, trans);
  return loss === null && first
    ? { name: trans.__('eval %1', first.name), value: first.value }
    : { name: trans.__('eval loss'), value: loss };
}
