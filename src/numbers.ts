import type { TranslationBundle } from '@jupyterlab/translation';

/** A whole number with separators of thousands. */
export function count(value: number): string {
  return Math.round(value).toLocaleString();
}

/** A number with at most two decimals. */
export function decimal(value: number): string {
  return value.toLocaleString(undefined, { maximumFractionDigits: 2 });
}

/** A part of a whole as `12.3%`; of nothing it is 0%. */
export function percent(part: number, whole: number): string {
  return (whole ? part / whole : 0).toLocaleString(undefined, {
    style: 'percent',
    maximumFractionDigits: 1
  });
}

/** Bytes as `12 kB`, `812 MB` or `1.3 GB`. */
export function size(bytes: number, trans: TranslationBundle): string {
  if (bytes >= 1e9) {
    return trans.__('%1 GB', (bytes / 1e9).toFixed(1));
  }
  if (bytes >= 1e6) {
    return trans.__('%1 MB', (bytes / 1e6).toFixed(0));
  }
  return bytes >= 1e3
    ? trans.__('%1 kB', (bytes / 1e3).toFixed(0))
    : trans.__('%1 B', bytes);
}
