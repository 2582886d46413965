import type { IConfigurationProblem, IFault } from '../../kernel/protocol';
import type { FieldKind, IField, Values } from './fields';
import { valueOf } from './fields';

/** A problem as the kernel says it, without its place. */
export function sentence({ message, hint }: IConfigurationProblem): string {
  return hint ? `${message}; ${hint}` : message;
}

/**
 * What is wrong with the value of each field, by key.
 */
export function messagesOf(
  fields: IField[],
  problems: readonly IConfigurationProblem[]
): { [key: string]: string[] } {
  const messages: { [key: string]: string[] } = {};
  for (const problem of problems) {
    const field = fieldOfProblem(fields, problem.key);
    if (field) {
      const others = messages[field.key] ?? [];
      messages[field.key] = [...others, sentence(problem)];
    }
  }
  return messages;
}

/**
 * The field that a problem of the kernel is about.
 *
 * @param key - dotted, such as `samples.prompts[1]`, or only a section.
 */
export function fieldOfProblem(
  fields: IField[],
  key: string
): IField | undefined {
  const main = MAIN_FIELDS[key] ?? key;
  return fields.find(
    field =>
      field.key === main ||
      (field.path.length > 1 &&
        (main.startsWith(`${field.key}[`) || main.startsWith(`${field.key}.`)))
  );
}

/**
 * The field that a fault of the kernel is about: the one that it names, or whose value it names.
 */
export function fieldOfFault(
  fields: IField[],
  values: Values,
  { where, fix }: IFault
): IField | undefined {
  const [key] = where.split(':');
  const picked = fields.filter(({ kind }) => PICKED.includes(kind));
  const isNamed = (field: IField) => {
    const value = valueOf(values, field.path);
    return typeof value === 'string' && value !== '' && where.includes(value);
  };
  return (
    fieldOfProblem(fields, key) ??
    picked.find(isNamed) ??
    picked.find(field => fix.includes(field.key))
  );
}

/** Where a problem of a whole section is shown. */
const MAIN_FIELDS: { [section: string]: string | undefined } = {
  model: 'model.name_or_path',
  data: 'data.train',
  method: 'method.type',
  objective: 'objective.type',
  samples: 'samples.prompts',
  tracking: 'tracking.report_to'
};

/** Of fields that name something the kernel has to find. */
const PICKED: FieldKind[] = ['model', 'data'];
