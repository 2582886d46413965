import type { TranslationBundle } from '@jupyterlab/translation';

import React, { useEffect, useId, useState } from 'react';

import type { PlaygroundModel } from './model';
import type { ISamplingSettings } from './settings';

/**
 * How answers are drawn.
 */
export function Sampling(props: {
  model: PlaygroundModel;
  trans: TranslationBundle;
  /** Where the longest answer is set. */
  lengthField: React.Ref<HTMLInputElement>;
}): JSX.Element {
  const { model, trans } = props;
  const { settings } = model;
  const change = (part: Partial<ISamplingSettings>) => {
    model.settings = { ...settings, ...part };
  };
  const number = (
    key: Exclude<keyof ISamplingSettings, 'system'>,
    label: string,
    bounds: IBounds,
    field?: React.Ref<HTMLInputElement>
  ) => (
    <NumberField
      label={label}
      value={settings[key]}
      bounds={bounds}
      trans={trans}
      field={field}
      onChange={value => change({ [key]: value })}
    />
  );
  return (
    <details
      onToggle={({ currentTarget }) => {
        if (currentTarget.open) {
          currentTarget.scrollIntoView?.({ block: 'nearest' });
        }
      }}
    >
      <summary>{trans.__('Sampling')}</summary>
      <div className="jp-llmtune-sampling">
        {number('temperature', trans.__('Temperature'), {
          min: 0,
          max: 2,
          step: 0.1
        })}
        {number(
          'max_new_tokens',
          trans.__('Answer length (tokens)'),
          { min: 1, step: 1 },
          props.lengthField
        )}
        {settings.temperature > 0 && (
          <>
            {number('top_p', trans.__('Top p'), {
              min: 0.01,
              max: 1,
              step: 0.01
            })}
            {number('top_k', trans.__('Top k'), { min: 0, step: 1 })}
          </>
        )}
        {number('repetition_penalty', trans.__('Repetition penalty'), {
          min: 0.1,
          step: 0.05
        })}
        <label>
          <span>{trans.__('System prompt')}</span>
          <textarea
            className="jp-mod-styled"
            rows={2}
            value={settings.system}
            onChange={event => change({ system: event.target.value })}
          />
        </label>
      </div>
    </details>
  );
}

interface IBounds {
  min: number;
  max?: number;
  /** Of the arrows; a whole step takes whole numbers only. */
  step: number;
}

/** A number as it is typed: until it is one within its bounds, the last that was stays in force. */
function NumberField(props: {
  label: string;
  value: number;
  bounds: IBounds;
  trans: TranslationBundle;
  field?: React.Ref<HTMLInputElement>;
  onChange: (value: number) => void;
}): JSX.Element {
  const { bounds, label, onChange, trans, value } = props;
  const id = useId();
  const [text, setText] = useState(String(value));
  // A value that came from elsewhere is shown; one that was typed stays as it was typed.
  useEffect(() => {
    setText(text => (Number(text) === value && text ? text : String(value)));
  }, [value]);
  const fault = faultOf(text, bounds, trans);
  return (
    <label>
      <span>{label}</span>
      <input
        ref={props.field}
        className="jp-mod-styled"
        type="number"
        {...bounds}
        value={text}
        aria-invalid={fault !== ''}
        aria-describedby={fault ? id : undefined}
        onChange={event => {
          setText(event.target.value);
          if (!faultOf(event.target.value, bounds, trans)) {
            onChange(Number(event.target.value));
          }
        }}
        onBlur={() => {
          if (fault) {
            setText(String(value)); // that is in force
          }
        }}
      />
      {fault && (
        <span id={id} className="jp-llmtune-field-error" role="alert">
          {fault}
        </span>
      )}
    </label>
  );
}

/** What is wrong with a number; empty if nothing is. */
export function faultOf(
  text: string,
  { min, max, step }: IBounds,
  trans: TranslationBundle
): string {
  const value = Number(text);
  if (!text.trim() || !Number.isFinite(value)) {
    return trans.__('Type a number.');
  }
  if (step === 1 && !Number.isInteger(value)) {
    return trans.__('Type a whole number.');
  }
  if (value < min) {
    return trans.__('At least %1.', min);
  }
  return max !== undefined && value > max ? trans.__('At most %1.', max) : '';
}
