import { ReactWidget } from '@jupyterlab/apputils';
import { UseSignal } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { JSONValue } from '@lumino/coreutils';

import React from 'react';

import { insertCodeCell } from '../../cell/actions';
import { quoted } from '../../cell/source';
import { nameOf } from '../../inspector/source';
import type { IInspection, ITableSource } from '../../kernel/protocol';
import { count, decimal } from '../../numbers';
import { Statistics, StatisticsModel } from '../../statistics';
import { CommandIDs } from '../../tokens';
import { onTurnedTo } from '../../turning';
import { valueOf } from '../configure/fields';
import type { ConfigureModel } from '../configure/model';
import type { ISidebarContext } from '../context';
import { Facts } from '../facts';
import { FaultMessage } from '../fault';
import { whileShown } from '../shown';

/**
 * What the trainer will see of the data of the configuration.
 */
export class DataSection extends ReactWidget {
  constructor(context: ISidebarContext, model: ConfigureModel) {
    super();
    this._context = context;
    this._model = model;
    this._statistics = new StatisticsModel({
      target: () => model.target,
      changes: [model.changed],
      isEditable: () => model.edited.isEditable,
      write: value => model.change([{ path: ['data', 'max_length'], value }])
    });
    this.id = 'jp-llmtune-data';
    this.title.label = context.trans.__('Data');
    this.addClass('jp-llmtune-data');
    whileShown(this, context, isShown => model.show(this, isShown));
    onTurnedTo(this, () => model.lookAgain());
  }

  dispose(): void {
    this._statistics.dispose();
    super.dispose();
  }

  protected render(): JSX.Element {
    return (
      <UseSignal signal={this._model.changed}>
        {() => (
          <Data
            model={this._model}
            statistics={this._statistics}
            context={this._context}
          />
        )}
      </UseSignal>
    );
  }

  private readonly _context: ISidebarContext;
  private readonly _model: ConfigureModel;
  private readonly _statistics: StatisticsModel;
}

function Data(props: {
  model: ConfigureModel;
  statistics: StatisticsModel;
  context: ISidebarContext;
}): JSX.Element {
  const { model, context, statistics } = props;
  const { trans } = context;
  const { plan, sources } = model;
  if (sources.length === 0) {
    return (
      <p className="jp-llmtune-hint">
        {trans.__('Choose training data under Configure to see it here.')}
      </p>
    );
  }
  const openRows = (source: ITableSource['source']) => {
    const folder = valueOf(model.values, ['data', 'dataset_dir']);
    return context.app.commands.execute(CommandIDs.inspectData, {
      source: source as JSONValue,
      dataset_dir: typeof folder === 'string' && folder ? folder : 'data'
    });
  };
  const inspect = (source: string) => {
    const panel = context.notebooks.currentWidget;
    if (panel) {
      void insertCodeCell(panel, `%dataset ${quoted(source)}`, { run: true });
    }
  };
  return (
    <>
      <div className="jp-llmtune-buttons">
        {sources.map((source, index) => (
          <button
            key={index}
            type="button"
            className="jp-Button jp-mod-styled"
            onClick={() => void openRows(source)}
          >
            {sources.length > 1
              ? trans.__('Inspect %1…', nameOf(source))
              : trans.__('Inspect…')}
          </button>
        ))}
        {sources.length === 1 && typeof sources[0] === 'string' && (
          <button
            type="button"
            className="jp-Button jp-mod-styled"
            onClick={() => inspect(sources[0] as string)}
          >
            {trans.__('Inspect in the notebook')}
          </button>
        )}
      </div>
      {plan?.fault && <FaultMessage fault={plan.fault} />}
      {plan?.inspection && plan.isOld && (
        <p className="jp-llmtune-hint" role="status">
          {trans.__('From before the last change:')}
        </p>
      )}
      {plan?.inspection ? (
        <Summary inspection={plan.inspection} trans={trans} />
      ) : (
        !plan?.fault && (
          <p className="jp-llmtune-hint" role="status">
            {plan?.isComputing
              ? trans.__('Reading the data…')
              : trans.__('The data are read when the configuration is right.')}
          </p>
        )
      )}
      <UseSignal signal={statistics.changed}>
        {() => (
          <>
            {plan?.inspection && !statistics.statistics && (
              <Histogram lengths={plan.inspection.lengths} trans={trans} />
            )}
            <Statistics model={statistics} trans={trans} />
          </>
        )}
      </UseSignal>
      {plan?.inspection && (
        <Preview examples={plan.inspection.preview} trans={trans} />
      )}
    </>
  );
}

function Summary(props: {
  inspection: IInspection;
  trans: TranslationBundle;
}): JSX.Element {
  const { inspection, trans } = props;
  const { lengths } = inspection;
  const facts: [string, string][] = [
    [trans.__('Rows'), count(inspection.rows)],
    [
      trans.__('Columns'),
      inspection.columns
        .map(name => name || trans.__('(without a name)'))
        .join(', ')
    ],
    [
      trans.__('Format'),
      trans.__(
        '%1 (read from %2)',
        inspection.format,
        inspection.format_columns.join(', ')
      )
    ],
    [
      trans.__('Tokens'),
      trans.__(
        '%1, of which trained %2',
        count(inspection.tokens),
        count(inspection.trained_tokens)
      )
    ],
    [
      trans.__('Tokens a row'),
      trans.__(
        '%1 to %2, median %3',
        count(lengths.min),
        count(lengths.max),
        decimal(lengths.median)
      )
    ],
    [trans.__('Truncated rows'), count(inspection.truncated)]
  ];
  const { skipped, dropped } = inspection;
  const leftOut = skipped + dropped;
  if (leftOut > 0) {
    const kinds = [
      skipped ? trans.__('%1 not fit to train on', count(skipped)) : '',
      dropped ? trans.__('%1 too long', count(dropped)) : ''
    ];
    facts.push([trans.__('Rows left out'), kinds.filter(Boolean).join(', ')]);
  }
  return (
    <>
      <Facts facts={facts} />
      {inspection.problems.length > 0 && (
        <ul className="jp-llmtune-left-out">
          {inspection.problems.map((problem, index) => (
            <li key={index}>{problem.message}</li>
          ))}
          {leftOut > inspection.problems.length && (
            <li>
              {trans.__(
                'and %1 more',
                count(leftOut - inspection.problems.length)
              )}
            </li>
          )}
        </ul>
      )}
    </>
  );
}

/** The first rows, as the model sees them. */
function Preview(props: {
  examples: IInspection['preview'];
  trans: TranslationBundle;
}): JSX.Element {
  const { examples, trans } = props;
  return (
    <>
      {examples.map(example => (
        <section key={example.row} className="jp-llmtune-example">
          <h4>{trans.__('Row %1', example.row)}</h4>
          <div>
            {example.spans.map((span, index) =>
              span.trained ? (
                <mark key={index}>{span.text}</mark>
              ) : (
                <span key={index}>{span.text}</span>
              )
            )}
          </div>
        </section>
      ))}
      {examples.length > 0 && (
        <p className="jp-llmtune-hint">
          {trans.__('Marked tokens are trained.')}
        </p>
      )}
    </>
  );
}

/** How many rows have how many tokens. */
function Histogram(props: {
  lengths: IInspection['lengths'];
  trans: TranslationBundle;
}): JSX.Element {
  const { edges, counts } = props.lengths;
  const highest = Math.max(...counts, 1);
  return (
    <svg
      className="jp-llmtune-histogram"
      viewBox={`0 0 ${counts.length} 40`}
      preserveAspectRatio="none"
      role="img"
      aria-label={props.trans.__('Histogram of the tokens a row')}
    >
      {counts.map((rows, index) => (
        <rect
          key={index}
          x={index + 0.05}
          y={40 - (rows / highest) * 40}
          width={0.9}
          height={(rows / highest) * 40}
        >
          <title>
            {props.trans.__(
              '%1 to %2 tokens: %3 rows',
              Math.round(edges[index]),
              Math.round(edges[index + 1]),
              rows
            )}
          </title>
        </rect>
      ))}
    </svg>
  );
}
