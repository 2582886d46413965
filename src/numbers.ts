import type { TranslationBundle } from '@jupyterlab/translation';

/** How the page's language writes numbers; before it is known, as the browser's does. */
let language: string | undefined;

/**
 * Write numbers as a language does.
 *
 * @param code - of JupyterLab, such as `ru_RU`.
 */
export function writeNumbersIn(code: string): void {
  language = code.replace(/_/g, '-');
}

/** A whole number with separators of thousands. */
export function count(value: number): string {
  return Math.round(value).toLocaleString(language);
}

/** A number with at most two decimals. */
export function decimal(value: number): string {
  return value.toLocaleString(language, { maximumFractionDigits: 2 });
}

/** A number with so many decimals. */
export function fixed(value: number, decimals: number): string {
  return value.toLocaleString(language, {
    minimumFractionDigits: decimals,
    maximumFractionDigits: decimals
  });
}

/** What stands before decimals, and between thousands. */
export function separators(): { decimal: string; thousands: string } {
  const parts = new Intl.NumberFormat(language).formatToParts(12345.5);
  const [decimal = '.', thousands = ''] = (['decimal', 'group'] as const).map(
    wanted => parts.find(({ type }) => type === wanted)?.value
  );
  return { decimal, thousands };
}

/** A part of a whole as `12.3%`; of nothing it is 0%. */
export function percent(part: number, whole: number): string {
  return (whole ? part / whole : 0).toLocaleString(language, {
    style: 'percent',
    maximumFractionDigits: 1
  });
}

/** Bytes as `12 kB`, `812 MB` or `1.3 GB`. */
export function size(bytes: number, trans: TranslationBundle): string {
  if (bytes >= 1e9) {
    return trans.__('%1 GB', fixed(bytes / 1e9, 1));
  }
  if (bytes >= 1e6) {
    return trans.__('%1 MB', count(bytes / 1e6));
  }
  return bytes >= 1e3
    ? trans.__('%1 kB', count(bytes / 1e3))
    : trans.__('%1 B', bytes);
}
