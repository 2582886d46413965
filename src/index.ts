import { chartPlugin } from './chart/plugin';
import { commandsPlugin } from './commands/plugin';
import { inspectorPlugin } from './inspector/plugin';
import { kernelPlugin } from './kernel/plugin';
import { runsPlugin } from './runs/plugin';
import { settingsPlugin } from './settings';
import { sidebarPlugin } from './sidebar/plugin';
import { snapshotPlugin } from './snapshot/plugin';

export * from './tokens';

export default [
  chartPlugin,
  commandsPlugin,
  inspectorPlugin,
  kernelPlugin,
  runsPlugin,
  settingsPlugin,
  sidebarPlugin,
  snapshotPlugin
];
