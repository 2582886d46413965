import { faultText } from '../../kernel/error';
import type { IConfigurationProblem, IFault } from '../../kernel/protocol';
import type { IField, Values } from './fields';
import { keyOfFault } from './messages';
import type { INote, PickedData } from './picked';
import { namesOf } from './sourceLines';

/**
 * What fields name, and what is known of that.
 */
export interface INamed {
  fields: IField[];
  values: Values;
  picked: PickedData;
}

/** What is to say of the data that a field names, each with the key that problems of it have. */
export function notesOn(
  field: IField,
  values: Values,
  picked: PickedData
): (INote & { key: string })[] {
  const names = field.kind === 'data' ? namesOf(field, values) : [];
  return names.flatMap(({ key, name }) => {
    const note = picked.note(name);
    return note ? [{ ...note, key }] : [];
  });
}

/**
 * The problems of fields that name what is not there, or cannot be used.
 *
 * @param problems - what is wrong besides, which is not said twice.
 * @param fault - what the kernel found when it looked at the data.
 */
export function notFound(
  { fields, values, picked }: INamed,
  problems: readonly IConfigurationProblem[],
  fault: IFault | null
): IConfigurationProblem[] {
  const faulty = fault && keyOfFault(fields, values, fault);
  // The kernel, which looked at the data, knows better what is wrong with them.
  const said = faulty
    ? [
        {
          key: faulty,
          text: faultText(fault),
          changes: fault.changes ?? []
        }
      ]
    : [];
  const known = [faulty, ...problems.map(problem => problem.key)];
  const gone = fields
    .flatMap(field => notesOn(field, values, picked))
    .filter(({ key, isAcceptable }) => !isAcceptable && !known.includes(key))
    .map(({ key, text }) => ({ key, text, changes: [] }));
  return [...said, ...gone].map(({ key, text, changes }) => ({
    line: null,
    key,
    message: text,
    hint: '',
    changes
  }));
}
