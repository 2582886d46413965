import type { JSONObject } from '@lumino/coreutils';

import type { ITableSource } from '../kernel/protocol';

/**
 * What a source is called: its path, `$` and the name of a variable, or a registered name.
 */
export function nameOf(source: ITableSource['source']): string {
  return typeof source === 'string'
    ? source
    : String((source as JSONObject | null)?.source ?? '');
}
