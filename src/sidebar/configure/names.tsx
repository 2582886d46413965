import { HTMLSelect } from '@jupyterlab/ui-components';

import type { JSONObject } from '@lumino/coreutils';

import React from 'react';

import { isObject } from './schema';
import type { IControl, Value } from './typed';
import { writeNames } from './typed';

/**
 * A name for each of some known things: what a column is called, or a role.
 *
 * Where the columns of the data are known, they are offered.
 */
export function Names(props: IControl): JSX.Element {
  const { id, field, state, onChange } = props;
  const { trans } = state.context;
  const given: JSONObject = isObject(props.value) ? props.value : {};
  const known = field.key === COLUMNS ? state.model.columns : [];
  const summary = writeNames(given) || trans.__('none');
  const rename = (thing: string, name: Value) => {
    const next = { ...given };
    if (name === undefined) {
      delete next[thing];
    } else {
      next[thing] = name;
    }
    onChange(Object.keys(next).length ? next : undefined);
  };
  return (
    <details className="jp-llmtune-names">
      <summary id={id} aria-label={trans.__('%1: %2', field.title, summary)}>
        {summary}
      </summary>
      <div role="group" aria-label={field.title} {...props.aria}>
        {field.choices.map(String).map(thing => {
          const row = {
            thing,
            label: trans.__('%1: %2', field.title, thing),
            name: given[thing] as Value,
            onName: (name: Value) => rename(thing, name)
          };
          return known.length ? (
            <Column key={thing} control={props} known={known} {...row} />
          ) : (
            <Word key={thing} control={props} {...row} />
          );
        })}
      </div>
    </details>
  );
}

interface IRow {
  control: IControl;
  thing: string;
  /** What is read to those who do not see it. */
  label: string;
  /** Null if it has none although there is one; undefined if none is given. */
  name: Value;
  onName: (name: Value) => void;
}

/** One of the columns of the data. */
function Column({
  control,
  known,
  thing,
  label,
  name,
  onName
}: IRow & { known: readonly string[] }): JSX.Element {
  const { trans } = control.state.context;
  const other = typeof name === 'string' && !known.includes(name) ? [name] : [];
  return (
    <label>
      <span>{thing}</span>
      <HTMLSelect
        className={name === undefined ? 'jp-mod-default' : ''}
        defaultStyle={false}
        disabled={control.isReadOnly}
        aria-label={label}
        value={name === undefined ? '' : JSON.stringify(name)}
        onChange={({ target }) => {
          const chosen = target.value;
          onName(chosen === '' ? undefined : JSON.parse(chosen));
          control.onDone();
        }}
      >
        <option value="">{trans.__('%1 (default)', thing)}</option>
        {[...known, ...other].map(column => (
          <option key={column} value={JSON.stringify(column)}>
            {column}
          </option>
        ))}
        <option value="null">{trans.__('not read')}</option>
      </HTMLSelect>
    </label>
  );
}

function Word({ control, thing, label, name, onName }: IRow): JSX.Element {
  const { trans } = control.state.context;
  const unnamed = control.field.key === COLUMNS ? thing : '';
  return (
    <label>
      <span>{thing}</span>
      <input
        className="jp-mod-styled"
        type="text"
        spellCheck={false}
        readOnly={control.isReadOnly}
        aria-label={label}
        placeholder={name === null ? trans.__('not read') : unnamed}
        value={typeof name === 'string' ? name : ''}
        onChange={({ target }) => onName(target.value || undefined)}
        onBlur={control.onDone}
      />
    </label>
  );
}

const COLUMNS = 'data.columns';
