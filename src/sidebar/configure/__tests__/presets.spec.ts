import { ConfigDocument } from '../../../cell/document';
import { fieldsOf, isChanged } from '../fields';
import { changesToApply } from '../presets';
import { recorded } from './recorded';

const { schema } = recorded;

describe('changesToApply', () => {
  const apply = (name: string, text: string) => {
    const document = new ConfigDocument(text);
    const { expanded } = document;
    const { presets } = recorded;
    const { values } = presets.find(preset => preset.name === name)!;
    return document.apply(changesToApply(presets, values, schema, expanded));
  };

  it('writes only what a preset changes', () => {
    const text = '# mine\ndata: $df # rows\nsamples: Hello?\n';
    expect(apply('beginner', text)).toBe(text);
    const quick = new ConfigDocument(apply('quick', text));
    expect(quick.text).toContain('# mine');
    expect(quick.text).toContain('# rows');
    expect(quick.expanded).toEqual({
      data: { train: '$df', max_length: 512 },
      training: { max_steps: 20 },
      samples: { prompts: ['Hello?'] }
    });
  });

  it('leaves nothing of the preset before', () => {
    const text = 'data: $df\n';
    const over = new ConfigDocument(apply('beginner', apply('quick', text)));
    const fields = fieldsOf(schema, over.expanded);
    expect(
      fields
        .filter(field => isChanged(field, over.expanded))
        .map(({ key }) => key)
    ).toEqual(['data.train']);
  });

  it('leaves what the user set, with comments and brackets', () => {
    const text =
      'data: $df\ntraining: {max_steps: 5, learning_rate: 2.0e-4}   # slow\n';
    expect(apply('low-memory', text)).toBe(
      'data:\n  train: $df\n  max_length: 512\n' +
        'training: {max_steps: 5, learning_rate: 2.0e-4, ' +
        'per_device_train_batch_size: 1, gradient_accumulation_steps: 8, ' +
        'gradient_checkpointing: true}   # slow\n'
    );
    for (const { name } of recorded.presets) {
      const steps = new ConfigDocument(apply(name, text)).get([
        'training',
        'max_steps'
      ]);
      expect([name, steps]).toEqual([name, name === 'quick' ? 20 : 5]);
    }
  });
});
