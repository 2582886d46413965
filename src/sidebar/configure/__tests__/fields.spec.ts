import type { JSONObject } from '@lumino/coreutils';

import { ConfigDocument } from '../../../cell/document';
import type { IField } from '../fields';
import { fieldsOf, isChanged } from '../fields';
import { changesOf, formDataOf, formOf } from '../formData';
import { groupsOf, search } from '../groups';
import { applicable } from '../relevance';
import { withConsequences } from '../variants';
import { recorded } from './recorded';

const { schema } = recorded;

function fieldsFor(values: JSONObject): IField[] {
  return fieldsOf(schema, values);
}

function keysFor(values: JSONObject): string[] {
  return applicable(fieldsFor(values), values).map(field => field.key);
}

function field(key: string, values: JSONObject = {}): IField {
  return fieldsFor(values).find(field => field.key === key)!;
}

describe('fieldsOf', () => {
  it('has each value of the schema that can be chosen', () => {
    const sections = schema.properties as any;
    for (const name of ['model', 'data', 'training', 'samples', 'launch']) {
      for (const [key, property] of Object.entries(sections[name].properties)) {
        const isChoice = !('const' in (property as any));
        expect([`${name}.${key}`, !!field(`${name}.${key}`)]).toEqual([
          `${name}.${key}`,
          isChoice
        ]);
      }
    }
    expect(field('objective.type').choices).toEqual([
      'sft',
      'pretrain',
      'dpo',
      'kto',
      'reward',
      'ppo',
      'grpo'
    ]);
    expect(field('objective.beta')).toBeUndefined();
    expect(field('resume').kind).toBe('text');
  });

  it('has those of the chosen method only', () => {
    expect(keysFor({})).toContain('method.r');
    const full = keysFor({ method: { type: 'full' } });
    expect(full.filter(key => key.startsWith('method.'))).toEqual([
      'method.type'
    ]);
    expect(field('method.type').choices).toEqual([
      'lora',
      'adalora',
      'freeze',
      'full',
      'peft'
    ]);
  });

  it('knows how each value is entered, its unit, its default and what it needs', () => {
    const kinds = Object.fromEntries(
      fieldsFor({}).map(({ key, kind }) => [key, kind])
    );
    expect(kinds).toMatchObject({
      'model.name_or_path': 'model',
      'model.dtype': 'choice',
      'data.train': 'data',
      'data.train_on_prompt': 'flag',
      'data.limit': 'number',
      'method.target_modules': 'words',
      'training.learning_rate': 'number',
      'training.gradient_checkpointing': 'choice',
      'samples.prompts': 'texts',
      'samples.system': 'longText',
      'tracking.report_to': 'checks',
      'data.columns': 'names',
      'data.tags': 'names'
    });
    const asYaml = Object.keys(kinds).filter(key => kinds[key] === 'yaml');
    expect(asYaml).toEqual(['training.optim_args']);
    expect(field('data.tags').choices).toContain('assistant');
    expect(field('data.max_length').unit).toBe('tokens');
    expect(field('training.learning_rate')).toMatchObject({
      fallback: 'auto',
      keywords: ['auto'],
      isRequired: false
    });
    expect(field('training.gradient_checkpointing').choices).toEqual([
      'auto',
      true,
      false
    ]);
    expect(field('data.train').isRequired).toBe(true);
    const inner = field('data.train').inner.map(({ key, kind }) => [key, kind]);
    expect(Object.fromEntries(inner)).toMatchObject({
      'data.train.weight': 'number',
      'data.train.format': 'choice',
      'data.train.columns': 'names'
    });
  });

  it('shows the default of the chosen kind of adapter, and only what that takes', () => {
    const of = (peft_type: string) => ({ method: { type: 'peft', peft_type } });
    expect(field('method.r', of('VERA'))).toMatchObject({
      title: 'Rank',
      fallback: 256
    });
    expect(field('method.r', of('TINYLORA')).fallback).toBe(2);
    expect(field('method.r', { method: 'peft' }).fallback).toBe(8);
    expect(keysFor(of('VERA'))).toContain('method.target_modules');
    expect(keysFor(of('PREFIX_TUNING'))).not.toContain('method.target_modules');
    expect(keysFor(of('PREFIX_TUNING'))).not.toContain('method.r');
  });

  it('takes what a newer kernel may say for YAML', () => {
    const newer: JSONObject = {
      properties: {
        future: {
          properties: {
            map: { type: 'object', title: 'Map' },
            either: { anyOf: [{ type: 'integer' }, { type: 'string' }] },
            odd: {}
          }
        },
        broken: true
      }
    };
    expect(
      fieldsOf(newer, {}).map(({ key, kind, title }) => [key, kind, title])
    ).toEqual([
      ['future.map', 'yaml', 'Map'],
      ['future.either', 'yaml', 'either'],
      ['future.odd', 'yaml', 'odd']
    ]);
    expect(fieldsOf({}, {})).toEqual([]);
  });
});

describe('applicable', () => {
  const cases: [string, JSONObject, JSONObject][] = [
    [
      'data.eval_fraction',
      { data: { eval: 'x.jsonl' } },
      { data: { eval: null } }
    ],
    ['data.eval_rows', { data: { eval_fraction: 0.1 } }, {}],
    ['data.eval_fraction', { data: { eval_rows: 10 } }, {}],
    ['training.eval_steps', {}, { data: { eval_rows: 10 } }],
    ['training.eval_steps', {}, { data: { eval_fraction: 0.1 } }],
    ['data.train_on_prompt', { data: { format: 'text' } }, {}],
    ['data.packing', { objective: { type: 'dpo' } }, {}],
    ['data.train_on_prompt', { objective: { type: 'pretrain' } }, {}],
    ['model.double_quantization', {}, { model: { quantization: 'nf4' } }],
    [
      'objective.gamma',
      { objective: { type: 'dpo' } },
      { objective: { type: 'dpo', loss: 'simpo' } }
    ],
    [
      'objective.reference',
      { objective: { type: 'dpo', loss: 'orpo' } },
      { objective: { type: 'dpo' } }
    ],
    [
      'method.trainable_modules',
      { method: { type: 'freeze', trainable_layers: 0 } },
      { method: { type: 'freeze' } }
    ],
    [
      'method.block_expansion',
      { method: { type: 'freeze', trainable_layers: -1 } },
      { method: { type: 'freeze' } }
    ],
    [
      'data.mix',
      { data: { train: ['x.jsonl'] } },
      { data: { train: ['x.jsonl', 'y.jsonl'] } }
    ],
    ['training.num_train_epochs', { training: { max_steps: 5 } }, {}],
    [
      'training.warmup_ratio',
      { training: { lr_scheduler_type: 'constant' } },
      { training: { lr_scheduler_type: 'linear' } }
    ],
    ['training.warmup_ratio', { training: { warmup_steps: 5 } }, {}],
    ['samples.top_p', {}, { samples: { temperature: 0.5 } }],
    ['samples.every_steps', {}, { samples: { prompts: ['Hello?'] } }],
    ['samples.prompts', { objective: { type: 'reward' } }, {}],
    ['data.packing', { objective: { type: 'reward' } }, {}],
    ['data.packing', { objective: { type: 'ppo' } }, {}],
    ['data.mask_history', { objective: { type: 'ppo' } }, {}],
    ['data.mask_history', { objective: { type: 'grpo' } }, {}],
    ['objective.reward', {}, { objective: { type: 'ppo' } }],
    ['objective.num_generations', {}, { objective: { type: 'grpo' } }],
    ['objective.eaft_alpha', {}, { objective: { loss: 'eaft' } }]
  ];

  it.each(cases)('leaves %s out where it has no meaning', (key, not, does) => {
    expect(keysFor(not)).not.toContain(key);
    expect(keysFor(does)).toContain(key);
  });

  it('keeps a value that is written, so that it can be taken out', () => {
    expect(keysFor({ samples: { top_p: 0.9 } })).toContain('samples.top_p');
  });
});

describe('groupsOf', () => {
  it('has the essential fields first, the rest by section, and loses none', () => {
    const fields = fieldsFor({});
    const groups = groupsOf(fields, schema);
    expect(groups[0].fields.map(({ key }) => key)).toEqual([
      'model.name_or_path',
      'data.train',
      'data.mix',
      'method.type',
      'method.r',
      'training.num_train_epochs',
      'training.learning_rate',
      'training.per_device_train_batch_size',
      'samples.prompts'
    ]);
    expect(groups.map(({ name }) => name)).toEqual([
      '',
      'model',
      'data',
      'method',
      'objective',
      'training',
      'samples',
      'tracking',
      'launch',
      ''
    ]);
    expect(
      groups
        .flatMap(group => group.fields)
        .map(({ key }) => key)
        .sort()
    ).toEqual(fields.map(({ key }) => key).sort());
  });
});

describe('search', () => {
  it('looks into titles, keys and descriptions', () => {
    const found = (query: string) =>
      search(fieldsFor({}), query).map(({ key }) => key);
    expect(found('Warm-up')).toEqual([
      'training.warmup_ratio',
      'training.warmup_steps'
    ]);
    expect(found('√rank')).toContain('method.use_rslora');
    expect(found('recompute memory')).toEqual([
      'training.gradient_checkpointing'
    ]);
    expect(found('no such thing')).toEqual([]);
  });

  it('looks into units and choices', () => {
    const found = (query: string) =>
      search(fieldsFor({}), query).map(({ key }) => key);
    expect(found('bfloat16 sdpa')).toEqual([]);
    expect(found('sdpa')).toEqual(['model.attention']);
    expect(found('tokens')).toContain('data.max_length');
  });
});

describe('a unit', () => {
  it('is not said where the title says it', () => {
    expect(field('training.num_train_epochs')).toMatchObject({
      title: 'Epochs',
      unit: ''
    });
    expect(field('data.max_length').unit).toBe('tokens');
  });
});

describe('isChanged', () => {
  it('is true for what differs from the default', () => {
    const rank = field('method.r');
    expect(isChanged(rank, {})).toBe(false);
    expect(isChanged(rank, { method: { r: 8 } })).toBe(false);
    expect(isChanged(rank, { method: { r: 16 } })).toBe(true);
    expect(isChanged(field('data.eval'), { data: { eval: null } })).toBe(false);
  });
});

describe('a form', () => {
  it('has a key for each field, and tells which of them changed', () => {
    const fields = fieldsFor({});
    const { schema: drawn, uiSchema } = formOf(fields);
    expect(Object.keys(drawn.properties as any)).toHaveLength(fields.length);
    expect(uiSchema['data.train']).toEqual({
      'ui:field': 'data',
      'ui:key': 'data.train'
    });
    const before = formDataOf(fields, { data: { train: '$df', limit: 5 } });
    expect(before).toEqual({ 'data.train': '$df', 'data.limit': 5 });
    const after = { 'data.train': '$df', 'method.r': 4 };
    expect(changesOf(fields, before, after)).toEqual([
      { path: ['data', 'limit'], value: undefined },
      { path: ['method', 'r'], value: 4 }
    ]);
    expect(changesOf(fields, before, { ...before })).toEqual([]);
  });
});

describe('withConsequences', () => {
  it('takes out what another method does not know', () => {
    const document = new ConfigDocument(
      'data: $df\nmethod: {type: lora, r: 4}\n'
    );
    const changes = withConsequences(
      [{ path: ['method', 'type'], value: 'full' }],
      schema,
      document.expanded
    );
    expect(new ConfigDocument(document.apply(changes)).expanded).toEqual({
      data: { train: '$df' },
      method: { type: 'full' }
    });
  });
});
