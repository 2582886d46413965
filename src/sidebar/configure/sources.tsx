import { closeIcon } from '@jupyterlab/ui-components';

import type { JSONValue } from '@lumino/coreutils';

import React, { useEffect, useRef, useState } from 'react';

import { CONTROLS } from './controls';
import type { IField, SimpleKind } from './fields';
import type { IMessage } from './messages';
import { DataPicker } from './pickers';
import { Remedies } from './remedies';
import { isObject } from './schema';
import {
  keyOfSource,
  nameOfSource,
  renamed,
  sourcesOf,
  valueOfSources,
  withSetting
} from './sourceLines';
import { ariaOf, idOf } from './state';
import type { IControl, Value } from './typed';
import { isSame, writeNames } from './typed';

/**
 * Where rows come from, a line a source.
 */
export function Sources(props: IControl): JSX.Element {
  const { id, field, state, value, isReadOnly } = props;
  const { trans } = state.context;
  const [typed, setTyped] = useState<JSONValue[] | null>(null);
  const list = useOwn(value, !Array.isArray(value));
  const wasAdded = useRef(false);
  const sources = sourcesOf(value);
  const lines =
    typed &&
    isSame(valueOfSources(typed, false), valueOfSources(sources, false))
      ? typed
      : sources;
  const shown = lines.length ? lines : [''];
  const idOfLine = (index: number) => (index ? `${id}__${index}` : id);
  useEffect(() => {
    if (wasAdded.current) {
      wasAdded.current = false;
      document.getElementById(idOfLine(shown.length - 1))?.focus();
    }
  });
  const change = (next: JSONValue[]) => {
    setTyped(next);
    props.onChange(list.own(valueOfSources(next, list.isOwn)));
  };
  const replace = (index: number, source: JSONValue) =>
    change(shown.map((other, at) => (at === index ? source : other)));
  const remove = (index: number) => {
    change(shown.filter((_, at) => at !== index));
    props.onDone();
  };
  const add = () => {
    wasAdded.current = true;
    setTyped([...shown, '']);
  };
  // Those that are not named yet are not written.
  const placeOf = (index: number) =>
    shown.slice(0, index).filter(source => source !== '').length;
  return (
    <div className="jp-llmtune-sources">
      {shown.map((source, index) => (
        <SourceLine
          key={index}
          control={{ ...props, id: idOfLine(index) }}
          source={source}
          place={keyOfSource(field.key, value, placeOf(index))}
          number={index + 1}
          count={shown.length}
          onChange={source => replace(index, source)}
          onRemove={() => remove(index)}
        />
      ))}
      {sources.length > 0 && (
        <button
          type="button"
          className="jp-Button jp-mod-styled"
          disabled={isReadOnly || shown.includes('')}
          aria-label={trans.__('Add a source: %1', field.title)}
          onClick={add}
        >
          {trans.__('Add a source')}
        </button>
      )}
    </div>
  );
}

type OnSet = (key: string, value: Value) => void;

interface ISourceLine {
  /** Of all sources. */
  control: IControl;
  source: JSONValue;
  /** The key that the problems of the source have. */
  place: string;
  number: number;
  count: number;
  onChange: (source: JSONValue) => void;
  onRemove: () => void;
}

function SourceLine(props: ISourceLine): JSX.Element {
  const { control, source, place, number, count } = props;
  const { id, field, state } = control;
  const { trans } = state.context;
  const isOnly = count === 1;
  const isAt = (inner: IField, keys: string[]) =>
    keys.includes(inner.path[inner.path.length - 1]);
  const settings = field.inner.filter(inner => !isAt(inner, ['source']));
  const inView = settings.filter(inner => !isOnly && isAt(inner, IN_VIEW));
  const others = settings.filter(
    inner =>
      !inView.includes(inner) &&
      // A weight weighs one source against others.
      (!isOnly || !isAt(inner, ['weight']) || settingOf(source, inner) !== null)
  );
  const isInList = place !== field.key;
  const messages = isInList ? (state.messages[place] ?? []) : [];
  const name = useOwn(source, !isObject(source));
  const set = (key: string, value: Value) =>
    props.onChange(name.own(withSetting(source, key, value, name.isOwn)));
  const label = trans.__('%1, source %2 of %3', field.title, number, count);
  const aria = isOnly
    ? control.aria
    : { ...ariaOf(id, field, messages), 'aria-label': label };
  if (source === null || (typeof source === 'object' && !isObject(source))) {
    return (
      <code title={trans.__('Edit it in the cell')}>
        {JSON.stringify(source)}
      </code>
    );
  }
  return (
    <div
      className={`jp-llmtune-source-line ${isOnly ? '' : 'jp-mod-many'}`}
      role="group"
      aria-label={trans.__('Source %1 of %2', number, count)}
    >
      <div className="jp-llmtune-source-name">
        <DataPicker
          {...control}
          field={isOnly ? field : { ...field, title: label }}
          value={nameOfSource(source)}
          aria={aria}
          onChange={name => props.onChange(renamed(source, name))}
        />
        {!isOnly && (
          <button
            type="button"
            className="jp-llmtune-icon"
            disabled={control.isReadOnly}
            aria-label={trans.__('Remove source %1', number)}
            onClick={props.onRemove}
          >
            <closeIcon.react tag="span" />
          </button>
        )}
      </div>
      {messages.length > 0 && <Messages id={id} messages={messages} />}
      {source !== '' && inView.length > 0 && (
        <div className="jp-llmtune-source-settings">
          {inView.map(inner => (
            <Setting
              key={inner.key}
              {...props}
              inner={inner}
              isShort
              onSet={set}
            />
          ))}
        </div>
      )}
      {source !== '' && others.length > 0 && (
        <Others {...props} others={others} onSet={set} />
      )}
    </div>
  );
}

/** What a source seldom needs, folded; its values stand on the fold. */
function Others(
  props: ISourceLine & { others: IField[]; onSet: OnSet }
): JSX.Element {
  const { control, source, others, place, onSet } = props;
  const { messages, context } = control.state;
  const { trans } = context;
  const written = others.flatMap(inner => {
    const value = settingOf(source, inner);
    return value === null ? [] : [[inner.title, value] as const];
  });
  const isWrong = others.some(
    inner => messages[placeOfSetting(place, inner)] !== undefined
  );
  const [isOpen, setOpen] = useState(false);
  // It stays open when what was wrong is mended.
  useEffect(() => {
    if (isWrong) {
      setOpen(true);
    }
  }, [isWrong]);
  return (
    <details
      className="jp-llmtune-names"
      open={isOpen}
      onToggle={event => setOpen(event.currentTarget.open)}
    >
      <summary>
        {written.length
          ? writeNames(Object.fromEntries(written))
          : trans.__('More about this source')}
      </summary>
      {isOpen && (
        <div>
          {others.map(inner => (
            <Setting key={inner.key} {...props} inner={inner} onSet={onSet} />
          ))}
        </div>
      )}
    </details>
  );
}

/** One setting of a source. */
function Setting(
  props: ISourceLine & { inner: IField; isShort?: boolean; onSet: OnSet }
): JSX.Element {
  const { control, source, place, inner, isShort, onSet } = props;
  const { state } = control;
  const key = inner.path[inner.path.length - 1];
  const id = `${control.id}__${key}`;
  const messages = state.messages[placeOfSetting(place, inner)] ?? [];
  const value = settingOf(source, inner) ?? undefined;
  const Control = CONTROLS[inner.kind as SimpleKind];
  return (
    <div className="jp-llmtune-source-setting">
      <label htmlFor={id} title={isShort ? inner.help : undefined}>
        {inner.title}
        {inner.unit && <span className="jp-llmtune-unit"> ({inner.unit})</span>}
      </label>
      <Control
        id={id}
        field={inner}
        state={state}
        value={value}
        isReadOnly={control.isReadOnly}
        aria={ariaOf(id, isShort ? { ...inner, help: '' } : inner, messages)}
        onChange={value => onSet(key, value)}
        onDone={control.onDone}
      />
      {messages.length > 0 && <Messages id={id} messages={messages} />}
      {!isShort && inner.help && (
        <div id={idOf(id, 'help')} className="jp-llmtune-help">
          {inner.help}
        </div>
      )}
    </div>
  );
}

function Messages(props: { id: string; messages: IMessage[] }): JSX.Element {
  const { id } = props;
  return (
    <div
      id={idOf(id, 'error')}
      className="jp-llmtune-field-error"
      aria-live="polite"
    >
      {props.messages.map(({ text, changes }) => (
        <div key={text}>
          {text}
          <Remedies
            remedies={changes}
            onTaken={() => document.getElementById(id)?.focus()}
          />
        </div>
      ))}
    </div>
  );
}

/**
 * Tell what the form itself wrote larger, which it may write small again, from what the user wrote so.
 *
 * @param isSmall - whether the value is small now.
 */
function useOwn(
  value: Value,
  isSmall: boolean
): { isOwn: boolean; own: <T extends Value>(next: T) => T } {
  const made = useRef<Value>(undefined);
  const isOwn =
    isSmall || (made.current !== undefined && isSame(made.current, value));
  return {
    isOwn,
    own: next => {
      made.current = isOwn ? next : undefined;
      return next;
    }
  };
}

/** Null if it is not written. */
function settingOf(source: JSONValue, { path }: IField): JSONValue | null {
  return isObject(source)
    ? ((source[path[path.length - 1]] as JSONValue | undefined) ?? null)
    : null;
}

function placeOfSetting(place: string, { path }: IField): string {
  return `${place}.${path[path.length - 1]}`;
}

/** What tells sources from each other. */
const IN_VIEW = ['weight', 'num_samples'];
