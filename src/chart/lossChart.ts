import type { TranslationBundle } from '@jupyterlab/translation';

import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import { ChartControls } from './controls';
import type { ChartChoice, IChartSettings } from './figure';
import { layout, summary, traces } from './figure';
import type { IMeasureGroup } from './measures';
import { measureGroups, shownName } from './measures';
import type { IFigure } from './plot';
import { Plot } from './plot';
import type { ChartData } from './series';
import { readTheme } from './theme';

/**
 * What a loss chart shows.
 */
export interface ILossChartModel {
  readonly data: ChartData;
  readonly settings: IChartSettings;
  readonly settingsChanged: ISignal<ILossChartModel, void>;
  /** Take over a choice of the user. */
  choose(change: Partial<ChartChoice>): void;
}

/**
 * A chart of losses or measures, learning rate and gradient norm that follows its model and the theme.
 */
export class LossChart implements IDisposable {
  constructor(options: LossChart.IOptions) {
    this._model = options.model;
    this._trans = options.trans;
    this._plot = new Plot(width => this._figure(width), this._trans);
    this.node = options.node ?? document.createElement('div');
    this.node.classList.add('jp-llmtune-chart');
    this._controls = new ChartControls({
      trans: this._trans,
      onChange: change => this._model.choose(change),
      onResetZoom: () => void this._plot.resetZoom()
    });
    this.node.append(this._controls.node, this._plot.node);

    this._model.data.changed.connect(this._onDataChanged, this);
    this._model.settingsChanged.connect(this._onSettingsChanged, this);
    this._onDataChanged();
    this._onSettingsChanged();
  }

  /** Its attributes `data-points` and `data-eval-points` count the rows that it has been given. */
  readonly node: HTMLElement;

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    if (this._isDisposed) {
      return;
    }
    this._isDisposed = true;
    this._plot.dispose();
    Signal.clearData(this);
  }

  private _onDataChanged(): void {
    const { data } = this._model;
    this.node.dataset.points = String(data.train.length);
    this.node.dataset.evalPoints = String(data.eval.length);
    this._update();
  }

  private _onSettingsChanged(): void {
    const { settings } = this._model;
    this._plot.node.style.height = `${settings.height}px`;
    this._update();
  }

  private _update(): void {
    const { data, settings } = this._model;
    const groups = measureGroups(data, this._trans);
    const names = groups.map(({ id }) => id);
    const shown = shownName(names, settings.show);
    this._group = groups.find(({ id }) => id === shown)!;
    this._controls.update(settings, groups, shown);
    const words = summary(data, this._group, this._trans);
    this._plot.node.setAttribute('aria-label', words);
    this._plot.redraw();
  }

  private _figure(width: number): IFigure {
    const { data, settings } = this._model;
    const theme = readTheme(this.node);
    return {
      traces: traces(data, this._group, settings, theme, this._trans),
      layout: layout(data, this._group, width, settings, theme, this._trans)
    };
  }

  private readonly _model: ILossChartModel;
  private readonly _trans: TranslationBundle;
  private readonly _controls: ChartControls;
  private readonly _plot: Plot;
  private _group!: IMeasureGroup;
  private _isDisposed = false;
}

export namespace LossChart {
  export interface IOptions {
    model: ILossChartModel;
    trans: TranslationBundle;
    /** The element to fill; a new one by default. */
    node?: HTMLElement;
  }
}
