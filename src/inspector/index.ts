export type { IInspectorArgs } from './tab';
export { createInspectorTab, InspectorTab } from './tab';
