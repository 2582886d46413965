import type { TranslationBundle } from '@jupyterlab/translation';

import type { JSONObject } from '@lumino/coreutils';

import React, { useEffect, useRef, useState } from 'react';

import type { ChartChoice } from '../chart/figure';
import { measure } from '../chart/wording';
import { count } from '../numbers';
import { FaultMessage } from '../sidebar/fault';
import { differences } from './differences';
import type { RunModel } from './model';
import { colorOf, OverlayChart } from './overlay';
import { sideBySide } from './samples';
import { fieldsByKey, titleOf, wordingOf } from './settings';
import { Notice } from './view';
import { watched } from './watched';
import { Wording } from './wording';

export interface ICompareProps {
  models: readonly RunModel[];
  /** What the chart begins with. */
  chart: ChartChoice;
  /** Of a configuration, in the user's language; null where it is not known yet. */
  schema: JSONObject | null;
  trans: TranslationBundle;
  /** Put a cell into the notebook and run it. */
  runCell?: (source: string) => void;
}

/**
 * Several runs side by side: losses, differences of their configurations, last samples.
 */
export function CompareView(props: ICompareProps): JSX.Element {
  const { models, trans } = props;
  const faults = models.filter(model => model.fault);
  return (
    <div className="jp-llmtune-run-body">
      <Notice model={models[0]} trans={trans} runCell={props.runCell} />
      {faults.map(model => (
        <FaultMessage key={model.run} fault={model.fault!} />
      ))}
      <Curves {...props} />
      <div className="jp-llmtune-compare-tables">
        <table>
          <Head models={models} label={trans._p('noun', 'Run')} />
          <tbody>
            <Outcomes models={models} trans={trans} />
          </tbody>
        </table>
        <h3>{trans.__('Differences of the configurations')}</h3>
        <Differences models={models} schema={props.schema} trans={trans} />
        <h3>{trans.__('Last samples')}</h3>
        <ComparedSamples models={models} trans={trans} />
      </div>
    </div>
  );
}

function Curves({ models, chart, trans }: ICompareProps): JSX.Element {
  const ref = useRef<HTMLDivElement>(null);
  const overlay = useRef<OverlayChart | null>(null);
  const [settings, setSettings] = useState(chart);
  const names = models.map(({ run }) => run).join();
  useEffect(() => {
    const curves = models.map(({ run, chart }) => ({
      name: run,
      data: chart.data
    }));
    const created = new OverlayChart(ref.current!, {
      curves,
      settings,
      trans,
      onChange: change => setSettings(chosen => ({ ...chosen, ...change }))
    });
    overlay.current = created;
    return () => created.dispose();
  }, [models, names, trans]);
  useEffect(() => {
    overlay.current!.settings = settings;
  }, [settings]);
  return <div ref={ref} className="jp-llmtune-chart" />;
}

function Head(props: {
  models: readonly RunModel[];
  label: string;
}): JSX.Element {
  return (
    <thead>
      <tr>
        <th scope="col">{props.label}</th>
        {props.models.map(({ run }, index) => (
          <th key={run} scope="col">
            <span
              className="jp-llmtune-swatch"
              style={{ background: `var(${colorOf(index)})` }}
            />
            {run}
          </th>
        ))}
      </tr>
    </thead>
  );
}

function Outcomes({
  models,
  trans
}: Pick<ICompareProps, 'models' | 'trans'>): JSX.Element {
  const wording = new Wording(trans);
  const rows: [string, (model: RunModel) => string][] = [
    [
      trans.__('State'),
      model => (model.view ? wording.state(model.state) : '')
    ],
    [
      trans.__('Step'),
      ({ progress: { metrics } }) =>
        metrics ? `${count(metrics.step)} / ${count(metrics.max_steps)}` : '–'
    ],
    [
      trans.__('Train loss'),
      ({ progress }) => measure(progress.metrics?.loss ?? null)
    ],
    ...watchedRows(models, trans),
    [
      trans.__('Eval loss'),
      ({ progress }) => measure(progress.evaluation?.loss ?? null)
    ],
    [
      trans.__('Duration'),
      ({ summary }) => (summary ? wording.duration(summary.duration) : '–')
    ]
  ];
  return (
    <>
      {rows.map(([label, value]) => (
        <tr key={label}>
          <th scope="row">{label}</th>
          {models.map(model => (
            <td key={model.run}>{value(model)}</td>
          ))}
        </tr>
      ))}
    </>
  );
}

/** Of runs with other objectives only some have a measure. */
function watchedRows(
  models: readonly RunModel[],
  trans: TranslationBundle
): [string, (model: RunModel) => string][] {
  const of = ({ progress }: RunModel) =>
    watched(progress.metrics?.measures, trans);
  const names = models.flatMap(model => of(model).map(({ name }) => name));
  return [...new Set(names)].map(name => [
    name[0].toUpperCase() + name.slice(1),
    model => measure(of(model).find(one => one.name === name)?.value ?? null)
  ]);
}

function Differences({
  models,
  schema,
  trans
}: Pick<ICompareProps, 'models' | 'schema' | 'trans'>): JSX.Element {
  const configs = models.map(({ config }) => config);
  if (configs.filter(config => config !== null).length < 2) {
    return <p>{trans.__('The configurations are not known yet.')}</p>;
  }
  const found = differences(configs);
  if (found.length === 0) {
    return <p>{trans.__('The configurations are the same.')}</p>;
  }
  const fields = fieldsByKey(schema ?? {}, configs);
  return (
    <table>
      <Head models={models} label={trans.__('Setting')} />
      <tbody>
        {found.map(({ key, values }) => (
          <tr key={key}>
            <th scope="row" className="jp-llmtune-compare-setting">
              {titleOf(key, fields)} <code>{key}</code>
            </th>
            {values.map((value, index) => (
              <td key={index}>{wordingOf(value, trans)}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function ComparedSamples({
  models,
  trans
}: Pick<ICompareProps, 'models' | 'trans'>): JSX.Element {
  const rows = sideBySide(models.map(({ progress }) => progress.samples));
  if (rows.length === 0) {
    return <p>{trans.__('None of these runs has samples.')}</p>;
  }
  return (
    <table>
      <Head models={models} label={trans.__('Prompt')} />
      <tbody>
        {rows.map(({ prompt, answers }) => (
          <tr key={prompt}>
            <th scope="row" className="jp-llmtune-compare-text">
              {prompt}
            </th>
            {answers.map((answer, index) => (
              <td key={index} className="jp-llmtune-compare-text">
                {answer ? (
                  <>
                    <small>{trans.__('Step %1', count(answer.step))}</small>
                    {answer.answer}
                  </>
                ) : (
                  '–'
                )}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
