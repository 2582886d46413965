import type {
  IConfigurationProblem,
  IFault,
  IRemedy
} from '../../kernel/protocol';
import type { FieldKind, IField, Values } from './fields';
import { namesOf } from './sourceLines';

/** A problem as the kernel says it, without its place. */
export function sentence({ message, hint }: IConfigurationProblem): string {
  return hint ? `${message}; ${hint}` : message;
}

/**
 * What is wrong with a value, and what would mend it.
 */
export interface IMessage {
  text: string;
  changes: readonly IRemedy[];
}

/**
 * What is wrong with the value of each field, by key; of a source of data, by its key.
 */
export function messagesOf(
  fields: IField[],
  problems: readonly IConfigurationProblem[]
): { [key: string]: IMessage[] } {
  const messages: { [key: string]: IMessage[] } = {};
  for (const problem of problems) {
    const field = fieldOfProblem(fields, problem.key);
    if (field) {
      const { place, unknown } = placeOfProblem(field, problem.key);
      const text = [unknown, sentence(problem)].filter(Boolean).join(': ');
      const { changes } = problem;
      messages[place] = [...(messages[place] ?? []), { text, changes }];
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
      field.key === main || (field.path.length > 1 && isInside(main, field.key))
  );
}

function isInside(place: string, key: string): boolean {
  return place.startsWith(`${key}[`) || place.startsWith(`${key}.`);
}

/** Whether something is wrong with the value of a field, or a part of it. */
export function isWrong(
  messages: { [key: string]: IMessage[] },
  { key }: IField
): boolean {
  return Object.keys(messages).some(
    place => place === key || isInside(place, key)
  );
}

/**
 * The key that a fault of the kernel is about: the one that it names, or whose value it names.
 */
export function keyOfFault(
  fields: IField[],
  values: Values,
  { where, fix }: IFault
): string | undefined {
  const [key] = where.split(':');
  const field = fieldOfProblem(fields, key);
  if (field) {
    return placeOfProblem(field, key).place;
  }
  const picked = fields.filter(({ kind }) => PICKED.includes(kind));
  const named = picked
    .flatMap(field => namesOf(field, values))
    .find(
      ({ name }) =>
        typeof name === 'string' && name !== '' && where.includes(name)
    );
  return named?.key ?? picked.find(field => fix.includes(field.key))?.key;
}

/** Where a problem with a field is shown; of a source of data, the source or its setting, if there is such a setting. */
function placeOfProblem(
  { kind, key, inner }: IField,
  problem: string
): { place: string; unknown: string } {
  const rest = problem.startsWith(key) ? problem.slice(key.length) : '';
  const [, source = '', setting = ''] =
    /^(\[\d+\])?(?:\.(\w+))?/.exec(rest) ?? [];
  if (kind !== 'data') {
    return { place: key, unknown: '' };
  }
  return setting && inner.some(({ path }) => path.includes(setting))
    ? { place: `${key}${source}.${setting}`, unknown: '' }
    : { place: `${key}${source}`, unknown: setting };
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
