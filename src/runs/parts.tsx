import type { TranslationBundle } from '@jupyterlab/translation';

import React, { useState } from 'react';

import type { IRunView } from '../kernel/protocol';
import { count, size } from '../numbers';
import type { ILogLine, IToldSample } from './progress';
import { promptText } from './samples';
import { clock } from './wording';

export interface IPart {
  id: string;
  label: string;
  content: () => JSX.Element;
}

/**
 * Tabs, of which one is shown; the arrow keys go from one to the next.
 */
export function Parts(props: {
  id: string;
  label: string;
  parts: IPart[];
  /** The one that is shown at first; by default the first one. */
  first?: string;
  onShow: (id: string) => void;
}): JSX.Element {
  const { parts } = props;
  const [shown, setShown] = useState(props.first ?? parts[0].id);
  const show = (index: number) => {
    const { id } = parts[(index + parts.length) % parts.length];
    setShown(id);
    props.onShow(id);
    document.getElementById(`${props.id}-${id}-tab`)?.focus();
  };
  const onKeyDown = (event: React.KeyboardEvent) => {
    const index = parts.findIndex(({ id }) => id === shown);
    const target = {
      ArrowRight: index + 1,
      ArrowLeft: index - 1,
      Home: 0,
      End: parts.length - 1
    }[event.key];
    if (target !== undefined) {
      event.preventDefault();
      show(target);
    }
  };
  return (
    <div className="jp-llmtune-parts">
      <div role="tablist" aria-label={props.label} onKeyDown={onKeyDown}>
        {parts.map(({ id, label }, index) => (
          <button
            key={id}
            type="button"
            role="tab"
            id={`${props.id}-${id}-tab`}
            aria-selected={id === shown}
            aria-controls={`${props.id}-panel`}
            tabIndex={id === shown ? 0 : -1}
            onClick={() => show(index)}
          >
            {label}
          </button>
        ))}
      </div>
      <div
        role="tabpanel"
        id={`${props.id}-panel`}
        aria-labelledby={`${props.id}-${shown}-tab`}
        tabIndex={0}
      >
        {parts.find(({ id }) => id === shown)?.content()}
      </div>
    </div>
  );
}

export function Samples(props: {
  samples: readonly IToldSample[];
  /** Whether no more will come. */
  isOver: boolean;
  trans: TranslationBundle;
}): JSX.Element {
  const { samples, isOver, trans } = props;
  if (samples.length === 0) {
    return (
      <p>
        {isOver
          ? trans.__('The run ended without samples.')
          : trans.__(
              'No samples yet. Prompts of the section “samples” are answered while the run goes on.'
            )}
      </p>
    );
  }
  return (
    <>
      {[...samples].reverse().map((sample, index) => (
        <section key={samples.length - index}>
          <h3>
            {trans.__('Step %1', count(sample.step))}{' '}
            <small>
              {sample.request === null
                ? clock(sample.time)
                : trans.__('%1, asked for', clock(sample.time))}
            </small>
          </h3>
          <dl className="jp-llmtune-samples">
            {sample.answers.map(({ prompt, answer }, row) => (
              <React.Fragment key={row}>
                <dt>{promptText(prompt)}</dt>
                <dd>{answer}</dd>
              </React.Fragment>
            ))}
          </dl>
        </section>
      ))}
    </>
  );
}

export function Log(props: {
  lines: readonly ILogLine[];
  trans: TranslationBundle;
}): JSX.Element {
  const { lines, trans } = props;
  return lines.length === 0 ? (
    <p>{trans.__('Nothing was logged yet.')}</p>
  ) : (
    <div className="jp-llmtune-log">
      {lines.map(({ seq, time, level, message }) => (
        <div
          key={seq}
          className={level === 'warning' ? 'jp-mod-warning' : undefined}
        >
          {clock(time)}{' '}
          {level === 'warning' ? trans.__('Warning: %1', message) : message}
        </div>
      ))}
    </div>
  );
}

export function Configuration(props: {
  text: string;
  insertRun?: (text: string) => void;
  trans: TranslationBundle;
}): JSX.Element {
  const { text, insertRun, trans } = props;
  return (
    <>
      {insertRun && (
        <button
          type="button"
          className="jp-Button jp-mod-styled"
          disabled={!text}
          onClick={() => insertRun(text)}
        >
          {trans.__('Insert as cell')}
        </button>
      )}
      <pre>{text}</pre>
    </>
  );
}

export function Files(props: {
  view: IRunView;
  trans: TranslationBundle;
}): JSX.Element {
  const { view, trans } = props;
  return (
    <>
      <p>
        <code>{view.directory}</code>
      </p>
      <table>
        <thead>
          <tr>
            <th scope="col">{trans.__('File')}</th>
            <th scope="col" className="jp-llmtune-number">
              {trans.__('Size')}
            </th>
          </tr>
        </thead>
        <tbody>
          {view.files.map(file => (
            <tr key={file.path}>
              <td>{file.path}</td>
              <td className="jp-llmtune-number">{size(file.size, trans)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}
