import type { Widget } from '@lumino/widgets';

import { CellTracker } from '../cell/tracker';
import type { IKernelClient } from '../tokens';
import { CommandIDs } from '../tokens';
import { ConfigureSection } from './configure';
import { Connection } from './connection';
import type { ISidebarContext } from './context';
import { DataSection } from './data';
import { Header } from './header';
import { PlaygroundSection } from './playground';
import { RunsSection } from './runs';

/**
 * The parts of the sidebar: what stands above, and the sections of the accordion.
 */
export function createSections(context: ISidebarContext): {
  connection: Connection;
  header: Widget;
  sections: Widget[];
} {
  const connection = new Connection(context);
  const cells = new CellTracker(context.notebooks);
  const configure = new ConfigureSection(context, cells);
  const sections = [
    configure,
    new RunsSection(context, (runs, client) => {
      const args = { runs, notebook: notebookOf(context, client) };
      void context.app.commands.execute(CommandIDs.openRuns, args);
    }),
    new PlaygroundSection(context),
    new DataSection(context, configure.model)
  ];
  return { connection, header: new Header(context, connection), sections };
}

/** The path of the notebook that a client belongs to. */
function notebookOf(context: ISidebarContext, client: IKernelClient): string {
  const panel = context.notebooks.find(
    panel => context.clients.of(panel) === client
  );
  return panel?.context.path ?? '';
}
