import type { TranslationBundle } from '@jupyterlab/translation';

import React from 'react';

import type { ILeftOut, IStatistics } from '../kernel/protocol';
import { count, percent } from '../numbers';

/**
 * What was counted. A number of rows can be clicked to see them.
 */
export function Figures(props: {
  statistics: IStatistics;
  onRows?: (rows: number[]) => void;
  trans: TranslationBundle;
}): JSX.Element {
  const { onRows, statistics, trans } = props;
  return (
    <dl className="jp-llmtune-facts">
      {figuresOf(statistics, trans).map(figure => (
        <React.Fragment key={figure.name}>
          <dt>{figure.name}</dt>
          <dd title={figure.title}>
            {onRows && figure.rows?.length ? (
              <button
                type="button"
                className="jp-llmtune-link"
                aria-label={`${figure.name}: ${figure.value}`}
                title={trans.__('Show these rows')}
                onClick={() => onRows(figure.rows!)}
              >
                {figure.value}
              </button>
            ) : (
              figure.value
            )}
          </dd>
        </React.Fragment>
      ))}
    </dl>
  );
}

interface IFigure {
  name: string;
  value: string;
  /** The numbers of the rows that are counted. */
  rows?: number[];
  title?: string;
}

function figuresOf(found: IStatistics, trans: TranslationBundle): IFigure[] {
  const { duplicates, near_duplicates: near } = found;
  const figures: IFigure[] = [
    {
      name: trans.__('Rows'),
      value: trans.__(
        '%1: %2 to train on',
        count(found.rows),
        count(found.train_rows)
      )
    },
    {
      name: trans.__('Tokens'),
      value: trans.__(
        '%1, of which trained %2 (%3)',
        count(found.epoch_tokens),
        count(found.epoch_trained_tokens),
        percent(found.epoch_trained_tokens, found.epoch_tokens)
      ),
      title: trans.__('Of the rows to train on, in one epoch')
    },
    {
      name: trans.__('Estimated steps'),
      value: trans.__(
        '%1, with %2 tokens in all',
        count(found.steps),
        count(found.run_tokens)
      )
    },
    {
      name: trans.__('Duplicates'),
      value: count(duplicates.count),
      rows: both(duplicates.rows)
    },
    {
      name: trans.__('Near duplicates'),
      value:
        found.compared < found.rows - leftOutOf(found)
          ? trans.__(
              '%1, in the first %2 rows',
              count(near.count),
              count(found.compared)
            )
          : count(near.count),
      rows: both(near.rows)
    },
    ...problemsOf(found, trans)
  ];
  if (found.languages.length > 0) {
    figures.push({
      name: trans.__('Languages'),
      value: found.languages
        .map(([code, share]) => {
          // They are told from a sample.
          const rounded = percent(Math.round(100 * share), 100);
          return `${languageName(code, trans)} ${rounded}`;
        })
        .join(', ')
    });
  }
  if (found.sources.length > 1) {
    figures.push(
      ...found.sources.map(source => ({
        name: source.name,
        value: trans.__(
          '%1 of %2 rows, %3 tokens, of which trained %4',
          count(source.used),
          count(source.rows),
          count(source.tokens),
          percent(source.trained_tokens, source.tokens)
        )
      }))
    );
  }
  return figures;
}

/** What is wrong with rows: the usual reasons always, others where there are such rows. */
function problemsOf(found: IStatistics, trans: TranslationBundle): IFigure[] {
  const names: { [kind in ILeftOut['kind']]: string } = {
    empty: trans.__('Empty answers'),
    untrained: trans.__('Nothing is trained'),
    order: trans.__('Roles out of order'),
    long: trans.__('Too long'),
    other: trans.__('Other problems')
  };
  return (Object.keys(names) as ILeftOut['kind'][]).flatMap(kind => {
    const one = found.left_out.find(one => one.kind === kind);
    const isUsual = kind !== 'long' && kind !== 'other';
    return one || isUsual
      ? [
          {
            name: names[kind],
            value: count(one?.count ?? 0),
            rows: one?.rows,
            title: one?.message
          }
        ]
      : [];
  });
}

function leftOutOf(found: IStatistics): number {
  return found.left_out.reduce((total, one) => total + one.count, 0);
}

/** Rows and the earlier ones that they are like. */
function both(pairs: [number, number][]): number[] {
  return [...new Set(pairs.flat())].sort((one, other) => one - other);
}

function languageName(code: string, trans: TranslationBundle): string {
  if (code === 'zxx') {
    return trans.__('no language');
  }
  const here = trans._p('the code of this language', 'en');
  return new Intl.DisplayNames([here], { type: 'language' }).of(code)!;
}
