import type { ISettingRegistry } from '@jupyterlab/settingregistry';
import type { TranslationBundle } from '@jupyterlab/translation';

import { CommandRegistry } from '@lumino/commands';
import { Menu } from '@lumino/widgets';

import type { IRunSummary } from '../../kernel/protocol';
import { confirmDelete, confirmStop } from '../../runs/confirm';
import {
  canBeTold,
  canGoOn,
  canSample,
  isOver,
  lineToGoOn
} from '../../runs/wording';
import type { IKernelClient } from '../../tokens';
import { askEdit } from './editing';
import type { RunsModel } from './model';

/**
 * What a user can do to a run of the list: as methods, and as a menu.
 */
export class RunActions {
  constructor(options: RunActions.IOptions) {
    this._options = options;
    this._menu = new Menu({
      commands: this._createCommands(),
      renderer: new MenuRenderer()
    });
    // Before a command runs, so that a dialog gives the focus back to where it was.
    this._menu.aboutToClose.connect(() => {
      if (this._opener instanceof HTMLElement) {
        this._opener.focus();
      }
    });
    for (const command of MENU) {
      this._menu.addItem(command ? { command } : { type: 'separator' });
    }
  }

  dispose(): void {
    this._menu.dispose();
  }

  open(runs: string[]): void {
    const { client } = this._options.model;
    if (client && runs.length > 0) {
      this._options.open(runs, client);
    }
  }

  rename(run: IRunSummary): Promise<void> {
    return this._edit(run, 'name');
  }

  async stop(run: IRunSummary): Promise<void> {
    const { model, settings, trans } = this._options;
    if (await confirmStop(run.name, settings(), trans)) {
      await model.control(run.name, 'stop');
    }
  }

  /** Move those of the runs that are over to the trash. */
  async delete(runs: readonly IRunSummary[]): Promise<void> {
    const { model, settings, trans } = this._options;
    const names = runs
      .filter(({ state }) => isOver(state))
      .map(({ name }) => name);
    if (names.length > 0 && (await confirmDelete(names, settings(), trans))) {
      await model.delete(names);
    }
  }

  /** Show the menu of a run at a place of the window. */
  showMenu(run: IRunSummary, x: number, y: number): void {
    this._run = run;
    this._opener = document.activeElement;
    this._menu.open(x, y);
  }

  private _createCommands(): CommandRegistry {
    const { model, trans } = this._options;
    const commands = new CommandRegistry();
    const add = (
      id: string,
      label: string | (() => string),
      execute: (run: IRunSummary) => unknown,
      isEnabled: (run: IRunSummary) => boolean = () => true,
      isVisible: (run: IRunSummary) => boolean = () => true
    ) =>
      commands.addCommand(id, {
        label,
        execute: () => this._run && execute(this._run),
        isEnabled: () => this._run !== null && isEnabled(this._run),
        isVisible: () => this._run !== null && isVisible(this._run),
        describedBy: { args: null }
      });
    const isPaused = ({ state }: IRunSummary) => state === 'paused';
    add('open', trans.__('Open'), run => this.open([run.name]));
    add(
      'pause',
      trans.__('Pause'),
      ({ name }) => model.control(name, 'pause'),
      ({ state }) => canBeTold(state).pause,
      run => !isPaused(run)
    );
    add(
      'resume',
      trans.__('Resume'),
      ({ name }) => model.control(name, 'resume'),
      ({ state }) => canBeTold(state).resume,
      isPaused
    );
    add(
      'stop',
      trans.__('Stop'),
      run => this.stop(run),
      ({ state }) => canBeTold(state).stop
    );
    add(
      'sample',
      () =>
        this._run?.has_prompts
          ? trans.__('Sample Now')
          : trans.__('Sample Now (no prompts)'),
      ({ name }) => model.sample(name),
      canSample
    );
    add(
      'continue',
      () =>
        this._run?.has_checkpoint
          ? trans.__('Train On')
          : trans.__('Train On (no checkpoint)'),
      ({ name }) => this._options.runCell(lineToGoOn(name)),
      run => run.has_checkpoint,
      ({ state }) => canGoOn(state)
    );
    add(
      'rename',
      trans.__('Rename…'),
      run => this.rename(run),
      ({ state }) => isOver(state)
    );
    add('tags', trans.__('Tags…'), run => this._edit(run, 'tags'));
    add('note', trans.__('Note…'), run => this._edit(run, 'note'));
    add(
      'delete',
      trans.__('Delete'),
      run => this.delete([run]),
      ({ state }) => isOver(state)
    );
    return commands;
  }

  private _edit(
    run: IRunSummary,
    what: 'name' | 'tags' | 'note'
  ): Promise<void> {
    const { model, trans } = this._options;
    return askEdit(run, what, edit => model.edit(edit), trans);
  }

  private readonly _options: RunActions.IOptions;
  private readonly _menu: Menu;
  private _run: IRunSummary | null = null;
  private _opener: Element | null = null;
}

/**
 * Draws lines that cannot have the focus: Lumino's can, and so count as items without a name.
 */
class MenuRenderer extends Menu.Renderer {
  renderItem(data: Menu.IRenderData): ReturnType<Menu.IRenderer['renderItem']> {
    const element = super.renderItem(data);
    if (data.item.type === 'separator') {
      delete (element.attrs as { tabindex?: string }).tabindex;
    }
    return element;
  }
}

export namespace RunActions {
  export interface IOptions {
    model: RunsModel;
    /** Show runs in a tab: one, or several compared. */
    open: (runs: string[], client: IKernelClient) => void;
    /** Put a cell with this source into the notebook, and run it. */
    runCell: (source: string) => void;
    settings: () => ISettingRegistry.ISettings | null;
    trans: TranslationBundle;
  }
}

/** Commands in their order; null is a line between them. */
const MENU = [
  'open',
  null,
  'pause',
  'resume',
  'stop',
  'sample',
  'continue',
  null,
  'rename',
  'tags',
  'note',
  null,
  'delete'
];
