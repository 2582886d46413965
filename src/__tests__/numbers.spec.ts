import { nullTranslator } from '@jupyterlab/translation';

import {
  count,
  decimal,
  fixed,
  percent,
  separators,
  size,
  writeNumbersIn
} from '../numbers';

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
    expect(fixed(12, 2)).toBe('12.00');
  });

  it('are written as the language of the page writes them', () => {
    writeNumbersIn('ru_RU');
    const written = [count(11280), decimal(1599.4), fixed(1.5, 2)];
    const marks = separators();
    writeNumbersIn('en');
    expect(written).toEqual(['11\u00a0280', '1\u00a0599,4', '1,50']);
    expect(marks).toEqual({ decimal: ',', thousands: '\u00a0' });
    expect(separators()).toEqual({ decimal: '.', thousands: ',' });
    expect(count(11280)).toBe('11,280');
  });
});
