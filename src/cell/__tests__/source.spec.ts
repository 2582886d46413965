import { composeCell, parseCell } from '../source';

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

describe('composeCell', () => {
  it('is read again as it was written', () => {
    const parts = parseCell(composeCell('run', 'model: X\n'))!;
    expect(parts.header.name).toBe('run');
    expect(parts.body).toBe('model: X');
    expect(parseCell(composeCell(null, 'a: 1'))!.header.name).toBeNull();
  });
});
