import { writeNumber } from '../cell/scalars';
import { separators } from '../numbers';

/**
 * A measure with four significant digits; a dash where there is none.
 */
export function measure(value: number | null): string {
  return value === null || !Number.isFinite(value)
    ? '–'
    : localized(writeNumber(Number(value.toPrecision(4))));
}

/**
 * A learning rate as a scientist writes it, with three significant digits at most: `2e-4`.
 */
export function learningRate(value: number): string {
  return value === 0
    ? '0'
    : localized(Number(value.toPrecision(3)).toExponential());
}

function localized(number: string): string {
  return number.replace('.', separators().decimal);
}

/**
 * The same two in the language of plotly.
 */
export const MEASURE_FORMAT = '.4~g';
export const LEARNING_RATE_FORMAT = '.2~e';
