import { writeNumbersIn } from '../../numbers';
import { learningRate, measure } from '../wording';

describe('The wording of numbers', () => {
  it.each([
    [2.34567, '2.346'],
    [0.0002, '0.0002'],
    [0.0000029123, '2.912e-6'],
    [0, '0'],
    [1234.6, '1235'],
    [123456, '123500'],
    [null, '–'],
    [NaN, '–']
  ])('keeps four digits of the measure %p', (value, text) => {
    expect(measure(value)).toBe(text);
  });

  it.each([
    [2e-4, '2e-4'],
    [0.000113456, '1.13e-4'],
    [0.000086, '8.6e-5'],
    [0.001, '1e-3'],
    [0, '0']
  ])('writes the learning rate %p as a scientist does', (value, text) => {
    expect(learningRate(value)).toBe(text);
  });

  it('writes decimals as the language of the page does', () => {
    writeNumbersIn('ru_RU');
    const written = [measure(2.34567), measure(2.9e-6), learningRate(1.13e-4)];
    writeNumbersIn('en');
    expect(written).toEqual(['2,346', '2,9e-6', '1,13e-4']);
  });
});
