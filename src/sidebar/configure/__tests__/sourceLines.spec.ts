import type { JSONValue } from '@lumino/coreutils';

import { ConfigDocument } from '../../../cell/document';
import type { Values } from '../fields';
import { fieldsOf } from '../fields';
import {
  isNamed,
  namesOf,
  renamed,
  sourcesOf,
  valueOfSources,
  withSetting
} from '../sourceLines';
import type { Value } from '../typed';
import { recorded } from './recorded';

describe('Sources', () => {
  it('are read one by one, in whichever shape they are written', () => {
    expect(sourcesOf(undefined)).toEqual([]);
    expect(sourcesOf('rows.jsonl')).toEqual(['rows.jsonl']);
    expect(sourcesOf({ source: '$rows', weight: 2 })).toHaveLength(1);
    expect(sourcesOf(['a', { source: 'b' }])).toEqual(['a', { source: 'b' }]);
    const odd: JSONValue[] = ['', {}, { source: '' }, 5, null, []];
    expect(odd.filter(isNamed)).toEqual([]);
    expect(isNamed('a') && isNamed({ source: 'b' })).toBe(true);
  });

  it('are a list only where there are several, or the user wrote one', () => {
    expect(valueOfSources(['a', ''], true)).toBe('a');
    expect(valueOfSources(['a', ''], false)).toEqual(['a']);
    expect(valueOfSources(['a', 'b'], true)).toEqual(['a', 'b']);
    expect(valueOfSources([''], false)).toBeUndefined();
  });

  it('become sections with their first setting, and names again without one', () => {
    const weighted = withSetting('a', 'weight', 2, true);
    expect(weighted).toEqual({ source: 'a', weight: 2 });
    expect(renamed(weighted, 'b')).toEqual({ source: 'b', weight: 2 });
    expect(withSetting(weighted, 'weight', undefined, true)).toBe('a');
    expect(withSetting(weighted, 'weight', null, false)).toEqual({
      source: 'a'
    });
  });

  it('have the keys by which the kernel speaks of them', () => {
    const keys = (train: JSONValue) => {
      const values: Values = { data: { train } };
      const field = fieldsOf(recorded.schema, values).find(
        ({ key }) => key === 'data.train'
      )!;
      return namesOf(field, values);
    };
    expect(keys({ source: '$rows' })).toEqual([
      { key: 'data.train', name: '$rows' }
    ]);
    expect(keys(['a', { source: '$b' }]).slice(1)).toEqual([
      { key: 'data.train[0]', name: 'a' },
      { key: 'data.train[1]', name: '$b' }
    ]);
  });
});

describe('The text of sources', () => {
  const train = (text: string, change: (sources: JSONValue[]) => Value) => {
    const document = new ConfigDocument(text);
    const path = ['data', 'train'];
    const value = change(sourcesOf(document.get(path)));
    return document.apply([{ path, value }]);
  };
  const add = (text: string, source: JSONValue) =>
    train(text, sources => valueOfSources([...sources, source], true));
  const set = (text: string, index: number, key: string, value: Value) =>
    train(text, sources =>
      sources.map((source, at) =>
        at === index ? withSetting(source, key, value, true) : source
      )
    );
  const remove = (text: string, index: number) =>
    train(text, sources =>
      valueOfSources(
        sources.filter((_, at) => at !== index),
        false
      )
    );

  it('keeps its short form, and changes in its own line only', () => {
    expect(add('data: a.jsonl # mine\nmethod: lora\n', 'b.jsonl')).toBe(
      'data: [a.jsonl, b.jsonl] # mine\nmethod: lora\n'
    );
    expect(set('data: [a, "b"] # mine\n', 1, 'weight', 2)).toBe(
      'data: [a, {source: "b", weight: 2}] # mine\n'
    );
    expect(
      train("data: 'a.jsonl' # mine\n", ([source]) =>
        withSetting(source, 'num_samples', 5, true)
      )
    ).toBe(
      "data:\n  train:\n    source: 'a.jsonl' # mine\n    num_samples: 5\n"
    );
  });

  const LIST = `data:
  train:
    # The first
    - "a.jsonl" # by hand
    - source: b.jsonl # weighed
      weight: 2 # twice
    - c.jsonl
  max_length: 512 # short
`;

  it('keeps the comments, the order and the quotes of what does not change', () => {
    expect(add(LIST, 'd.jsonl')).toBe(
      LIST.replace('- c.jsonl\n', '- c.jsonl\n    - d.jsonl\n')
    );
    expect(set(LIST, 1, 'weight', 3)).toBe(
      LIST.replace('weight: 2', 'weight: 3')
    );
    expect(set(LIST, 1, 'num_samples', 10)).toBe(
      LIST.replace('# twice\n', '# twice\n      num_samples: 10\n')
    );
    expect(set(LIST, 2, 'weight', 0.5)).toBe(
      LIST.replace('- c.jsonl', '- source: c.jsonl\n      weight: 0.5')
    );
    expect(set(LIST, 0, 'weight', 0.5)).toBe(
      LIST.replace(
        '- "a.jsonl" # by hand',
        '- source: "a.jsonl" # by hand\n      weight: 0.5'
      )
    );
    expect(remove(LIST, 2)).toBe(LIST.replace('    - c.jsonl\n', ''));
    expect(remove(LIST, 0)).toBe(
      LIST.replace('    - "a.jsonl" # by hand\n', '')
    );
    expect(remove(LIST, 1)).toBe(
      LIST.replace(/    - source: b(.|\n)*twice\n/, '')
    );
  });
});
