import type { TranslationBundle } from '@jupyterlab/translation';

import React from 'react';

import type {
  ICountedSource,
  ILeftOut,
  ISoFar,
  IStatistics
} from '../kernel/protocol';
import { count, percent } from '../numbers';
import { isWhole } from './model';

/**
 * What was counted. A number of rows can be clicked to see them.
 */
export function Figures(props: {
  statistics: IStatistics | ISoFar;
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

function figuresOf(
  found: IStatistics | ISoFar,
  trans: TranslationBundle
): IFigure[] {
  return isWhole(found)
    ? [
        ...sizesOf(found, trans),
        ...twinsOf(found, trans),
        ...problemsOf(found, trans),
        ...languagesOf(found, trans),
        ...sourcesOf(found.sources, trans)
      ]
    : [
        { name: trans.__('Rows'), value: count(found.rows) },
        tokensOf(found.tokens, found.trained_tokens, trans),
        ...problemsOf(found, trans)
      ];
}

function sizesOf(found: IStatistics, trans: TranslationBundle): IFigure[] {
  const [rows, used, taken] = [found.rows, usedOf(found), found.train_rows].map(
    count
  );
  return [
    {
      name: trans.__('Rows'),
      value:
        used === taken
          ? trans.__('%1: %2 to train on', rows, taken)
          : trans.__('%1: %2 can be used, %3 to train on', rows, used, taken)
    },
    {
      ...tokensOf(found.epoch_tokens, found.epoch_trained_tokens, trans),
      title: trans.__('Of the rows to train on, in one epoch')
    },
    {
      name: trans.__('Estimated steps'),
      value: trans.__(
        '%1, with %2 tokens in all',
        count(found.steps),
        count(found.run_tokens)
      )
    }
  ];
}

function usedOf({ sources }: IStatistics): number {
  return sources.reduce((total, source) => total + source.used, 0);
}

function tokensOf(
  tokens: number,
  trained: number,
  trans: TranslationBundle
): IFigure {
  return {
    name: trans.__('Tokens'),
    value: trans.__(
      '%1, of which trained %2 (%3)',
      count(tokens),
      count(trained),
      percent(trained, tokens)
    )
  };
}

function twinsOf(found: IStatistics, trans: TranslationBundle): IFigure[] {
  const { compared, duplicates, near_duplicates: near } = found;
  return [
    {
      name: trans.__('Duplicates'),
      value: count(duplicates.count),
      rows: both(duplicates.rows)
    },
    {
      name: trans.__('Near duplicates'),
      value:
        compared < usedOf(found)
          ? trans.__(
              '%1, in the first %2 rows',
              count(near.count),
              count(compared)
            )
          : count(near.count),
      rows: both(near.rows)
    }
  ];
}

function languagesOf(
  { languages }: IStatistics,
  trans: TranslationBundle
): IFigure[] {
  // They are told from a sample.
  const told = languages.map(
    ([code, share]) =>
      `${languageName(code, trans)} ${percent(Math.round(100 * share), 100)}`
  );
  return told.length > 0
    ? [{ name: trans.__('Languages'), value: told.join(', ') }]
    : [];
}

/** What is taken of each source, where there are several. */
function sourcesOf(
  sources: ICountedSource[],
  trans: TranslationBundle
): IFigure[] {
  return sources.length > 1
    ? sources.map(source => ({
        name: source.name,
        value: trans.__(
          '%1 of %2 rows can be used; %3 to train on, with %4 tokens, of which trained %5',
          count(source.used),
          count(source.rows),
          count(source.train_rows),
          count(source.epoch_tokens),
          percent(source.epoch_trained_tokens, source.epoch_tokens)
        ),
        title: trans.__(
          'In one epoch; a weight may take rows several times, or some of them'
        )
      }))
    : [];
}

/** What is wrong with rows: the usual reasons always, others where there are such rows. */
function problemsOf(found: ISoFar, trans: TranslationBundle): IFigure[] {
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
