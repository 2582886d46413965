export type { IRunTabArgs } from './tab';
export { createRunTab, RunTab } from './tab';
