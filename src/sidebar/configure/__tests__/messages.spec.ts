import { fieldsOf } from '../fields';
import { fieldOfProblem, isWrong, keyOfFault, messagesOf } from '../messages';
import { recorded } from './recorded';

const { schema } = recorded;

describe('keyOfFault', () => {
  const values = {
    model: { name_or_path: './tuned' },
    data: { train: 'rows.jsonl' }
  };
  const of = (where: string, fix = '') =>
    keyOfFault(fieldsOf(schema, values), values, { what: '', where, fix });

  it('finds the field by its key, its value, or what mends it', () => {
    expect(of('model.name_or_path')).toBe('model.name_or_path');
    expect(of('data.train: rows.jsonl')).toBe('data.train');
    expect(of('/home/me/rows.jsonl, line 3')).toBe('data.train');
    expect(of('/home/me/tuned', 'Check model.name_or_path.')).toBe(
      'model.name_or_path'
    );
    expect(of('/tmp/elsewhere')).toBeUndefined();
  });

  it('finds the source of several', () => {
    const values = { data: { train: ['a.jsonl', { source: 'b.jsonl' }] } };
    const fields = fieldsOf(schema, values);
    const of = (where: string) =>
      keyOfFault(fields, values, { what: '', where, fix: '' });
    expect(of('/home/me/b.jsonl, line 3')).toBe('data.train[1]');
    expect(of('data.train[0]')).toBe('data.train[0]');
  });
});

describe('messagesOf', () => {
  const fields = fieldsOf(schema, {});
  const of = (...keys: string[]) =>
    messagesOf(
      fields,
      keys.map(key => ({
        line: 1,
        key,
        message: 'is wrong',
        hint: '',
        changes: []
      }))
    );

  it('tells what is wrong with a source, and with which setting', () => {
    expect(of('data.train[1].weight', 'data.train[0]')).toEqual({
      'data.train[1].weight': [{ text: 'is wrong', changes: [] }],
      'data.train[0]': [{ text: 'is wrong', changes: [] }]
    });
    expect(of('data.train[1].wieght', 'data.train.tags')).toEqual({
      'data.train[1]': [{ text: 'wieght: is wrong', changes: [] }],
      'data.train.tags': [{ text: 'is wrong', changes: [] }]
    });
    expect(of('samples.prompts[1].role')).toEqual({
      'samples.prompts': [{ text: 'is wrong', changes: [] }]
    });
  });

  it('makes the field wrong of which a part is', () => {
    const wrong = (key: string) =>
      fields.filter(field => isWrong(of(key), field)).map(({ key }) => key);
    expect(wrong('data.train[1].weight')).toEqual(['data.train']);
    expect(wrong('training.eval_steps')).toEqual(['training.eval_steps']);
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
