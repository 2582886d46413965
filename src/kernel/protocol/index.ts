/**
 * The messages of the comm `llmtune` and the events of a run, as `schema/protocol.json` has them.
 */
export type * from './configuration';
export type * from './events';
export type * from './pushes';
export type * from './requests';
export type * from './runs';
export type * from './statistics';
export type * from './tables';
