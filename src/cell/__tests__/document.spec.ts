import type { JSONObject, JSONValue } from '@lumino/coreutils';

import fc from 'fast-check';
import type { Node } from 'yaml';
import { isCollection, isPair, parse, parseDocument } from 'yaml';

import type { IChange } from '../document';
import { ConfigDocument } from '../document';
import { expandShortForms } from '../shortForms';
import { DOCUMENTS } from './documents';

const documents = Object.entries(DOCUMENTS);

function apply(text: string, path: string, value?: JSONValue): string {
  return new ConfigDocument(text).apply([{ path: path.split('.'), value }]);
}

/** The values that an edit should lead to. */
function changed(values: JSONObject, { path, value }: IChange): JSONObject {
  const copy = JSON.parse(JSON.stringify(values)) as JSONObject;
  if (value === undefined) {
    remove(copy, path);
  } else {
    set(copy, path, value);
  }
  return copy;
}

function set(whole: any, path: string[], value: JSONValue): void {
  path.slice(0, -1).forEach(key => {
    if (typeof whole[key] !== 'object' || whole[key] === null) {
      whole[key] = {};
    }
    whole = whole[key];
  });
  whole[path[path.length - 1]] = value;
}

function remove(whole: any, [key, ...inner]: string[]): void {
  const part = whole?.[key];
  if (part === undefined) {
    return;
  }
  if (!inner.length) {
    delete whole[key];
    return;
  }
  const size = typeof part === 'object' && part ? Object.keys(part).length : 0;
  remove(part, inner);
  if (size && !Array.isArray(part) && !Object.keys(part).length) {
    delete whole[key];
  }
}

/** Another value of the same kind; a list with another first item. */
function otherThan(value: JSONValue): JSONValue {
  if (Array.isArray(value)) {
    return [otherThan(value[0] ?? null), ...value.slice(1)];
  }
  if (typeof value === 'object' && value && Object.keys(value).length) {
    const [[key, first]] = Object.entries(value);
    return { ...value, [key]: otherThan(first as JSONValue) };
  }
  return typeof value === 'number' ? 12345 : 'zzz';
}

/** How many lines a value stands on; of a list, its first item. */
function linesOf(text: string, path: string[]): number {
  const document = parseDocument(text);
  // In short form a section is its main value.
  const written = document.hasIn(path) ? path : path.slice(0, 1);
  let node = document.getIn(written, true) as Node;
  while (isCollection(node) && node.items.length) {
    const [item] = node.items;
    node = (isPair(item) ? item.value : item) as Node;
  }
  const [start, end] = node.range!;
  return text.slice(start, end).replace(/\n$/, '').split('\n').length;
}

/** What a text says, read by someone else. */
function read(text: string): JSONObject {
  const values = parse(text, { version: '1.2', stringKeys: true });
  return meaning((values ?? {}) as JSONObject);
}

/** The paths of all values that are neither map nor list, in what is written out. */
function leaves(value: JSONValue, path: string[] = []): string[][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return [path];
  }
  return Object.entries(value).flatMap(([key, item]) =>
    leaves(item as JSONValue, [...path, key])
  );
}

/** A method that says only what is implied is as good as none. */
function meaning(values: JSONObject): JSONObject {
  const expanded = expandShortForms(values);
  if (JSON.stringify(expanded.method) === '{"type":"lora"}') {
    delete expanded.method;
  }
  return expanded;
}

/** What stays of the lines when those that differ at the two ends of the change are left out. */
function changedLines(before: string, after: string): [string[], string[]] {
  const [a, b] = [before.split('\n'), after.split('\n')];
  while (a.length && b.length && a[0] === b[0]) {
    a.shift();
    b.shift();
  }
  while (a.length && b.length && a[a.length - 1] === b[b.length - 1]) {
    a.pop();
    b.pop();
  }
  return [a, b];
}

describe('ConfigDocument', () => {
  it('has fifty documents to show itself on', () => {
    expect(documents.length).toBeGreaterThanOrEqual(50);
  });

  describe.each(documents)('%s', (_, text) => {
    const document = new ConfigDocument(text);
    const paths = leaves(document.expanded).filter(path => path.length);

    it('reads what is written', () => {
      expect(document.problem).toBeNull();
      expect(meaning(document.expanded)).toEqual(read(text));
    });

    it('stays as it is if nothing changes', () => {
      const same = paths.map(path => ({ path, value: document.get(path)! }));
      expect(document.edit(same)).toEqual([]);
      const whole = { path: [], value: document.expanded };
      expect(document.edit([whole])).toEqual([]);
    });

    it('changes one value and nothing else', () => {
      for (const path of paths) {
        for (const value of ['other', 7, 'a: b # c', 0.00001]) {
          const after = document.apply([{ path, value }]);
          const expected = changed(document.expanded, { path, value });
          expect([path, value, after, read(after)]).toEqual([
            path,
            value,
            after,
            meaning(expected)
          ]);
        }
      }
    });

    it('changes only the lines of a value', () => {
      for (const path of paths.filter(path => document.has(path))) {
        const value = otherThan(document.get(path)!);
        const after = document.apply([{ path, value }]);
        const [before, now] = changedLines(text, after);
        expect(now.join()).toMatch(/zzz|12345/);
        expect([path, now]).toEqual([path, [expect.anything()]]);
        expect([path, before.length]).toEqual([path, linesOf(text, path)]);
      }
    });

    it('deletes one value and nothing else', () => {
      for (const path of paths) {
        const after = document.apply([{ path, value: undefined }]);
        const expected = meaning(
          changed(document.expanded, { path, value: undefined })
        );
        expect([path, after, read(after)]).toEqual([path, after, expected]);
      }
    });

    it('keeps all comments when values are changed, added and deleted', () => {
      const comments = (source: string) =>
        (source.match(/#[^\n\r"]*[^\s"]/g) ?? []).sort();
      const added = document.apply([
        { path: ['model', 'dtype'], value: 'float16' },
        { path: ['training', 'warmup_steps'], value: 3 },
        { path: ['tracking', 'project'], value: 'x' }
      ]);
      expect(comments(added)).toEqual(comments(text));
    });

    it('takes new values in every section', () => {
      const changes = [
        ['model', 'revision'],
        ['data', 'seed'],
        ['method', 'lora_dropout'],
        ['objective', 'label_smoothing'],
        ['training', 'logging_steps'],
        ['samples', 'max_new_tokens'],
        ['tracking', 'project'],
        ['launch', 'num_machines']
      ];
      for (const path of changes) {
        const after = document.apply([{ path, value: 3 }]);
        const expected = changed(document.expanded, { path, value: 3 });
        expect([path, after, read(after)]).toEqual([
          path,
          after,
          meaning(expected)
        ]);
      }
    });
  });
});

describe('examples', () => {
  const cases: [string, string, string, JSONValue | undefined, string][] = [
    [
      'a scalar, and only its characters',
      'training:\n  learning_rate: 1e-4   # diverged\n',
      'training.learning_rate',
      0.00005,
      'training:\n  learning_rate: 5e-5   # diverged\n'
    ],
    [
      'small numbers as people type them',
      'training: {lr: 1}',
      'training.lr',
      2e-5,
      'training: {lr: 2e-5}'
    ],
    [
      'quotes that were there',
      "model: 'a'   # c",
      'model.name_or_path',
      "it's",
      "model: 'it''s'   # c"
    ],
    [
      'a short form that gets a second key',
      'model: X   # small\ndata: $df',
      'model.dtype',
      'float16',
      'model:\n  name_or_path: X   # small\n  dtype: float16\ndata: $df'
    ],
    [
      'one prompt that gets company',
      'samples: Hi, you   # c\n',
      'samples.every_steps',
      5,
      'samples:\n  prompts: ["Hi, you"]   # c\n  every_steps: 5\n'
    ],
    [
      'a list in short form that gets a second key',
      'samples:\n- a   # one\n- b\n',
      'samples.every_steps',
      5,
      'samples:\n  prompts:\n  - a   # one\n  - b\n  every_steps: 5\n'
    ],
    [
      'short forms between brackets',
      '{model: X, data: Y}',
      'model.dtype',
      'auto',
      '{model: {name_or_path: X, dtype: auto}, data: Y}'
    ],
    [
      'the main key of a missing section',
      'data: $df\n',
      'model.name_or_path',
      'smollm2-135m',
      'model: smollm2-135m\ndata: $df\n'
    ],
    [
      'a missing section in its place',
      'data: $df   # rows\nsamples: Hi\n',
      'training.max_steps',
      5,
      'data: $df   # rows\ntraining:\n  max_steps: 5\nsamples: Hi\n'
    ],
    [
      'a missing section among blank lines',
      'model: X\n\ndata:\n  train: $df\n\nsamples: Hi\n',
      'training.max_steps',
      5,
      'model: X\n\ndata:\n  train: $df\n\ntraining:\n  max_steps: 5\n\nsamples: Hi\n'
    ],
    [
      'a new key at the end of its section',
      'training:\n    lr: 1   # a\n    # of training\n# of samples\nsamples: Hi\n',
      'training.max_steps',
      5,
      'training:\n    lr: 1   # a\n    # of training\n    max_steps: 5\n# of samples\nsamples: Hi\n'
    ],
    [
      'a new key between brackets',
      'method: {r: 8}  # c',
      'method.lora_alpha',
      16,
      'method: {r: 8, lora_alpha: 16}  # c'
    ],
    [
      'a new key after a comma at the end',
      'method: {\n  r: 8,  # c\n}',
      'method.lora_alpha',
      16,
      'method: {\n  r: 8, lora_alpha: 16  # c\n}'
    ],
    ['nothing at all', '', 'model.name_or_path', 'X', 'model: X'],
    [
      'comments only',
      '# mine',
      'training.max_steps',
      1,
      '# mine\ntraining:\n  max_steps: 1'
    ],
    [
      'text over lines as a literal',
      'data:\n  system: Hi   # c\n  train: $df\n',
      'data.system',
      'One.\nTwo.',
      'data:\n  system: |-   # c\n    One.\n    Two.\n  train: $df\n'
    ],
    [
      'text over lines at the end, without an empty line',
      'data: $df',
      'samples.prompts',
      ['One.\nTwo.'],
      'data: $df\nsamples: |-\n  One.\n  Two.'
    ],
    [
      'text over lines at the end, with the end of its last line',
      'data: $df',
      'samples.prompts',
      ['One.\nTwo.\n'],
      'data: $df\nsamples: |\n  One.\n  Two.\n'
    ],
    [
      'one line of a literal',
      'data:\n  system: |   # c\n      One.\n      Two.\n  train: $df\n',
      'data.system',
      'One!\nTwo.\n',
      'data:\n  system: |   # c\n      One!\n      Two.\n  train: $df\n'
    ],
    [
      'a literal that becomes short',
      'data:\n  system: |   # c\n    One.\n    Two.\n\n  train: $df\n',
      'data.system',
      'One',
      'data:\n  system: One   # c\n\n  train: $df\n'
    ],
    [
      'one prompt of many',
      'samples:\n  prompts:\n    - a   # one\n    - b\n',
      'samples.prompts',
      ['a', 'x', 'c'],
      'samples:\n  prompts:\n    - a   # one\n    - x\n    - c\n'
    ],
    [
      'a prompt less',
      'samples:\n  prompts:\n    - a   # one\n    - b\n    - c\n',
      'samples.prompts',
      ['a', 'c'],
      'samples:\n  prompts:\n    - a   # one\n    - c\n'
    ],
    [
      'long prompts, one a line',
      'data: $df\n',
      'samples.prompts',
      ['Explain to a child why the sky is blue, please.', 'Hi'],
      'data: $df\nsamples:\n  - Explain to a child why the sky is blue, please.\n  - Hi\n'
    ],
    [
      'a key with its line',
      'training:\n  lr: 1   # a\n  max_steps: 2   # b\n',
      'training.lr',
      undefined,
      'training:\n  max_steps: 2   # b\n'
    ],
    [
      'the last key with its section',
      'data: $df\ntraining:\n  max_steps: 2\nsamples: Hi\n',
      'training.max_steps',
      undefined,
      'data: $df\nsamples: Hi\n'
    ],
    [
      'the last key of a section with comments',
      'training:\n  # lr: 1\n  max_steps: 2\nsamples: Hi\n',
      'training.max_steps',
      undefined,
      'training:\n  # lr: 1\nsamples: Hi\n'
    ],
    [
      'a key between brackets',
      'method: {r: 8, lora_alpha: 16}',
      'method.r',
      undefined,
      'method: {lora_alpha: 16}'
    ],
    [
      'at the end of a text without line end',
      'data: $df\nmethod: full',
      'method.type',
      undefined,
      'data: $df'
    ],
    [
      'the last section, with the blank line before it',
      'data: $df  # rows\n\nmethod:\n  r: 4\n',
      'method.r',
      undefined,
      'data: $df  # rows\n'
    ],
    [
      'the last section, but not the lines of a text before it',
      'samples:\n  system: |+\n    Hi\n\nmethod:\n  r: 4\n',
      'method.r',
      undefined,
      'samples:\n  system: |+\n    Hi\n\n'
    ],
    [
      'Windows line ends',
      'data: $df   # c\r\n',
      'data.max_length',
      5,
      'data:\r\n  train: $df   # c\r\n  max_length: 5\r\n'
    ]
  ];

  it.each(cases)('%s', (_, before, path, value, after) => {
    expect(apply(before, path, value)).toBe(after);
  });

  it.each([
    'yes',
    '1e-4',
    '12:30',
    '2024-01-01',
    'null',
    '',
    ' a',
    '- a',
    '*',
    '#x',
    'a\tb',
    '[x',
    '\u2028',
    '---',
    '=',
    '0x1f',
    '1_000'
  ])('puts %j in quotes', text => {
    expect(apply('a: b', 'a', text)).toMatch(/^a: (["']).*\1$/);
    expect(new ConfigDocument(apply('a: b', 'a', text)).get(['a'])).toBe(text);
  });

  it.each([
    '$df',
    'a b',
    'a:b',
    'C:\\data',
    'a#b',
    'org/model@main',
    '-x',
    '안녕',
    'x, y',
    '1.2.3-rc'
  ])('leaves %j plain', text => {
    expect(apply('a: b', 'a', text)).toBe(`a: ${text}`);
  });
});

describe('a section between brackets', () => {
  const section = fc.constantFrom('training', 'samples', 'launch', 'tracking');
  const key = fc.constantFrom('a', 'b_c', 'steps');
  const scalar = fc.constantFrom('5', 'x', '"# no comment"', '[1, 2]', '$df');

  it('keeps the comment after it when its keys go one by one, and takes new ones', () => {
    fc.assert(
      fc.property(
        section,
        fc.uniqueArray(key, { minLength: 1 }),
        scalar,
        fc.boolean(),
        (name, keys, value, isLast) => {
          const inner = keys.map(each => `${each}: ${value}`).join(', ');
          const rest = isLast ? '' : 'model: X\n';
          let text = `data: $df\n${name}: {${inner}}   # mine\n${rest}`;
          for (const each of keys) {
            text = apply(text, `${name}.${each}`, undefined);
            expect(text).toContain('# mine\n');
          }
          const { problem, expanded } = new ConfigDocument(text);
          expect(problem).toBeNull();
          expect(expanded[name] ?? {}).toEqual({});
          const again = apply(text, `${name}.${keys[0]}`, 7);
          expect(again).toContain('# mine\n');
          expect(new ConfigDocument(again).get([name, keys[0]])).toBe(7);
        }
      )
    );
  });

  it.each([
    'training: {\n  # above\n  max_steps: 5\n}\nmodel: X\n',
    'training: {\n  max_steps: 5, # behind\n}\nmodel: X\n',
    'training: {\n  max_steps: 5\n  # below\n}\n',
    'training: { # first\n  max_steps: 5 } # last\n'
  ])('keeps the comments in it when its only key goes: %j', text => {
    const comments = text.match(/# \w+/g)!;
    const after = apply(text, 'training.max_steps', undefined);
    expect(new ConfigDocument(after).problem).toBeNull();
    expect(new ConfigDocument(after).expanded.training ?? {}).toEqual({});
    expect(after.match(/# \w+/g)).toEqual(comments);
    const again = apply(after, 'training.max_steps', 7);
    expect(again.match(/# \w+/g)).toEqual(comments);
    expect(new ConfigDocument(again).get(['training', 'max_steps'])).toBe(7);
  });
});

describe('a file of another program', () => {
  it.each([
    ['model_name_or_path: m\ndataset: rows\n', true],
    ['model_name: m\nstage: sft\ndataset: rows\n', true],
    ['model: m\ntrain_dataset: rows.json\n', true],
    ['num_processes: 2\ndistributed_type: FSDP\n', true],
    ['model: m\ndata: rows.jsonl\n', false],
    ['data: {train: rows.jsonl}\npeft_config: {r: 8}\n', false]
  ])('is told from ours by its keys: %j', (text, isForeign) => {
    expect(new ConfigDocument(text).isForeign).toBe(isForeign);
  });
});

describe('a text that cannot be read', () => {
  it.each([
    ['model: X\ndata: $df\nmodel: Y\n', 3],
    ['model: "X\ndata: $df\n', 1],
    ['model: [X\ndata: $df\n', 1],
    ['model: [X\n\n# text\ntraining:\n  max_steps: 3\n', 1],
    ['model: X\nsamples: {prompts: [a]\ndata: $df\n', 2],
    ['samples: {\n  every: 2,\n  prompts: [a]\ndata: $df\n', 1],
    ['samples: {prompts: [\n  "a"\ndata: $df\n', 1],
    ['model: X\n  data: $df\n', 1],
    ['model: X\n\ttraining: 1\n', 2],
    ['just words\n', 1],
    ['- a\n- b\n', 1],
    ['a: *nowhere\n', 1],
    ['a: &a [*a]\n', 1],
    ['data: &d $df\nmodel: X\ntest: *d\n', 3],
    ['x: &m {r: 16}\nmethod:\n  <<: *m\n', 3],
    ['a: 1\n---\nb: 2\n', 2]
  ])('%j says where', (text, line) => {
    const document = new ConfigDocument(text);
    expect(document.problem?.cause).toBeTruthy();
    expect(document.problem?.line).toBe(line);
    expect(document.values).toEqual({});
    expect(() => document.edit([{ path: ['model'], value: 'Z' }])).toThrow(
      /^Line /
    );
  });
});

describe('a key that replaces another', () => {
  it.each([
    [
      'in its place, with its value and comment',
      'training:\n  # fast\n  lr :  1e-4 # peak\n  seed: 1\n',
      'training.lr',
      'training.learning_rate',
      'training:\n  # fast\n  learning_rate :  1e-4 # peak\n  seed: 1\n'
    ],
    [
      'between brackets, in quotes',
      "method: {'lora_r': 8, type: lora}\n",
      'method.lora_r',
      'method.r',
      'method: {r: 8, type: lora}\n'
    ],
    [
      'without a value',
      'method:\n  lora_r:\n',
      'method.lora_r',
      'method.r',
      'method:\n  r:\n'
    ],
    [
      'of a source in a short list',
      'data: [a, {source: b, wight: 2}]\n',
      'data.train.1.wight',
      'data.train.1.weight',
      'data: [a, {source: b, weight: 2}]\n'
    ],
    [
      'into another section',
      'data: a\nlr: 0.1 # peak\ntraining:\n  seed: 1\n',
      'lr',
      'training.learning_rate',
      'data: a\ntraining:\n  seed: 1\n  learning_rate: 0.1 # peak\n'
    ],
    [
      'with its quotes and its way to write a number',
      "data: a\nrun: 'x: 1'  # mine\nlr: 1e-4\ntraining:\n  seed: 1\n",
      'run',
      'training.name',
      "data: a\nlr: 1e-4\ntraining:\n  seed: 1\n  name: 'x: 1'  # mine\n"
    ],
    [
      'between brackets, where no comment can stand',
      'data: a\nlr: 1e-4 # peak\ntraining: {seed: 1}\n',
      'lr',
      'training.learning_rate',
      'data: a\ntraining: {seed: 1, learning_rate: 0.0001}\n'
    ],
    [
      'into a section that is not there',
      'data: a\nr: 4\n',
      'r',
      'method.r',
      'data: a\nmethod:\n  r: 4\n'
    ],
    [
      'into a short form, which is written out',
      'data: a # rows\nmax_samples: 4\n',
      'max_samples',
      'data.limit',
      'data:\n  train: a # rows\n  limit: 4\n'
    ],
    [
      'nowhere if that is gone',
      'data: a\n',
      'method.lora_r',
      'method.r',
      'data: a\n'
    ]
  ])('stands %s', (_, text, old, key, expected) => {
    const document = new ConfigDocument(text);
    const replaces = old.split('.');
    const change = { path: key.split('.'), value: document.get(replaces) };
    expect(document.apply([{ ...change, replaces }])).toBe(expected);
  });
});

describe('has', () => {
  it('counts what is written, in short form too', () => {
    const document = new ConfigDocument(
      'model: X\nmethod: {r: 8}\nsamples: Hi'
    );
    expect(document.has(['model', 'name_or_path'])).toBe(true);
    expect(document.has(['model', 'dtype'])).toBe(false);
    expect(document.has(['method', 'type'])).toBe(false);
    expect(document.get(['method', 'type'])).toBe('lora');
    expect(document.get(['samples', 'prompts'])).toEqual(['Hi']);
  });
});

describe('any sequence of edits', () => {
  const scalar = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.constantFrom(
      '$df',
      'yes',
      'a: b',
      '# c',
      'two\nlines',
      'ends\n',
      "it's",
      '{',
      '-',
      '1e5',
      ' x '
    ),
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map(value => value + 0),
    fc.boolean(),
    fc.constant(null)
  );
  const value = fc.oneof(
    { weight: 4, arbitrary: scalar },
    fc.array(scalar, { maxLength: 4 }),
    fc.array(fc.constantFrom('a', 'b', 'Tell me a story.\nA long one.'), {
      maxLength: 4
    }),
    fc.dictionary(fc.constantFrom('a', 'b', 'c d'), scalar, { maxKeys: 3 }),
    fc.array(
      fc.dictionary(fc.constantFrom('path', 'weight'), scalar, { maxKeys: 2 }),
      { maxLength: 3 }
    )
  ) as fc.Arbitrary<JSONValue>;
  const change = fc.record({
    path: fc.constantFrom(
      'model.name_or_path',
      'model.dtype',
      'data.train',
      'data.system',
      'method.r',
      'method.type',
      'objective.beta',
      'training.learning_rate',
      'training.max_steps',
      'samples.prompts',
      'samples.every_steps',
      'tracking.report_to',
      'launch.deepspeed.stage',
      'launch.num_processes'
    ),
    value: fc.option(value, { nil: undefined })
  });

  it('reads again as what it was meant to be', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...documents.map(([, text]) => text)),
        fc.array(change, { maxLength: 6 }),
        (text, changes) => {
          const made = changes.map(({ path, value }) => ({
            path: path.split('.'),
            value
          }));
          let one = text;
          for (const each of made) {
            const expected = meaning(
              changed(new ConfigDocument(one).expanded, each)
            );
            one = new ConfigDocument(one).apply([each]);
            expect(read(one)).toEqual(expected);
          }
          expect(new ConfigDocument(text).apply(made)).toBe(one);
        }
      ),
      { numRuns: 400 }
    );
  });

  it('leads to whole configurations', () => {
    const text = fc.constantFrom(...documents.map(([, text]) => text));
    fc.assert(
      fc.property(text, text, (from, to) => {
        const document = new ConfigDocument(from);
        const value = new ConfigDocument(to).expanded;
        const after = document.apply([{ path: [], value }]);
        expect(read(after)).toEqual(meaning(value));
      }),
      { numRuns: 200 }
    );
  });
});
