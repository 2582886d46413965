import type { JSONValue } from '@lumino/coreutils';

import type { IField, Values } from './fields';
import { valueOf } from './fields';

/**
 * The fields that make sense with the values chosen; a value that is written keeps its field.
 */
export function applicable(fields: IField[], values: Values): IField[] {
  const get = (key: string) => effectiveValue(fields, values, key);
  return fields.filter(
    field =>
      valueOf(values, field.path) !== undefined ||
      (isUsed(field, get) &&
        !ABSENT_WHEN.some(
          ({ keys, when }) => keys.includes(field.key) && when(get)
        ))
  );
}

/**
 * What a field is in effect: the value written, or what stands for none.
 */
function effectiveValue(
  fields: IField[],
  values: Values,
  key: string
): JSONValue | undefined {
  const field = fields.find(field => field.key === key);
  return field ? (valueOf(values, field.path) ?? field.fallback) : undefined;
}

/** Whether the choices made use a field, as its schema says. */
function isUsed(field: IField, get: Get): boolean {
  return Object.entries(field.usedBy).every(([key, choices]) =>
    choices.includes(get(key) ?? null)
  );
}

type Get = (key: string) => JSONValue | undefined;

/** Objectives that learn from answers of the model itself. */
const REWARDED = ['ppo', 'grpo'];

/** Fields without a meaning for a choice made elsewhere. */
const ABSENT_WHEN: { keys: string[]; when: (get: Get) => boolean }[] = [
  {
    keys: ['method.trainable_modules'],
    when: get => get('method.trainable_layers') === 0
  },
  {
    // New layers are counted.
    keys: ['method.block_expansion'],
    when: get => Number(get('method.trainable_layers')) < 1
  },
  {
    keys: ['data.eval_fraction'],
    when: get => isSet(get('data.eval')) || !!get('data.eval_rows')
  },
  {
    keys: ['data.eval_rows'],
    when: get => isSet(get('data.eval')) || !!get('data.eval_fraction')
  },
  {
    keys: ['training.eval_steps', 'training.per_device_eval_batch_size'],
    when: get =>
      !isSet(get('data.eval')) &&
      !get('data.eval_fraction') &&
      !get('data.eval_rows')
  },
  {
    keys: ['data.train_on_prompt', 'data.template'],
    when: isText
  },
  {
    // What is judged is the answer, and pairs stay together.
    keys: ['data.train_on_prompt', 'data.packing'],
    when: get =>
      ['dpo', 'kto', 'reward', ...REWARDED].includes(
        String(get('objective.type'))
      )
  },
  {
    // Answers of the data are not learned from.
    keys: ['data.mask_history', 'data.train_on_eos'],
    when: get => REWARDED.includes(String(get('objective.type')))
  },
  {
    keys: ['data.mix'],
    when: get => {
      const sources = get('data.train');
      return !Array.isArray(sources) || sources.length < 2;
    }
  },
  {
    keys: ['data.mask_history'],
    when: get => isText(get) || get('data.train_on_prompt') === true
  },
  {
    keys: ['training.num_train_epochs'],
    when: get => isSet(get('training.max_steps'))
  },
  {
    keys: ['training.warmup_ratio', 'training.warmup_steps'],
    when: get => get('training.lr_scheduler_type') === 'constant'
  },
  {
    keys: ['training.warmup_ratio'],
    when: get => isSet(get('training.warmup_steps'))
  },
  {
    keys: ['samples.top_p', 'samples.top_k'],
    when: get => get('samples.temperature') === 0
  },
  {
    // The others are what answers are drawn with after the run, too.
    keys: ['samples.every_steps'],
    when: get => {
      const prompts = get('samples.prompts');
      return !Array.isArray(prompts) || prompts.length === 0;
    }
  },
  {
    // A reward model scores answers and gives none.
    keys: [
      'samples.prompts',
      'samples.every_steps',
      'samples.max_new_tokens',
      'samples.temperature',
      'samples.top_p',
      'samples.top_k',
      'samples.repetition_penalty',
      'samples.system'
    ],
    when: get => get('objective.type') === 'reward'
  }
];

/** Whether rows are plain text, of which every token is learned. */
function isText(get: Get): boolean {
  return get('data.format') === 'text' || get('objective.type') === 'pretrain';
}

function isSet(value: JSONValue | undefined): boolean {
  return value !== undefined && value !== null && value !== '';
}
