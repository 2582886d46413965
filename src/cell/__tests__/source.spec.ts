import { composeCell, parseCell, quoted, renamed, startsAnew } from '../source';

describe('parseCell', () => {
  it.each([
    ['%%finetune run\nmodel: X', 'run', [], 'model: X'],
    ['%%finetune\nmodel: X\n', null, [], 'model: X\n'],
    ['%%finetune run', 'run', [], ''],
    ['%%finetune   run2  --wait  \nx', 'run2', ['--wait'], 'x'],
    ['%%finetune --dry-run run\nx', 'run', ['--dry-run'], 'x'],
    ['%%finetune --resume old new\nx', 'new', ['--resume', 'old'], 'x'],
    ['%%finetune --resume=old new\nx', 'new', ['--resume=old'], 'x'],
    ['%%finetune --resume old\n', null, ['--resume', 'old'], ''],
    ['%%finetune "run"\nx', 'run', [], 'x'],
    ['%%finetune a b\nx', 'a', ['b'], 'x'],
    ['%%finetune run\r\nmodel: X\r\n', 'run', [], 'model: X\r\n']
  ])('%j', (source, name, options, body) => {
    const parts = parseCell(source)!;
    expect([parts.header.name, parts.header.options]).toEqual([name, options]);
    expect(parts.body).toBe(body);
    expect(source.slice(parts.bodyOffset)).toBe(body);
  });

  it('knows where the YAML starts below empty lines', () => {
    const parts = parseCell('\n  \n%%finetune run\nmodel: X')!;
    expect(parts.prefix).toBe('\n  \n');
    expect(parts.header.line).toBe('%%finetune run');
    expect(parts.bodyLine).toBe(3);
  });

  it.each([
    '',
    'model: X',
    '# first\n%%finetune run',
    ' %%finetune run',
    '%finetune run',
    '%%finetuned run',
    '%%finetune? run',
    '%%sample run\nHi'
  ])('%j is no such cell', source => {
    expect(parseCell(source)).toBeNull();
  });
});

describe('renamed', () => {
  it.each([
    ['%%finetune run', '%%finetune x'],
    ['%%finetune  --wait run  # 1', '%%finetune  --wait x  # 1'],
    ['%%finetune --resume run run', '%%finetune --resume run x'],
    ['%%finetune "run"', '%%finetune x'],
    ['%%finetune', '%%finetune']
  ])('%j', (line, expected) => {
    expect(renamed(parseCell(line)!.header, 'x')).toBe(expected);
  });
});

describe('startsAnew', () => {
  it.each([
    ['%%finetune run --wait', true],
    ['%%finetune run --resume old', false],
    ['%%finetune run --resume=old', false],
    ['%%finetune run --dry-run', false]
  ])('%j', (line, expected) => {
    expect(startsAnew(parseCell(line)!.header)).toBe(expected);
  });
});

describe('quoted', () => {
  it('is one word to shlex', () => {
    expect(quoted('$df')).toBe('$df');
    expect(quoted('data/rows-1.jsonl')).toBe('data/rows-1.jsonl');
    expect(quoted('my rows.jsonl')).toBe("'my rows.jsonl'");
    expect(quoted("it's.csv")).toBe(`'it'"'"'s.csv'`);
  });
});

describe('composeCell', () => {
  it('is read again as it was written', () => {
    const parts = parseCell(composeCell('run', 'model: X\n'))!;
    expect(parts.header.name).toBe('run');
    expect(parts.body).toBe('model: X');
    expect(parseCell(composeCell(null, 'a: 1'))!.header.name).toBeNull();
    expect(composeCell('run', 'a: 1\r\nb: 2\r\n')).toBe(
      '%%finetune run\na: 1\nb: 2'
    );
  });
});
