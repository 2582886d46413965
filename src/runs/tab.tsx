import type { MainAreaWidget } from '@jupyterlab/apputils';
import { ReactWidget } from '@jupyterlab/apputils';
import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import type { ISettingRegistry } from '@jupyterlab/settingregistry';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { JSONObject } from '@lumino/coreutils';
import { UUID } from '@lumino/coreutils';
import type { Message } from '@lumino/messaging';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import React from 'react';

import type { ChartChoice } from '../chart/figure';
import { createTab } from '../mainArea';
import { localizedSchema } from '../sidebar/configure/localized';
import type { IKernelClient, IKernelClients } from '../tokens';
import { NotebookClient } from './clientSource';
import { Coalescer } from './coalescer';
import { CompareView } from './compare';
import { confirmStop } from './confirm';
import { RunModel } from './model';
import { RunView } from './view';

/**
 * What a tab shows; enough to open it again.
 */
export interface IRunTabArgs {
  /** Names; several are compared. */
  runs: string[];
  /** Path of the notebook whose kernel tells about them. */
  notebook: string;
}

/**
 * A tab of the main area with one run, or with several compared.
 */
export function createRunTab(options: RunTab.IOptions): MainAreaWidget<RunTab> {
  const { trans } = options;
  const content = new RunTab(options);
  const tab = createTab(content, 'run');
  const name = () => {
    const { runs } = content.args;
    const names = runs.join(', ');
    const compared = trans.__('Compare %1', names);
    tab.title.label = runs.length === 1 ? names : compared;
    tab.title.caption = names;
    // JupyterLab names the content of every tab of the main area alike.
    const region = runs.length === 1 ? trans.__('Run %1', names) : compared;
    content.node.setAttribute('aria-label', region);
  };
  name();
  content.argsChanged.connect(name);
  return tab;
}

/**
 * The content of such a tab.
 */
export class RunTab extends ReactWidget {
  constructor(options: RunTab.IOptions) {
    super();
    const { settings, trans } = options;
    this._options = options;
    this._source = new NotebookClient(
      options.notebook,
      options.notebooks,
      options.clients
    );
    this._chart = {
      smoothing: (settings?.get('chartSmoothing').composite as number) ?? 0.6,
      logScale: settings?.get('chartLogScale').composite === true
    };
    const { _chart: chart } = this;
    this._models = options.runs.map(
      run => new RunModel({ run, source: this._source, chart, trans })
    );
    for (const model of this._models) {
      model.changed.connect(this._onChanged, this);
      model.renamed.connect(this._onRenamed, this);
    }
    this._source.changed.connect(() => this._argsChanged.emit());
    this.addClass('jp-llmtune-run');
  }

  get args(): IRunTabArgs {
    const runs = this._models.map(({ run }) => run);
    return { runs, notebook: this._source.path };
  }

  /** Emitted when the notebook or a run was renamed. */
  get argsChanged(): ISignal<this, void> {
    return this._argsChanged;
  }

  dispose(): void {
    if (!this.isDisposed) {
      this._models.forEach(model => model.dispose());
      this._source.dispose();
      this._redraw.dispose();
      super.dispose();
    }
  }

  protected onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    this._watch(this.isVisible);
  }

  protected onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this._watch(true);
    this.update();
  }

  protected onBeforeHide(message: Message): void {
    super.onBeforeHide(message);
    this._watch(false);
  }

  protected onBeforeDetach(message: Message): void {
    super.onBeforeDetach(message);
    this._watch(false);
  }

  protected render(): JSX.Element {
    const { insertCell, insertRun, settings, trans } = this._options;
    const { panel } = this._source;
    const insert =
      insertCell && panel
        ? (source: string) => insertCell(panel, source, true)
        : undefined;
    if (this._models.length > 1) {
      return (
        <CompareView
          models={this._models}
          chart={this._chart}
          schema={this._schema}
          trans={trans}
          runCell={insert}
        />
      );
    }
    const [model] = this._models;
    return (
      <RunView
        id={this._id}
        model={model}
        trans={trans}
        runCell={insert}
        insertRun={
          insertRun && panel
            ? text => insertRun(panel, text, model.known)
            : undefined
        }
        confirmStop={run => confirmStop(run, settings, trans)}
      />
    );
  }

  private _onChanged(): void {
    const { client } = this._source;
    const isCompared = this._models.length > 1;
    if (isCompared && !this._schema && client?.status.kind === 'ready') {
      void this._askSchema(client);
    }
    this._redraw.touch();
  }

  /** Ask, once, what the form calls the settings. */
  private async _askSchema(client: IKernelClient): Promise<void> {
    if (this._asked === client) {
      return;
    }
    this._asked = client;
    try {
      const schema = await client.request('schema', {});
      this._schema = localizedSchema(schema, this._options.trans);
      this._redraw.touch();
    } catch {
      // Their keys say it, too.
      this._asked = null;
    }
  }

  private _onRenamed(): void {
    this._argsChanged.emit();
    this._onChanged();
  }

  private _watch(isWatched: boolean): void {
    for (const model of this._models) {
      model.isWatched = isWatched;
    }
  }

  private readonly _options: RunTab.IOptions;
  private readonly _source: NotebookClient;
  private readonly _models: readonly RunModel[];
  private readonly _chart: ChartChoice;
  private _schema: JSONObject | null = null;
  private _asked: IKernelClient | null = null;
  private readonly _id = `jp-llmtune-parts-${UUID.uuid4()}`;
  private readonly _redraw = new Coalescer(() => {
    if (this.isVisible) {
      this.update();
    }
  });
  private readonly _argsChanged = new Signal<this, void>(this);
}

export namespace RunTab {
  export interface IOptions extends IRunTabArgs {
    clients: IKernelClients;
    notebooks: INotebookTracker;
    settings: ISettingRegistry.ISettings | null;
    trans: TranslationBundle;
    /** Put a cell with this source into a notebook, and run it if asked. */
    insertCell?: (panel: NotebookPanel, source: string, isRun: boolean) => void;
    /** Put a cell into a notebook that starts a run with this configuration, under a name that none of the known has. */
    insertRun?: (
      panel: NotebookPanel,
      text: string,
      known: readonly string[]
    ) => void;
  }
}
