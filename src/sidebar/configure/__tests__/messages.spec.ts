import { fieldsOf } from '../fields';
import { fieldOfFault, fieldOfProblem } from '../messages';
import { recorded } from './recorded';

const { schema } = recorded;

describe('fieldOfFault', () => {
  const values = {
    model: { name_or_path: './tuned' },
    data: { train: 'rows.jsonl' }
  };
  const of = (where: string, fix = '') =>
    fieldOfFault(fieldsOf(schema, values), values, { what: '', where, fix })
      ?.key;

  it('finds the field by its key, its value, or what mends it', () => {
    expect(of('model.name_or_path')).toBe('model.name_or_path');
    expect(of('data.train: rows.jsonl')).toBe('data.train');
    expect(of('/home/me/rows.jsonl, line 3')).toBe('data.train');
    expect(of('/home/me/tuned', 'Check model.name_or_path.')).toBe(
      'model.name_or_path'
    );
    expect(of('/tmp/elsewhere')).toBeUndefined();
  });
});

describe('fieldOfProblem', () => {
  const of = (key: string) => fieldOfProblem(fieldsOf(schema, {}), key)?.key;

  it('finds the field that the kernel speaks of', () => {
    expect(of('training.learning_rate')).toBe('training.learning_rate');
    expect(of('samples.prompts[1]')).toBe('samples.prompts');
    expect(of('samples.prompts[1].role')).toBe('samples.prompts');
    expect(of('data')).toBe('data.train');
    expect(of('resume')).toBe('resume');
  });

  it('finds none for what the form does not have', () => {
    expect(of('training.epoch')).toBeUndefined();
    expect(of('method.rank')).toBeUndefined();
    expect(of('')).toBeUndefined();
  });
});
