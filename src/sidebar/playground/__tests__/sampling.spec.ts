import { nullTranslator } from '@jupyterlab/translation';

import { faultOf } from '../sampling';

const trans = nullTranslator.load('');

describe('A number of the sampling settings', () => {
  it.each([
    ['0.7', ''],
    ['', 'Type a number.'],
    ['-0.1', 'At least 0.'],
    ['2.5', 'At most 2.']
  ])('is judged as it is typed: %p', (text, fault) => {
    expect(faultOf(text, { min: 0, max: 2, step: 0.1 }, trans)).toBe(fault);
  });

  it('is whole where only whole numbers make sense', () => {
    const bounds = { min: 1, step: 1 };
    expect(faultOf('128', bounds, trans)).toBe('');
    expect(faultOf('12.8', bounds, trans)).toBe('Type a whole number.');
  });
});
