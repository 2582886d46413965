import type { TranslationBundle } from '@jupyterlab/translation';

import React, { useEffect, useRef } from 'react';

import { LossChart } from '../chart/lossChart';
import { learningRate, measure } from '../chart/wording';
import { count, fixed, size } from '../numbers';
import { FaultMessage } from '../sidebar/fault';
import { Failure } from './faults';
import type { RunModel } from './model';
import { Configuration, Files, Log, Parts, Samples } from './parts';
import { evaluated, watched } from './watched';
import { canBeTold, canGoOn, isOver, lineToGoOn, Wording } from './wording';

export interface IRunViewProps {
  /** Unique on the page. */
  id: string;
  model: RunModel;
  trans: TranslationBundle;
  /** Put a cell into the notebook and run it. */
  runCell?: (source: string) => void;
  /** Put a cell into the notebook that starts a run with this configuration. */
  insertRun?: (text: string) => void;
  /** Ask the user whether to stop the run. */
  confirmStop: (run: string) => Promise<boolean>;
}

/**
 * The live view of a run, as the output of its cell shows it.
 */
export function RunView(props: IRunViewProps): JSX.Element {
  const { model, trans } = props;
  return (
    <div className="jp-llmtune-run-body">
      <Faults {...props} />
      {model.view ? (
        <>
          <State model={model} trans={trans} />
          <Buttons {...props} />
          {model.state === 'failed' && model.progress.error && (
            <Failure error={model.progress.error} trans={trans} />
          )}
          <Chart model={model} trans={trans} />
          <RunParts {...props} />
        </>
      ) : (
        !model.fault && !model.notice && <p>{trans.__('Reading the run…')}</p>
      )}
    </div>
  );
}

function Faults(props: IRunViewProps): JSX.Element {
  const { model, trans } = props;
  return (
    <>
      <Notice {...props} />
      {model.fault && (
        <div>
          <FaultMessage fault={model.fault} />
          {!model.view && (
            <button
              type="button"
              className="jp-Button jp-mod-styled"
              onClick={() => model.retry()}
            >
              {trans.__('Try again')}
            </button>
          )}
        </div>
      )}
    </>
  );
}

/**
 * What keeps a run from being up to date, and what mends it.
 */
export function Notice(
  props: Pick<IRunViewProps, 'model' | 'trans' | 'runCell'>
): JSX.Element | null {
  const { model, runCell, trans } = props;
  if (!model.notice) {
    return null;
  }
  return (
    <div className="jp-llmtune-notice">
      <span role="status">{model.notice}</span>{' '}
      {model.needsLoad && runCell && (
        <button
          type="button"
          className="jp-Button jp-mod-styled"
          title={trans.__('Run %1 in the notebook', LOAD_EXTENSION)}
          onClick={() => runCell(LOAD_EXTENSION)}
        >
          {trans.__('Load it')}
        </button>
      )}
    </div>
  );
}

function State({
  model,
  trans
}: Pick<IRunViewProps, 'model' | 'trans'>): JSX.Element {
  const { progress, state, summary } = model;
  const { metrics, evaluation } = progress;
  const wording = new Wording(trans);
  const note = asked(model, trans) || (progress.error ? '' : progress.detail);
  const facts = metrics
    ? [
        wording.step(metrics.step, metrics.max_steps),
        trans.__('epoch %1', fixed(metrics.epoch, 2)),
        isOver(state)
          ? summary && wording.duration(summary.duration)
          : wording.timeLeft(metrics.eta)
      ]
    : [];
  return (
    <>
      <h2 className="jp-llmtune-state">
        {model.run}{' '}
        <span
          className="jp-llmtune-state-word"
          data-state={state}
          aria-live="polite"
        >
          {wording.state(state)}
        </span>
        {note && <small aria-live="polite"> · {note}</small>}
      </h2>
      <ProgressBar
        state={state}
        step={metrics?.step ?? 0}
        steps={metrics?.max_steps ?? 0}
        label={trans.__('Progress of %1', model.run)}
        text={facts.join(' · ')}
      />
      <p className="jp-llmtune-facts">{facts.filter(Boolean).join(' · ')}</p>
      {metrics && (
        <dl className="jp-llmtune-measures">
          <Measure name={trans.__('train loss')}>
            {measure(metrics.loss)}
          </Measure>
          {watched(metrics.measures, trans).map(({ name, value }) => (
            <Measure key={name} name={name}>
              {measure(value)}
            </Measure>
          ))}
          {evaluation && (
            <Measure name={evaluated(evaluation, trans).name}>
              {trans.__(
                '%1 (step %2)',
                measure(evaluated(evaluation, trans).value),
                count(evaluation.step)
              )}
            </Measure>
          )}
          <Measure name={trans.__('learning rate')}>
            {learningRate(metrics.learning_rate)}
          </Measure>
          <Measure name={trans.__('tokens/s')}>
            {count(metrics.tokens_per_second)}
          </Measure>
          <Measure name={trans.__('memory')}>
            {size(metrics.memory, trans)}
          </Measure>
        </dl>
      )}
    </>
  );
}

function Measure(props: { name: string; children: string }): JSX.Element {
  return (
    <div>
      <dt>{props.name}</dt>
      <dd>{props.children}</dd>
    </div>
  );
}

/**
 * How far a run has come.
 */
export function ProgressBar(props: {
  state: string;
  step: number;
  steps: number;
  label: string;
  text: string;
}): JSX.Element {
  const { step, steps } = props;
  const share = steps > 0 ? Math.min(step / steps, 1) : 0;
  return (
    <div
      className="jp-llmtune-progress"
      role="progressbar"
      aria-label={props.label}
      aria-valuemin={0}
      aria-valuemax={steps}
      aria-valuenow={step}
      aria-valuetext={props.text || undefined}
      data-state={props.state}
    >
      <div style={{ width: `${100 * share}%` }} />
    </div>
  );
}

function Buttons(props: IRunViewProps): JSX.Element {
  const { runCell, model, trans } = props;
  const can = canBeTold(model.state);
  const isPaused = model.state === 'paused';
  const stop = async () => {
    if (await props.confirmStop(model.run)) {
      await model.control('stop');
    }
  };
  const buttons = [
    isPaused
      ? {
          id: 'pause',
          label: trans.__('Resume'),
          caption: trans.__('Train on'),
          isEnabled: can.resume,
          act: () => model.control('resume')
        }
      : {
          id: 'pause',
          label: trans.__('Pause'),
          caption: trans.__('Hold the run after this step'),
          isEnabled: can.pause,
          act: () => model.control('pause')
        },
    {
      id: 'stop',
      label: trans.__('Stop'),
      caption: trans.__('Save, then end the run; it can be continued'),
      isEnabled: can.stop,
      act: stop
    },
    {
      id: 'save',
      label: trans.__('Save'),
      caption: trans.__('Write a checkpoint after this step'),
      isEnabled: can.save,
      act: () => model.control('save')
    },
    {
      id: 'sample',
      label: trans.__('Sample now'),
      caption: model.hasPrompts
        ? trans.__('Answer the prompts with the weights as they are')
        : trans.__('The configuration has no samples.prompts'),
      isEnabled: can.sample && model.hasPrompts,
      act: () => model.control('sample')
    },
    ...(runCell && canGoOn(model.state)
      ? [
          {
            id: 'go-on',
            label: trans.__('Train on'),
            caption: model.summary?.has_checkpoint
              ? trans.__(
                  'Go on from the last checkpoint, with a cell in the notebook'
                )
              : trans.__('This run has no checkpoint to go on from.'),
            isEnabled: model.summary?.has_checkpoint ?? false,
            act: () => runCell(lineToGoOn(model.run))
          }
        ]
      : [])
  ];
  return (
    <div className="jp-llmtune-buttons">
      {buttons.map(({ id, label, caption, isEnabled, act }) => {
        const isUsable = isEnabled && model.isConnected && !model.isGone;
        // It keeps the keyboard while what it does is under way.
        return (
          <button
            key={id}
            type="button"
            className="jp-Button jp-mod-styled"
            title={caption}
            aria-disabled={!isUsable}
            onClick={isUsable ? () => void act() : undefined}
          >
            {label}
          </button>
        );
      })}
    </div>
  );
}

function Chart({
  model,
  trans
}: Pick<IRunViewProps, 'model' | 'trans'>): JSX.Element {
  const ref = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const chart = new LossChart({
      model: model.chart,
      trans,
      node: ref.current!
    });
    return () => chart.dispose();
  }, [model, trans]);
  return <div ref={ref} />;
}

function RunParts(props: IRunViewProps): JSX.Element {
  const { model, trans } = props;
  const { progress } = model;
  const view = model.view!;
  return (
    <Parts
      id={props.id}
      label={trans.__('Parts of the run')}
      onShow={part => {
        if (part === 'files' || part === 'configuration') {
          void model.refresh();
        }
      }}
      parts={[
        {
          id: 'samples',
          label: trans.__('Samples'),
          content: () => (
            <Samples
              samples={progress.samples}
              isOver={isOver(progress.state)}
              trans={trans}
            />
          )
        },
        {
          id: 'log',
          label: trans.__('Log'),
          content: () => <Log lines={progress.log} trans={trans} />
        },
        {
          id: 'configuration',
          label: trans.__('Configuration'),
          content: () => (
            <Configuration
              text={view.text}
              insertRun={props.insertRun}
              trans={trans}
            />
          )
        },
        {
          id: 'files',
          label: trans.__('Files'),
          content: () => <Files view={view} trans={trans} />
        }
      ]}
    />
  );
}

const LOAD_EXTENSION = '%load_ext llmtune_kernel';

/** What was asked for and has not come yet. */
function asked(model: RunModel, trans: TranslationBundle): string {
  switch (model.asked) {
    case 'pause':
      return trans.__('pauses after this step');
    case 'resume':
      return trans.__('goes on soon');
    case 'stop':
      return trans.__('saves and ends soon');
    case 'save':
      return trans.__('saves after this step');
    case 'sample':
      return trans.__('answers soon');
    case null:
      return '';
  }
}
