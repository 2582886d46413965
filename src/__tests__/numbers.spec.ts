import { nullTranslator } from '@jupyterlab/translation';

import { count, decimal, percent, size } from '../numbers';

const trans = nullTranslator.load('');

describe('size', () => {
  it.each([
    [812, '812 B'],
    [12_400, '12 kB'],
    [812e6, '812 MB'],
    [1.34e9, '1.3 GB']
  ])('of %d bytes has a unit that fits', (bytes, text) => {
    expect(size(bytes, trans)).toBe(text);
  });
});

describe('numbers', () => {
  it('have separators, and no more digits than are of use', () => {
    expect(count(1234567.6)).toBe('1,234,568');
    expect(decimal(165.5)).toBe('165.5');
    expect(decimal(18.5949)).toBe('18.59');
    expect(percent(39_099, 50_763)).toBe('77%');
    expect(percent(1, 300)).toBe('0.3%');
    expect(percent(0, 0)).toBe('0%');
  });
});
