import type { Widget } from '@lumino/widgets';

import { CellTracker } from '../cell/tracker';
import type { IKernelClient, IShownConfiguration } from '../tokens';
import { CommandIDs } from '../tokens';
import { ConfigureSection } from './configure';
import { configureDeeds } from './configure/deeds';
import { Connection } from './connection';
import type { ISidebarContext } from './context';
import type { Deeds } from './deeds';
import { DataSection } from './data';
import { Header } from './header';
import { PlaygroundSection } from './playground';
import { RunsSection } from './runs';

/**
 * The parts of the sidebar: what stands above, the sections of the accordion, and what is of use elsewhere.
 */
export function createSections(context: ISidebarContext): {
  connection: Connection;
  header: Widget;
  sections: Widget[];
  deeds: Deeds;
  configuration: IShownConfiguration;
} {
  const connection = new Connection(context);
  const cells = new CellTracker(context.notebooks);
  const configure = new ConfigureSection(context, cells);
  const runs = new RunsSection(context, (runs, client) => {
    const args = { runs, notebook: notebookOf(context, client) };
    void context.app.commands.execute(CommandIDs.openRuns, args);
  });
  const sections = [
    configure,
    runs,
    new PlaygroundSection(context, configure.model),
    new DataSection(context, configure.model)
  ];
  const deeds: Deeds = {
    ...configureDeeds(
      configure.model,
      async () => {
        // Where it is shown, the keyboard stays in the field that it is in.
        if (!context.isActive) {
          await context.app.commands.execute(CommandIDs.showSidebar);
        }
      },
      context.trans
    ),
    ...runs.deeds
  };
  const header = new Header(context, connection);
  const configuration = configure.model.edited;
  return { connection, header, sections, deeds, configuration };
}

/** The path of the notebook that a client belongs to. */
function notebookOf(context: ISidebarContext, client: IKernelClient): string {
  const panel = context.notebooks.find(
    panel => context.clients.of(panel) === client
  );
  return panel?.context.path ?? '';
}
