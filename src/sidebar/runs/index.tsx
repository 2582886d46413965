import { ReactWidget } from '@jupyterlab/apputils';
import { UseSignal } from '@jupyterlab/ui-components';

import React from 'react';

import { insertCodeCell } from '../../cell/actions';
import type { IKernelClient } from '../../tokens';
import type { ISidebarContext } from '../context';
import { PerNotebook } from '../kept';
import { kernelObstacle } from '../commands';
import { whileShown } from '../shown';
import { RunActions } from './actions';
import { Choice } from './choice';
import { runDeeds } from './deeds';
import { Runs } from './list';
import { RunsModel } from './model';

/**
 * All runs of the runs folder: where each stands, and what can be done to it.
 */
export class RunsSection extends ReactWidget {
  /**
   * @param open - shows runs in a tab: one, or several compared.
   */
  constructor(
    context: ISidebarContext,
    open: (runs: string[], client: IKernelClient) => void
  ) {
    super();
    const { trans } = context;
    this._context = context;
    this._model = new RunsModel(trans);
    this._choices = new PerNotebook({
      name: 'runs',
      store: context.state,
      create: () => new Choice()
    });
    this._actions = new RunActions({
      model: this._model,
      open,
      runCell: source => {
        const panel = context.notebooks.currentWidget;
        if (panel) {
          void insertCodeCell(panel, source, { run: true });
        }
      },
      settings: () => context.settings,
      trans
    });
    this.deeds = runDeeds(this._model, this._actions, {
      isCurrent: () => this._model.client === context.clients.current,
      isShown: () => this._isShown,
      look: () => this._look(),
      obstacle: () => kernelObstacle(context.clients),
      trans
    });
    this.id = 'jp-llmtune-runs';
    this.title.label = trans.__('Runs');
    this.addClass('jp-llmtune-runs');
    whileShown(this, context, isShown => {
      this._isShown = isShown;
      if (isShown) {
        this._follow();
      } else if (this._lookers === 0) {
        this._model.unwatch();
      }
    });
  }

  readonly deeds: ReturnType<typeof runDeeds>;

  dispose(): void {
    if (!this.isDisposed) {
      this._model.dispose();
      this._choices.dispose();
      this._actions.dispose();
      super.dispose();
    }
  }

  protected render(): JSX.Element {
    return (
      <UseSignal signal={this._model.changed}>
        {() => (
          <Runs
            model={this._model}
            actions={this._actions}
            trans={this._context.trans}
          />
        )}
      </UseSignal>
    );
  }

  /** Keep the list of the current notebook up to date. */
  private _follow(): void {
    const { clients, notebooks } = this._context;
    this._model.show(
      clients.current,
      this._choices.of(notebooks.currentWidget)
    );
    this._model.watch();
  }

  /** Do so although nobody may see it, until the function returned is called. */
  private _look(): () => void {
    this._lookers++;
    this._follow();
    return () => {
      this._lookers--;
      if (this._lookers === 0 && !this._isShown) {
        this._model.unwatch();
      }
    };
  }

  private _isShown = false;
  /** How many commands need the list. */
  private _lookers = 0;
  private readonly _context: ISidebarContext;
  private readonly _model: RunsModel;
  private readonly _choices: PerNotebook<Choice>;
  private readonly _actions: RunActions;
}
