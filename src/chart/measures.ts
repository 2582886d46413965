import type { TranslationBundle } from '@jupyterlab/translation';

import type { ChartData } from './series';

/**
 * Measures that are drawn together.
 */
export interface IMeasureGroup {
  /** The first of the names that they can have; `loss` is that of the loss. */
  id: string;
  title: string;
  /** As practitioners write them: `rewards/chosen`. */
  names: readonly string[];
  /** The deviation of the only one, drawn around it. */
  spread?: string;
}

/**
 * What can be shown of a run: the loss, and whatever its objective measures.
 */
export function measureGroups(
  data: ChartData,
  trans: TranslationBundle
): IMeasureGroup[] {
  const present = measureNames([data]);
  const known = groups(trans).flatMap(group => {
    const names = group.names.filter(name => present.includes(name));
    // The same whichever of them come first.
    return names.length > 0 ? [{ ...group, id: group.names[0], names }] : [];
  });
  const named = known.flatMap(({ names, spread }) => [...names, spread]);
  const others = present.filter(name => !named.includes(name));
  return [
    ...known,
    ...others.map(name => ({ id: name, title: name, names: [name] }))
  ];
}

/** The loss and the measures of runs, without what every run has besides. */
export function measureNames(runs: readonly ChartData[]): string[] {
  const names = runs.flatMap(({ train, eval: evaluated }) => [
    ...train.columns,
    ...evaluated.columns
  ]);
  return [...new Set(['loss', ...names])].filter(
    name => !BESIDES.includes(name)
  );
}

/**
 * What the user chose among names, else what says most: the loss of objectives that are rewarded says little.
 */
export function shownName(
  names: readonly string[],
  chosen: string | undefined
): string {
  if (chosen !== undefined && names.includes(chosen)) {
    return chosen;
  }
  return names.includes('reward') ? 'reward' : 'loss';
}

/** In the order in which they are offered. */
function groups(trans: TranslationBundle): Omit<IMeasureGroup, 'id'>[] {
  return [
    { title: trans.__('Loss'), names: ['loss'] },
    { title: trans.__('Reward'), names: ['reward'], spread: 'reward_std' },
    {
      title: trans.__('Rewards'),
      names: ['rewards/chosen', 'rewards/rejected']
    },
    { title: trans.__('Accuracy'), names: ['rewards/accuracies'] },
    { title: trans.__('Accuracy'), names: ['accuracy'] },
    { title: trans.__('Margin'), names: ['rewards/margins'] },
    { title: trans.__('Margin'), names: ['margin'] },
    {
      title: trans.__('Scores'),
      names: ['mean_reward', 'min_reward', 'max_reward']
    },
    {
      title: trans.__('Log-probabilities'),
      names: ['logps/chosen', 'logps/rejected']
    },
    { title: trans.__('KL divergence'), names: ['kl'] },
    { title: trans.__('KL divergence of a step'), names: ['approx_kl'] },
    { title: trans.__('KL coefficient'), names: ['kl_coef'] },
    { title: trans.__('Entropy'), names: ['entropy'] },
    { title: trans.__('Policy loss'), names: ['policy_loss'] },
    { title: trans.__('Value loss'), names: ['value_loss'] },
    { title: trans.__('Explained variance'), names: ['explained_variance'] },
    { title: trans.__('Clip fraction'), names: ['clip_fraction'] },
    {
      title: trans.__('Clip ratio'),
      names: [
        'clip_ratio/low_mean',
        'clip_ratio/high_mean',
        'clip_ratio/region_mean'
      ]
    },
    {
      title: trans.__('Groups that score alike'),
      names: ['frac_reward_zero_std']
    },
    { title: trans.__('Answer length'), names: ['answer_length'] },
    { title: trans.__('Answers that ended'), names: ['ended'] },
    { title: trans.__('Negative log-likelihood'), names: ['nll'] }
  ];
}

const BESIDES = ['step', 'learning_rate', 'grad_norm'];
