import { HTMLSelect } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';

import React from 'react';

import type { IColumnSummary } from '../kernel/protocol';
import { count, decimal } from '../numbers';
import { Facts } from '../sidebar/facts';
import type { InspectorModel } from './model';

/**
 * Beside the rows: one of their columns in numbers.
 */
export function ColumnStrip(props: {
  model: InspectorModel;
  trans: TranslationBundle;
}): JSX.Element {
  const { model, trans } = props;
  const { column, summary } = model;
  const columns = model.pages?.state?.columns ?? [];
  if (column === null || !columns.length) {
    return <></>;
  }
  const [key] = model.view.sort ?? [];
  const order =
    key?.column !== column ? '' : key.descending ? 'descending' : 'ascending';
  return (
    <>
      <label>
        {trans.__('Column')}
        <HTMLSelect
          value={column}
          onChange={event => (model.column = event.currentTarget.value)}
        >
          {columns.map(({ name }) => (
            <option key={name} value={name}>
              {name || trans.__('(without a name)')}
            </option>
          ))}
        </HTMLSelect>
      </label>
      <label>
        {trans.__('Order')}
        <HTMLSelect
          value={order}
          onChange={({ currentTarget: { value } }) =>
            model.look({
              sort: value
                ? [{ column, descending: value === 'descending' }]
                : []
            })
          }
        >
          <option value="">{trans.__('as in the source')}</option>
          <option value="ascending">{trans.__('ascending')}</option>
          <option value="descending">{trans.__('descending')}</option>
        </HTMLSelect>
      </label>
      {summary && (summary.rows > 0 || summary.is_done) ? (
        <Summary summary={summary} trans={trans} />
      ) : (
        !model.pages?.fault && (
          <p className="jp-llmtune-hint">{trans.__('Counting…')}</p>
        )
      )}
    </>
  );
}

function Summary(props: {
  summary: IColumnSummary;
  trans: TranslationBundle;
}): JSX.Element {
  const { summary, trans } = props;
  const { frequent, lengths, maximum, mean, minimum } = summary;
  const facts: [string, string][] = [
    [trans.__('Holds'), kindName(summary, trans)],
    [trans.__('Rows'), count(summary.rows)],
    [trans.__('Without a value'), count(summary.nulls)],
    [
      trans.__('Different values'),
      summary.distinct_is_exact
        ? count(summary.distinct)
        : trans.__('about %1', count(summary.distinct))
    ]
  ];
  if (minimum !== null && maximum !== null) {
    facts.push([
      lengths ? trans.__('Characters') : trans.__('Values'),
      trans.__('%1 to %2', valueText(minimum), valueText(maximum))
    ]);
  }
  if (mean !== null) {
    facts.push([trans.__('Mean'), decimal(mean)]);
  }
  return (
    <>
      <Facts facts={facts} />
      {frequent.length > 0 && (
        <>
          <h3>{trans.__('Most frequent')}</h3>
          <ol className="jp-llmtune-frequent">
            {frequent.map(({ rows, value }) => (
              <li key={value}>
                <span title={value}>{value === '' ? '""' : value}</span>
                <span>{count(rows)}</span>
                <meter
                  min={0}
                  max={summary.rows}
                  value={rows}
                  aria-hidden="true"
                />
              </li>
            ))}
          </ol>
        </>
      )}
      {!summary.is_done && (
        <p className="jp-llmtune-hint">
          {trans.__('Of the first %1 rows', count(summary.seen))}
        </p>
      )}
    </>
  );
}

function kindName({ kind }: IColumnSummary, trans: TranslationBundle): string {
  switch (kind) {
    case 'text':
      return trans.__('text');
    case 'integer':
      return trans.__('whole numbers');
    case 'number':
      return trans.__('numbers');
    case 'boolean':
      return trans.__('true or false');
    case 'time':
      return trans.__('times');
    case 'json':
      return trans.__('lists or objects, as JSON');
    case 'mixed':
      return trans.__('values of several kinds');
    case 'other':
      return trans.__('other values');
    case 'empty':
      return trans.__('nothing');
  }
}

/** Times are text. */
function valueText(value: number | string): string {
  return typeof value === 'number' ? decimal(value) : value;
}
