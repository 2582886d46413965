import { nullTranslator } from '@jupyterlab/translation';

import { FormWords } from '../formWords';
import { recorded } from './recorded';

describe('FormWords', () => {
  const words = new FormWords(recorded.schema, nullTranslator.load(''));
  const of = (text: string) => words.text(text);

  it('calls settings as the form calls them', () => {
    expect(of('Set training.learning_rate to 0.1 or less')).toBe(
      'Set Learning rate to 0.1 or less'
    );
    expect(of('Lower `training.per_device_train_batch_size`.')).toBe(
      'Lower Batch size.'
    );
    expect(of('Raise data: max_length (64 tokens now).')).toBe(
      'Raise Maximum length (64 tokens now).'
    );
    expect(of('data.eval and data.eval_fraction exclude each other')).toBe(
      'Evaluation data and Evaluation fraction exclude each other'
    );
    expect(of('use_dora needs other weights')).toBe('DoRA needs other weights');
  });

  it('says which of several is meant', () => {
    expect(of('data.train[1].weight: above 0')).toBe(
      'Training data, number 2: Weight: above 0'
    );
    expect(of('samples.prompts[0]')).toBe('Prompts, number 1');
  });

  it('knows the settings of all variants', () => {
    expect(of('objective.beta, method.r')).not.toMatch(/beta|method/);
  });

  it('leaves paths, names in quotes, and what is no setting as they are', () => {
    for (const text of [
      '/home/me/data.train/training.seed.json',
      'data.train.jsonl',
      "'max_length' is a column of $use_dora",
      'Save it with save_pretrained.',
      'model.safetensors, data.json and dataset_info.json',
      'training.learning_rates',
      'a choice of method: lora',
      ''
    ]) {
      expect(of(text)).toBe(text);
    }
  });

  it('says faults so in all their parts', () => {
    expect(
      words.fault({
        what: 'Too long for data.max_length.',
        where: 'data.truncation',
        fix: 'Raise data.max_length.'
      })
    ).toEqual({
      what: 'Too long for Maximum length.',
      where: 'Longer examples',
      fix: 'Raise Maximum length.'
    });
  });
});
