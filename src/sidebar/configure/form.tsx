import { FormComponent } from '@jupyterlab/ui-components';

import type { JSONObject, ReadonlyJSONObject } from '@lumino/coreutils';

import type {
  FieldTemplateProps,
  ObjectFieldTemplateProps,
  RJSFSchema,
  ValidatorType
} from '@rjsf/utils';

import React, { useEffect, useMemo } from 'react';

import { FIELD_CONTROLS } from './fieldControls';
import type { FieldKind, IField } from './fields';
import { isChanged } from './fields';
import { changesOf, formDataOf, formOf } from './formData';
import { Remedies } from './remedies';
import { idOf, useFormState } from './state';
import { defaultOf } from './wording';

/**
 * Fields, drawn by rjsf with our own templates: its own need more than 250 pixels.
 */
export function Fields(props: { name: string; fields: IField[] }): JSX.Element {
  const { name, fields } = props;
  const { model, values, isReadOnly } = useFormState();
  const keys = fields.map(({ key, kind }) => `${key} ${kind}`).join();
  const form = useMemo(() => formOf(fields), [keys]);
  const before = formDataOf(fields, values);
  return (
    <FormComponent
      tagName="div"
      idPrefix={`jp-llmtune-${name}`}
      schema={form.schema as RJSFSchema}
      uiSchema={form.uiSchema}
      formData={before}
      validator={VALIDATOR}
      noValidate
      showErrorList={false}
      readonly={isReadOnly}
      fields={FIELD_CONTROLS as any}
      templates={TEMPLATES as any}
      onChange={({ formData }) => {
        const changes = changesOf(fields, before, formData as JSONObject);
        const isTyped = fields.some(
          ({ kind, path }) =>
            !AT_ONCE.includes(kind) &&
            changes.some(change => change.path.join() === path.join())
        );
        model.change(changes, isTyped);
      }}
    />
  );
}

function FieldTemplate(props: FieldTemplateProps): JSX.Element {
  const { id, label, rawDescription, children, uiSchema } = props;
  const state = useFormState();
  const field = state.fields[uiSchema?.['ui:key']];
  const isSought = field !== undefined && field.key === state.sought;
  useEffect(() => {
    if (isSought) {
      reach(document.getElementById(id));
      state.found();
    }
  }, [isSought]);
  if (!field) {
    return children;
  }
  const { trans } = state.context;
  const errors = state.messages[field.key] ?? [];
  const changed = isChanged(field, state.values);
  const note = state.model.noteOn(field);
  // The button goes: who came by keyboard stays at the field.
  const focusField = () => document.getElementById(id)?.focus();
  const reset = () => {
    state.model.change([{ path: field.path, value: undefined }]);
    focusField();
  };
  const accept = () => {
    state.model.accept(field);
    focusField();
  };
  return (
    <div
      className={[
        'jp-llmtune-field',
        changed ? 'jp-mod-changed' : '',
        field.kind === 'flag' ? 'jp-mod-flag' : ''
      ].join(' ')}
      data-key={field.key}
    >
      <div className="jp-llmtune-field-head">
        <label htmlFor={id}>
          {label}
          {field.unit && (
            <span className="jp-llmtune-unit"> ({field.unit})</span>
          )}
        </label>
        {changed && !field.isRequired && (
          <button
            type="button"
            className="jp-llmtune-reset"
            disabled={state.isReadOnly}
            title={trans.__(
              'Changed; the default is %1',
              defaultOf(field, trans)
            )}
            aria-label={trans.__('Reset %1', label)}
            onClick={reset}
          >
            {trans.__('Reset')}
          </button>
        )}
      </div>
      {children}
      {errors.length > 0 && (
        <div
          id={idOf(id, 'error')}
          className="jp-llmtune-field-error"
          aria-live="polite"
        >
          {errors.map(({ text, changes }) => (
            <div key={text}>
              {text}
              <Remedies remedies={changes} said={text} onTaken={focusField} />
            </div>
          ))}
        </div>
      )}
      {note && (
        <div className="jp-llmtune-help" role="status">
          {note}{' '}
          <button
            type="button"
            className="jp-Button jp-mod-styled"
            onClick={accept}
          >
            {trans.__('Take it so')}
          </button>
        </div>
      )}
      {rawDescription && (
        <div id={idOf(id, 'help')} className="jp-llmtune-help">
          {rawDescription}
        </div>
      )}
    </div>
  );
}

/** Show a control, and focus it, or the first of a group; where a field has several, the one that is wrong. */
function reach(control: HTMLElement | null): void {
  const field = control?.closest('[data-key]');
  const wrong = field?.querySelector<HTMLElement>(
    ':is(input, select, textarea)[aria-invalid="true"]'
  );
  const first = control?.querySelector<HTMLElement>('input, select, textarea');
  const found = wrong ?? first ?? control;
  found?.scrollIntoView({ block: 'center' });
  found?.focus();
}

function ObjectFieldTemplate(props: ObjectFieldTemplateProps): JSX.Element {
  return <>{props.properties.map(property => property.content)}</>;
}

/** rjsf asks for one; what is valid, the kernel says. */
const VALIDATOR: ValidatorType<ReadonlyJSONObject> = {
  isValid: () => true,
  rawValidation: () => ({}),
  toErrorList: () => [],
  validateFormData: () => ({ errors: [], errorSchema: {} })
};

const TEMPLATES = { FieldTemplate, ObjectFieldTemplate };

/** Kinds of which each change is whole. */
const AT_ONCE: FieldKind[] = ['choice', 'flag', 'checks'];
