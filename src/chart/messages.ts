import type { ISnapshot } from '../tokens';
import type { TableName } from './series';

/**
 * Custom messages from the kernel to a chart. To the kernel goes only `{type: 'replay'}`: send all rows again.
 */
export type ChartMessage =
  IAppendMessage | { type: 'reset' } | ({ type: 'snapshot' } & ISnapshot);

/**
 * Rows of a table; the values are in the only buffer, column-major float32.
 */
export interface IAppendMessage {
  type: 'append';
  table: TableName;
  start: number;
  count: number;
  columns: string[];
}
