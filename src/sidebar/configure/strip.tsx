import type { TranslationBundle } from '@jupyterlab/translation';

import React, { useState } from 'react';

import type { IInspection } from '../../kernel/protocol';
import { count, size } from '../../numbers';
import { Wording } from '../../runs/wording';
import { FaultMessage } from '../fault';
import { mistakeText } from './deeds';
import { Remedies } from './remedies';
import { useFormState } from './state';

/**
 * What a run would take, and what to know before it.
 */
export function BeforeRun(): JSX.Element {
  const { context, model } = useFormState();
  const { trans } = context;
  const { plan } = model;
  const [isOpen, setOpen] = useState(false);
  const notices = plan?.isOld ? 0 : (plan?.inspection?.notices.length ?? 0);
  const { problem } = model.edited.document;
  const problems = problem ? [] : model.problems;
  const toTell = notices + problems.length + (plan?.fault ? 1 : 0);
  return (
    <section
      className="jp-llmtune-before"
      aria-label={trans.__('Before you run')}
      aria-busy={plan?.isComputing ?? false}
    >
      <details onToggle={event => setOpen(event.currentTarget.open)}>
        <summary>
          {trans.__('Before you run')}
          <span className="jp-llmtune-count" role="status">
            <Short />
          </span>
          {toTell > 0 && (
            <span className="jp-llmtune-count jp-mod-wrong">
              {trans._n('%1 notice', '%1 notices', toTell)}
            </span>
          )}
        </summary>
        {isOpen && problems.length > 0 && (
          <ul className="jp-llmtune-notices">
            {problems.map(found => (
              <li key={`${found.line} ${found.key} ${found.message}`}>
                {mistakeText(model, found)}
                <Remedies remedies={found.changes} />
              </li>
            ))}
          </ul>
        )}
        {plan?.isComputing && (
          <progress aria-label={trans.__('Looking at the data')} />
        )}
        {plan?.fault && (
          <>
            <FaultMessage fault={plan.fault} />
            <Remedies remedies={plan.fault.changes} said={plan.fault.fix} />
          </>
        )}
        {plan?.inspection && <Found inspection={plan.inspection} />}
        <button
          type="button"
          className="jp-Button jp-mod-styled"
          disabled={!model.canLook || (plan?.isComputing ?? false)}
          title={trans.__('Counts tokens, steps and memory without training')}
          onClick={() => void model.computePlan()}
        >
          {trans.__('Check now')}
        </button>
      </details>
      <Mistakes />
    </section>
  );
}

/** Why it cannot run, though it can be read and has data. */
function Mistakes(): JSX.Element {
  const { context, model, seek } = useFormState();
  const { edited, mistakes, sources } = model;
  const isSaid = edited.document.problem || sources.length === 0;
  return (
    <div role="status">
      {!isSaid && mistakes.length > 0 && (
        <button
          type="button"
          className="jp-llmtune-line jp-mod-wrong"
          title={context.trans.__('Go to the first')}
          onClick={() => seek(mistakes[0])}
        >
          {context.trans._n(
            '%1 mistake in the configuration',
            '%1 mistakes in the configuration',
            mistakes.length
          )}
        </button>
      )}
    </div>
  );
}

/** The whole on one line. */
function Short(): JSX.Element {
  const { context, model } = useFormState();
  const { trans } = context;
  const { plan } = model;
  const inspection = plan?.inspection;
  if (model.edited.document.problem) {
    return <>{trans.__('The configuration cannot be read.')}</>;
  }
  if (plan?.isComputing) {
    return <>{trans.__('Looking at the data…')}</>;
  }
  if (!inspection) {
    return (
      <>{model.sources.length ? '' : trans.__('Choose the training data.')}</>
    );
  }
  if (plan.isOld) {
    return <></>;
  }
  const { steps, seconds, memory } = inspection;
  return (
    <>
      {[
        trans._n('%2 step', '%2 steps', steps, count(steps)),
        seconds === null ? '' : timeText(seconds, trans),
        size(memory, trans)
      ]
        .filter(Boolean)
        .join(' · ')}
    </>
  );
}

function Found(props: { inspection: IInspection }): JSX.Element {
  const { context, model } = useFormState();
  const { trans } = context;
  const { inspection } = props;
  const isOld = model.plan?.isOld || model.plan?.isComputing;
  return (
    <div className={isOld ? 'jp-mod-old' : ''}>
      {isOld && (
        <div className="jp-llmtune-help">
          {trans.__('From before the last change:')}
        </div>
      )}
      <Facts inspection={inspection} />
      <ul className="jp-llmtune-notices">
        {inspection.notices.map(({ message, changes }) => (
          <li key={message}>
            {message}
            <Remedies remedies={changes} isDisabled={isOld} />
          </li>
        ))}
      </ul>
    </div>
  );
}

function Facts(props: { inspection: IInspection }): JSX.Element {
  const { trans } = useFormState().context;
  const { inspection } = props;
  const { seconds, memory, memory_available: available } = inspection;
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
    [trans.__('Tokens'), tokensText(inspection, trans)],
    [trans.__('Steps'), count(inspection.steps)],
    [
      trans.__('Time'),
      seconds === null
        ? trans.__('not yet measured for this model here')
        : trans.__('about %1', timeText(seconds, trans))
    ],
    [
      trans.__('Memory'),
      trans.__(
        'about %1; %2 free',
        size(memory, trans),
        size(available, trans)
      ),
      memory > available
    ]
  ];
  return (
    <dl className="jp-llmtune-plan">
      {pairs.map(([name, value, isTooMuch]) => (
        <div key={name} className={isTooMuch ? 'jp-mod-tooMuch' : ''}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** Of prompts nothing is learned, and how long the answers will be nobody knows yet. */
export function tokensText(
  inspection: Pick<IInspection, 'epoch_tokens' | 'epoch_trained_tokens'>,
  trans: TranslationBundle
): string {
  const { epoch_tokens: tokens, epoch_trained_tokens: trained } = inspection;
  return trained === 0
    ? trans.__('%1 in the prompts; the answers are learned', count(tokens))
    : trans.__('%1, of which %2 are learned', count(tokens), count(trained));
}

/** What takes no time takes a second. */
function timeText(seconds: number, trans: TranslationBundle): string {
  return new Wording(trans).duration(Math.max(1, seconds));
}
