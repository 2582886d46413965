import { nullTranslator } from '@jupyterlab/translation';

import type { IRemedy } from '../../../kernel/protocol';
import { fieldsOf } from '../fields';
import { commandIn, labelOf } from '../remedies';
import { recorded } from './recorded';

const trans = nullTranslator.load('');

describe('The label of a remedy', () => {
  const fields = Object.fromEntries(
    fieldsOf(recorded.schema, {}).map(field => [field.key, field])
  );
  const label = (path: string, change: Partial<IRemedy>) =>
    labelOf(
      {
        path: path.split('.'),
        value: null,
        replaces: null,
        label: '',
        ...change
      },
      fields,
      trans
    );

  it('names the field as the form does, and the value as the user reads it', () => {
    expect(label('data.format', { value: 'alpaca' })).toBe(
      'Set Row format to alpaca'
    );
    expect(label('method.use_dora', { value: true })).toBe('Set DoRA to yes');
    expect(label('data.train.1', { value: '$rows' })).toBe(
      'Set Training data to $rows'
    );
    expect(label('data.limit', {})).toBe('Reset Row limit');
  });

  it('names the key where the form has no field', () => {
    expect(label('training.epoch', {})).toBe('Remove training.epoch');
    expect(label('objective.beta', { value: 0.1 })).toBe(
      'Set objective.beta to 0.1'
    );
  });

  it('says where a key goes', () => {
    expect(label('method.r', { replaces: ['method', 'lora_r'] })).toBe(
      'Rename to r'
    );
    expect(label('training.learning_rate', { replaces: ['lr'] })).toBe(
      'Move to training.learning_rate'
    );
    expect(
      label('data.train.1.weight', {
        replaces: ['data', 'train', '1', 'wight']
      })
    ).toBe('Rename to weight');
  });

  it('is what the kernel says, if it says something', () => {
    expect(label('data.on_bad_row', { label: 'Skip bad rows' })).toBe(
      'Skip bad rows'
    );
  });
});

describe('A command in what is said', () => {
  it('is the one that installs what is missing', () => {
    const said = "It is missing. Install it: %pip install 'a[b]' c";
    expect(commandIn(said)).toBe("%pip install 'a[b]' c");
    expect(commandIn('Restart the kernel.')).toBe('');
  });
});
