import React from 'react';

import type { IInspection } from '../../kernel/protocol';
import { FaultMessage } from '../fault';
import { useFormState } from './state';
import { durationText, sizeText } from './wording';

/**
 * What a run would take, and what to know before it.
 */
export function BeforeRun(): JSX.Element {
  const { context, model, isReadOnly } = useFormState();
  const { trans } = context;
  const { plan } = model;
  const isOld = plan !== null && plan.text !== model.edited.text;
  return (
    <section
      className="jp-llmtune-before"
      aria-label={trans.__('Before you run')}
      aria-busy={plan?.isComputing ?? false}
    >
      <div className="jp-llmtune-before-head">
        <h3>{trans.__('Before you run')}</h3>
        <button
          type="button"
          className="jp-Button jp-mod-styled"
          disabled={!model.canRun || (plan?.isComputing ?? false)}
          onClick={() => void model.computePlan()}
        >
          {trans.__('Check')}
        </button>
      </div>
      {plan?.isComputing && (
        <div role="status">
          {trans.__('Looking at the data…')}
          <progress aria-label={trans.__('Looking at the data')} />
        </div>
      )}
      {plan?.fault && <FaultMessage fault={plan.fault} />}
      {plan?.inspection && (
        <div
          className={isOld || plan.isComputing ? 'jp-mod-old' : ''}
          role="status"
        >
          <Facts inspection={plan.inspection} />
          <ul className="jp-llmtune-notices">
            {plan.inspection.notices.map(({ message, fixes }) => (
              <li key={message}>
                {message}
                <div className="jp-llmtune-buttons">
                  {fixes.map(({ label, path, value }) => (
                    <button
                      key={label}
                      type="button"
                      className="jp-Button jp-mod-styled"
                      disabled={isReadOnly || isOld}
                      onClick={() => model.fix(path, value)}
                    >
                      {label}
                    </button>
                  ))}
                </div>
              </li>
            ))}
          </ul>
        </div>
      )}
      {!plan && (
        <div className="jp-llmtune-help">
          {model.canRun
            ? trans.__('Counts tokens, steps and memory without training.')
            : trans.__('Choose the training data first.')}
        </div>
      )}
    </section>
  );
}

function Facts(props: { inspection: IInspection }): JSX.Element {
  const { trans } = useFormState().context;
  const { inspection } = props;
  const { seconds, memory, memory_available: available } = inspection;
  const count = (value: number) => value.toLocaleString();
  const pairs: [string, string, boolean?][] = [
    [
      trans.__('Rows'),
      inspection.eval_rows
        ? trans.__(
            '%1 to train, %2 to evaluate',
            count(inspection.train_rows),
            count(inspection.eval_rows)
          )
        : count(inspection.train_rows)
    ],
    [
      trans.__('Tokens'),
      trans.__(
        '%1, of which %2 are learned',
        count(inspection.tokens),
        count(inspection.trained_tokens)
      )
    ],
    [trans.__('Steps'), count(inspection.steps)],
    [
      trans.__('Time'),
      seconds === null
        ? trans.__('not yet measured for this model here')
        : trans.__('about %1', durationText(seconds, trans))
    ],
    [
      trans.__('Memory'),
      trans.__(
        'about %1 of %2',
        sizeText(memory, trans),
        sizeText(available, trans)
      ),
      memory > available
    ]
  ];
  return (
    <dl className="jp-llmtune-facts">
      {pairs.map(([name, value, isTooMuch]) => (
        <div key={name} className={isTooMuch ? 'jp-mod-tooMuch' : ''}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
