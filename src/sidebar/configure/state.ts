import React from 'react';

import type { IConfigurationProblem } from '../../kernel/protocol';
import type { ISidebarContext } from '../context';
import type { IField, Values } from './fields';
import type { IMessage } from './messages';
import type { ConfigureModel } from './model';

/**
 * What the parts of the form share.
 */
export interface IFormState {
  context: ISidebarContext;
  model: ConfigureModel;
  /** By key. */
  fields: { [key: string]: IField };
  values: Values;
  /** What is wrong with each field, by key. */
  messages: { [key: string]: IMessage[] };
  isReadOnly: boolean;
  /** Whether the text stands in the place of the fields. */
  isText: boolean;
  /** Show the text, at a line if one is given, or the fields again. */
  showText: (isShown: boolean, line?: number) => void;
  /** The key of the field that is to be focused; null if none is. */
  sought: string | null;
  /** Bring the place of a problem into view: its field, or else its line. */
  seek: (problem: IConfigurationProblem) => void;
  /** What was sought is focused. */
  found: () => void;
}

/** rjsf draws anew only what its own data changes; the rest reaches the fields by this way. */
export const FormState = React.createContext<IFormState | null>(null);

export function useFormState(): IFormState {
  return React.useContext(FormState)!;
}

/** The id of the element that says something about a field. */
export function idOf(fieldId: string, what: 'help' | 'error'): string {
  return `${fieldId}__${what}`;
}

/** What says more about the control of a value, for its element. */
export function ariaOf(
  id: string,
  field: IField,
  messages: readonly IMessage[] = []
): React.AriaAttributes {
  const isInvalid = messages.length > 0;
  const described = [
    isInvalid ? idOf(id, 'error') : '',
    field.help ? idOf(id, 'help') : ''
  ];
  return {
    'aria-describedby': described.filter(Boolean).join(' ') || undefined,
    'aria-invalid': isInvalid || undefined,
    'aria-required': field.isRequired || undefined
  };
}
