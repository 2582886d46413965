/** A number with separators of thousands, and at most two decimals. */
export function count(value: number): string {
  return value.toLocaleString(undefined, { maximumFractionDigits: 2 });
}

/** A part of a whole as `12.3%`; of nothing it is 0%. */
export function percent(part: number, whole: number): string {
  return (whole ? part / whole : 0).toLocaleString(undefined, {
    style: 'percent',
    maximumFractionDigits: 1
  });
}
