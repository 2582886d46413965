import { closeIcon, HTMLSelect } from '@jupyterlab/ui-components';

import type { JSONValue } from '@lumino/coreutils';

import React, { useState } from 'react';

import type { SimpleKind } from './fields';
import { Names } from './names';
import { isObject } from './schema';
import type { IControl, ITyped } from './typed';
import {
  isSame,
  placeholder,
  readNumber,
  readText,
  readWords,
  readYaml,
  useTyped,
  withoutEmpty,
  writeText,
  writeWords,
  writeYaml
} from './typed';
import { textOf } from './wording';

function Text(props: IControl): JSX.Element {
  return <Line {...props} typed={useTyped(props, readText, writeText)} />;
}

/** Not an input of type number: that would swallow what is no number, and knows no `auto`. */
function Number_(props: IControl): JSX.Element {
  const typed = useTyped(props, readNumber, writeText);
  return <Line {...props} typed={typed} inputMode="decimal" />;
}

function Words(props: IControl): JSX.Element {
  const { keywords } = props.field;
  const typed = useTyped(props, text => readWords(text, keywords), writeWords);
  return <Line {...props} typed={typed} />;
}

function LongText(props: IControl): JSX.Element {
  return <Lines {...props} typed={useTyped(props, readText, writeText)} />;
}

function Yaml(props: IControl): JSX.Element {
  return (
    <Lines {...props} typed={useTyped(props, readYaml, writeYaml)} isYaml />
  );
}

/** What is no map of names, or is given for things that are not known, stays YAML. */
function NamesOrYaml(props: IControl): JSX.Element {
  const { field, value } = props;
  const isKnown =
    value === undefined ||
    (isObject(value) &&
      Object.keys(value).every(thing => field.choices.includes(thing)));
  return isKnown ? <Names {...props} /> : <Yaml {...props} />;
}

function Line(
  props: IControl & { typed: ITyped; inputMode?: 'decimal' }
): JSX.Element {
  return (
    <input
      id={props.id}
      className="jp-mod-styled"
      type="text"
      inputMode={props.inputMode}
      readOnly={props.isReadOnly}
      placeholder={placeholder(props.field, props.state)}
      spellCheck={false}
      {...props.typed}
      {...props.aria}
    />
  );
}

function Lines(
  props: IControl & { typed: ITyped; isYaml?: boolean }
): JSX.Element {
  return (
    <textarea
      id={props.id}
      className={`jp-mod-styled ${props.isYaml ? 'jp-llmtune-yaml' : ''}`}
      rows={2}
      readOnly={props.isReadOnly}
      placeholder={placeholder(props.field, props.state)}
      spellCheck={!props.isYaml}
      {...props.typed}
      {...props.aria}
    />
  );
}

function Flag(props: IControl): JSX.Element {
  const { id, field, value } = props;
  return (
    <input
      id={id}
      type="checkbox"
      disabled={props.isReadOnly}
      checked={(value ?? field.fallback) === true}
      onChange={event => props.onChange(event.target.checked)}
      {...props.aria}
    />
  );
}

function Choice(props: IControl): JSX.Element {
  const { field, state, value } = props;
  const { trans } = state.context;
  const chosen = value ?? field.fallback;
  const isKnown = field.choices.some(choice => isSame(choice, chosen));
  const choices =
    isKnown || chosen === undefined || chosen === null
      ? field.choices
      : [chosen, ...field.choices];
  return (
    <HTMLSelect
      id={props.id}
      className={isSame(chosen, field.fallback) ? 'jp-mod-default' : ''}
      defaultStyle={false}
      disabled={props.isReadOnly}
      value={JSON.stringify(chosen ?? null)}
      onChange={event => props.onChange(JSON.parse(event.target.value))}
      {...props.aria}
    >
      {(chosen === undefined || chosen === null) && (
        <option value="null">{trans.__('none')}</option>
      )}
      {choices.map(choice => (
        <option key={JSON.stringify(choice)} value={JSON.stringify(choice)}>
          {isSame(choice, field.fallback)
            ? trans.__('%1 (default)', textOf(choice, trans))
            : textOf(choice, trans)}
        </option>
      ))}
    </HTMLSelect>
  );
}

function Checks(props: IControl): JSX.Element {
  const { field, state, value } = props;
  const chosen = Array.isArray(value) ? value : [];
  const toggle = (choice: JSONValue, isOn: boolean) => {
    const others = chosen.filter(other => !isSame(other, choice));
    const next = isOn ? [...others, choice] : others;
    props.onChange(next.length ? next : undefined);
  };
  return (
    <div id={props.id} role="group" aria-label={field.title} {...props.aria}>
      {field.choices.map(choice => (
        <label key={JSON.stringify(choice)} className="jp-llmtune-check">
          <input
            type="checkbox"
            disabled={props.isReadOnly}
            checked={chosen.some(other => isSame(other, choice))}
            onChange={event => toggle(choice, event.target.checked)}
          />
          {textOf(choice, state.context.trans)}
        </label>
      ))}
    </div>
  );
}

/** Texts below each other; the last is empty and waits for the next. */
function Texts(props: IControl): JSX.Element {
  const { id, field, state, value, onChange } = props;
  const { trans } = state.context;
  const [typed, setTyped] = useState<JSONValue[] | null>(null);
  const items = Array.isArray(value) ? value : [];
  const shown =
    typed && isSame(withoutEmpty(typed), withoutEmpty(items)) ? typed : items;
  const change = (next: JSONValue[]) => {
    setTyped(next);
    const filled = withoutEmpty(next);
    onChange(filled.length ? filled : undefined);
  };
  const done = () => {
    setTyped(null);
    props.onDone();
  };
  return (
    <div className="jp-llmtune-texts">
      {[...shown, ''].map((item, index) => (
        <div key={index}>
          {typeof item === 'string' ? (
            <textarea
              id={index === 0 ? id : undefined}
              className="jp-mod-styled"
              rows={1}
              readOnly={props.isReadOnly}
              aria-label={trans.__('%1, number %2', field.title, index + 1)}
              placeholder={index === shown.length ? trans.__('Add one') : ''}
              value={item}
              onChange={event =>
                change([
                  ...shown.slice(0, index),
                  event.target.value,
                  ...shown.slice(index + 1)
                ])
              }
              onBlur={done}
              {...props.aria}
            />
          ) : (
            <code title={trans.__('Edit it in the cell')}>
              {JSON.stringify(item)}
            </code>
          )}
          {index < shown.length && (
            <button
              type="button"
              className="jp-llmtune-icon"
              disabled={props.isReadOnly}
              aria-label={trans.__('Remove number %1', index + 1)}
              onClick={() => change(shown.filter((_, at) => at !== index))}
            >
              <closeIcon.react tag="span" />
            </button>
          )}
        </div>
      ))}
    </div>
  );
}

/**
 * The control of each kind of value that is entered in one place.
 */
export const CONTROLS: {
  [kind in SimpleKind]: (props: IControl) => JSX.Element;
} = {
  choice: Choice,
  flag: Flag,
  number: Number_,
  text: Text,
  longText: LongText,
  texts: Texts,
  words: Words,
  checks: Checks,
  names: NamesOrYaml,
  yaml: Yaml
};
