import type { TranslationBundle } from '@jupyterlab/translation';

import React from 'react';

import type { ISoFar } from '../kernel/protocol';
import { count, percent } from '../numbers';
import { FaultMessage } from '../sidebar/fault';
import { Figures } from './figures';
import { LengthHistogram } from './histogram';
import { effectOf, totalOf } from './lengths';
import type { StatisticsModel } from './model';

/**
 * The statistics of data, folded until a user wants them.
 */
export function Statistics(props: {
  model: StatisticsModel;
  trans: TranslationBundle;
  /** Show some rows, by their numbers; without it rows are only counted. */
  onRows?: (rows: number[]) => void;
}): JSX.Element {
  const { model, onRows, trans } = props;
  const { fault, statistics } = model;
  return (
    <details
      className="jp-llmtune-statistics"
      open={model.isOpen}
      onToggle={event => (model.isOpen = event.currentTarget.open)}
    >
      <summary>{trans.__('Statistics')}</summary>
      {model.isOpen && (
        <>
          <Progress model={model} trans={trans} />
          {fault && <FaultMessage fault={fault} />}
          {statistics && (
            <div className="jp-llmtune-statistics-found">
              <Lengths statistics={statistics} model={model} trans={trans} />
              <Figures
                statistics={statistics}
                onRows={model.isOld ? undefined : onRows}
                trans={trans}
              />
            </div>
          )}
        </>
      )}
    </details>
  );
}

/** How far it has come; or what is to be said of what is there. */
function Progress(props: {
  model: StatisticsModel;
  trans: TranslationBundle;
}): JSX.Element {
  const { model, trans } = props;
  const { isCounting, isOld, isPartial, progress, statistics } = model;
  if (isCounting) {
    return (
      <div className="jp-llmtune-statistics-progress">
        <progress
          aria-label={trans.__('Counting')}
          max={progress?.total}
          value={progress?.done}
        />
        <span>{progressText(model, trans)}</span>
        <button
          type="button"
          className="jp-Button jp-mod-styled"
          onClick={() => model.cancel()}
        >
          {trans.__('Cancel')}
        </button>
      </div>
    );
  }
  if (statistics && !isOld && !isPartial) {
    return <></>;
  }
  return (
    <div className="jp-llmtune-statistics-progress">
      {isPartial ? (
        <span>
          {trans.__('Of the first %1 rows:', count(statistics!.rows))}
        </span>
      ) : (
        statistics && <span>{trans.__('From before the last change:')}</span>
      )}
      <button
        type="button"
        className="jp-Button jp-mod-styled"
        disabled={!model.canCount}
        onClick={() => void model.count()}
      >
        {trans.__('Count')}
      </button>
    </div>
  );
}

function progressText(
  { progress }: StatisticsModel,
  trans: TranslationBundle
): string {
  if (!progress) {
    return trans.__('Loading the tokenizer…');
  }
  const [done, total] = [progress.done, progress.total].map(count);
  return progress.stage === 'reading'
    ? trans.__('Reading row %1 of %2…', done, total)
    : trans.__('Comparing row %1 of %2…', done, total);
}

/** How long rows are, and what another `max_length` would do. */
function Lengths(props: {
  statistics: ISoFar;
  model: StatisticsModel;
  trans: TranslationBundle;
}): JSX.Element {
  const { model, statistics, trans } = props;
  const { groups } = statistics;
  const { limit } = model;
  const said = effectText(statistics, limit, trans);
  return (
    <div>
      <LengthHistogram
        groups={groups}
        limit={limit}
        effect={said}
        onMove={moved => (model.limit = moved)}
        trans={trans}
      />
      <div className="jp-llmtune-statistics-limit">
        <strong>{trans.__('max_length: %1', count(limit))}</strong>
        <button
          type="button"
          className="jp-Button jp-mod-styled"
          disabled={!model.canWrite}
          onClick={() => model.write()}
        >
          {trans.__('Use as max_length')}
        </button>
      </div>
      <p className="jp-llmtune-statistics-effect">{said}</p>
    </div>
  );
}

function effectText(
  { groups }: ISoFar,
  limit: number,
  trans: TranslationBundle
): string {
  const effect = effectOf(groups, limit);
  const total = totalOf(groups);
  if (effect.rows === 0) {
    return trans.__('No row is longer.');
  }
  const rows = [effect.rows, total.rows].map(count);
  const tokens = [
    count(effect.tokens),
    count(total.tokens),
    percent(effect.tokens, total.tokens)
  ];
  const lost =
    effect.lost > 0
      ? ` ${trans.__('Of %1 rows nothing is left to learn.', count(effect.lost))}`
      : '';
  switch (groups.policy) {
    case 'part':
      return trans.__('%1 of %2 rows are used in pieces.', ...rows);
    case 'error':
      return trans.__(
        '%1 of %2 rows are longer: the run would not start.',
        ...rows
      );
    case 'drop':
      return trans.__(
        '%1 of %2 rows are left out, with %3 of %4 tokens (%5).',
        ...rows,
        ...tokens
      );
    default:
      return (
        trans.__(
          '%1 of %2 rows are cut, by %3 of %4 tokens (%5).',
          ...rows,
          ...tokens
        ) + lost
      );
  }
}
