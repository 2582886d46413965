/**
 * Exponential moving average without the bias towards zero of its first values, as TensorBoard draws it
 * (the correction is that of Adam: Kingma and Ba, 2015, section 3).
 *
 * @param values - missing values (NaN) stay missing and do not count.
 * @param weight - of the past, from 0 (no smoothing) to 1.
 */
export function smooth(values: Float32Array, weight: number): Float32Array {
  const past = Math.min(Math.max(weight, 0), MAX_WEIGHT);
  const smoothed = new Float32Array(values.length);
  let average = 0;
  let bias = 1;
  values.forEach((value, row) => {
    if (Number.isFinite(value)) {
      average = past * average + (1 - past) * value;
      bias *= past;
      smoothed[row] = average / (1 - bias);
    } else {
      smoothed[row] = NaN;
    }
  });
  return smoothed;
}

/** A weight of 1 would never move. */
const MAX_WEIGHT = 0.999;
