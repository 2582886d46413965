import type { TranslationBundle } from '@jupyterlab/translation';

import React from 'react';

import { count } from '../numbers';
import { FaultMessage } from '../sidebar/fault';
import type { InspectorModel } from './model';

/**
 * Above the rows: search, filter, and what can be done with the rows that are left.
 */
export function Bar(props: Bar.IProps): JSX.Element {
  const { exclude, model, saveFile, saveVariable, trans } = props;
  const excluded = model.view.excluded?.length ?? 0;
  const fault = model.filterFault;
  return (
    <div className="jp-llmtune-inspector-bar">
      <div className="jp-llmtune-inspector-tools">
        <Search model={model} trans={trans} />
        <Filter model={model} trans={trans} />
        <button
          type="button"
          className="jp-Button jp-mod-styled"
          disabled={model.chosenRow === null}
          title={trans.__('The selected rows; key Delete')}
          onClick={exclude}
        >
          {trans.__('Leave Out')}
        </button>
        {excluded > 0 && (
          <button
            type="button"
            className="jp-Button jp-mod-styled"
            onClick={() => model.look({ excluded: [] })}
          >
            {trans.__('Bring Back %1', count(excluded))}
          </button>
        )}
        <button
          type="button"
          className="jp-Button jp-mod-styled"
          disabled={!model.canSave}
          onClick={saveVariable}
        >
          {trans.__('Save as Variable…')}
        </button>
        <button
          type="button"
          className="jp-Button jp-mod-styled"
          disabled={!model.canSave}
          onClick={saveFile}
        >
          {trans.__('Save as File…')}
        </button>
      </div>
      {fault && (
        <>
          <FaultMessage fault={{ ...fault, where: '' }} />
          <p className="jp-llmtune-hint">{columnsText(model, trans)}</p>
        </>
      )}
      {model.fault && <FaultMessage fault={model.fault} />}
      {model.message && <p role="status">{model.message}</p>}
      {model.pages && model.pages.leftOut.length > 0 && (
        <p role="status">
          {trans.__(
            'Left out, since their values cannot be kept: %1',
            model.pages.leftOut.join(', ')
          )}
        </p>
      )}
      {model.hasChanged && (
        <Notice
          text={trans.__('The data have changed since they were read.')}
          label={trans.__('Read Again')}
          onClick={() => model.reload()}
        />
      )}
      {model.isInVain && (
        <Notice
          text={trans.__('No row fits the search and the filter.')}
          label={trans.__('Show All Rows')}
          onClick={() => model.look({ search: '', filter: '' })}
        />
      )}
      {model.broughtBack > 0 && (
        <p role="status">
          {trans._n(
            '%1 row is no longer left out: the data have changed there.',
            '%1 rows are no longer left out: the data have changed there.',
            model.broughtBack,
            count(model.broughtBack)
          )}
        </p>
      )}
      <p className="jp-llmtune-hint" role="status">
        {progress(model, trans)}
      </p>
    </div>
  );
}

export namespace Bar {
  export interface IProps {
    model: InspectorModel;
    trans: TranslationBundle;
    /** Leave out the selected rows. */
    exclude: () => void;
    saveVariable: () => void;
    saveFile: () => void;
  }
}

/** Something to know, and what to do about it. */
function Notice(props: {
  text: string;
  label: string;
  onClick: () => void;
}): JSX.Element {
  return (
    <div className="jp-llmtune-inspector-notice" role="status">
      <span>{props.text}</span>
      <button
        type="button"
        className="jp-Button jp-mod-styled"
        onClick={props.onClick}
      >
        {props.label}
      </button>
    </div>
  );
}

/** Looks as soon as typing pauses. */
function Search(props: {
  model: InspectorModel;
  trans: TranslationBundle;
}): JSX.Element {
  const { model, trans } = props;
  const { search = '' } = model.view;
  const [text, setText] = React.useState(search);
  React.useEffect(() => setText(search), [search]);
  React.useEffect(() => {
    if (text === search) {
      return;
    }
    const timer = window.setTimeout(() => model.look({ search: text }), PAUSE);
    return () => window.clearTimeout(timer);
  }, [text]);
  return (
    <input
      type="search"
      className="jp-mod-styled"
      value={text}
      aria-label={trans.__('Search')}
      placeholder={trans.__('Search in all columns')}
      onChange={event => setText(event.target.value)}
    />
  );
}

/** Takes a condition on Enter, or when the user goes elsewhere. */
function Filter(props: {
  model: InspectorModel;
  trans: TranslationBundle;
}): JSX.Element {
  const { model, trans } = props;
  const { filter = '' } = model.view;
  const [text, setText] = React.useState(filter);
  React.useEffect(() => setText(filter), [filter]);
  const apply = () => {
    if (text !== filter) {
      model.look({ filter: text });
    }
  };
  return (
    <input
      type="text"
      className="jp-mod-styled jp-llmtune-inspector-filter"
      value={text}
      spellCheck={false}
      aria-label={trans.__('Filter')}
      aria-invalid={model.filterFault !== null}
      placeholder={trans.__('SQL condition, such as %1', example(model))}
      title={trans.__(
        'A condition of DuckDB SQL over the columns; %1 is the number of a row',
        '_row'
      )}
      onChange={event => setText(event.target.value)}
      onBlur={apply}
      onKeyDown={event => {
        if (event.key === 'Enter') {
          apply();
        }
      }}
    />
  );
}

/** The columns as a filter names them. */
function columnsText(model: InspectorModel, trans: TranslationBundle): string {
  const columns = model.pages?.state?.columns ?? [];
  return trans.__('Columns: %1', columns.map(({ sql }) => sql).join(', '));
}

/** A condition that fits the rows. */
function example(model: InspectorModel): string {
  const columns = model.pages?.state?.columns ?? [];
  const number = columns.find(
    ({ kind }) => kind === 'integer' || kind === 'number'
  );
  const name = (number ?? columns[0])?.sql ?? 'text';
  return number ? `${name} > 10` : `length(${name}) > 100`;
}

/** How many rows there are, and whether there may be more. */
function progress(model: InspectorModel, trans: TranslationBundle): string {
  const { pages } = model;
  const state = pages?.state;
  if (!pages || pages.fault) {
    return '';
  }
  if (!state) {
    return trans.__('Opening the data…');
  }
  if (pages.isOld) {
    return trans.__('Searching…');
  }
  const [matching, rows] = [state.matching, state.rows].map(count);
  const shown =
    state.matching === state.rows
      ? trans._n('%2 row', '%2 rows', state.rows, rows)
      : trans._n('%2 of %3 row', '%2 of %3 rows', state.rows, matching, rows);
  return !state.is_whole
    ? trans.__('%1, reading on…', shown)
    : !state.is_done
      ? trans.__('%1, searching on…', shown)
      : shown;
}

/** In milliseconds. */
const PAUSE = 300;
