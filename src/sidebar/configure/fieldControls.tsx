import type { FieldProps } from '@rjsf/utils';

import React from 'react';

import { CONTROLS } from './controls';
import type { FieldKind, IField } from './fields';
import { ModelPicker } from './pickers';
import { Sources } from './sources';
import { ariaOf, useFormState } from './state';
import type { IControl } from './typed';

function control(
  Control: (props: IControl) => JSX.Element
): (props: FieldProps) => JSX.Element {
  return props => {
    const state = useFormState();
    const id = props.idSchema.$id;
    const field: IField | undefined = state.fields[props.uiSchema?.['ui:key']];
    // The form is one step behind when a variant of the method goes.
    if (!field) {
      return <></>;
    }
    return (
      <Control
        id={id}
        field={field}
        state={state}
        value={props.formData}
        isReadOnly={state.isReadOnly}
        aria={ariaOf(id, field, state.messages[field.key])}
        onChange={value => props.onChange(value)}
        onDone={() => state.model.edited.flush()}
      />
    );
  };
}

/**
 * The control of each kind of field, as rjsf draws it.
 */
export const FIELD_CONTROLS = Object.fromEntries(
  Object.entries({ ...CONTROLS, model: ModelPicker, data: Sources }).map(
    ([kind, Control]) => [kind, control(Control)]
  )
) as { [kind in FieldKind]: (props: FieldProps) => JSX.Element };
