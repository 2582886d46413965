import type { JSONObject } from '@lumino/coreutils';

import type { IField } from './fields';
import { isSection, listOf, propertiesOf, textOf } from './schema';

/**
 * Fields under one heading.
 */
export interface IGroup {
  /** Of the section; empty for the essential fields and for what is in no section. */
  readonly name: string;
  readonly title: string;
  readonly fields: IField[];
}

/**
 * The essential fields first, then the others by section.
 */
export function groupsOf(fields: IField[], schema: JSONObject): IGroup[] {
  const rest = fields.filter(field => !ESSENTIAL.includes(field.key));
  const sections = Object.entries(propertiesOf(schema))
    .filter(([, section]) => isSection(section) || listOf(section.oneOf).length)
    .map(([name, section]) => ({
      name,
      title: textOf(section.title) || name,
      fields: rest.filter(({ path }) => path.length > 1 && path[0] === name)
    }));
  const others = rest.filter(({ path }) => path.length === 1);
  return [
    { name: '', title: '', fields: essential(fields) },
    ...sections,
    { name: '', title: '', fields: others }
  ].filter(group => group.fields.length > 0);
}

/**
 * The fields whose title, key, description, unit and choices have all words of a query.
 */
export function search(fields: IField[], query: string): IField[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  return fields.filter(field => {
    const { title, key, help, unit, choices, keywords, inner } = field;
    const titles = inner.map(({ title }) => title);
    const text = [title, key, help, unit, ...choices, ...keywords, ...titles]
      .join('\n')
      .toLowerCase();
    return words.every(word => text.includes(word));
  });
}

function essential(fields: IField[]): IField[] {
  return ESSENTIAL.flatMap(key => fields.filter(field => field.key === key));
}

const ESSENTIAL = [
  'model.name_or_path',
  'data.train',
  // Of several sources only.
  'data.mix',
  'method.type',
  'method.peft_type',
  'method.r',
  'training.num_train_epochs',
  'training.learning_rate',
  'training.per_device_train_batch_size',
  'samples.prompts'
];
