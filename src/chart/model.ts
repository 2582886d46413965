import type { IBackboneModelOptions } from '@jupyter-widgets/base';
import { DOMWidgetModel } from '@jupyter-widgets/base';
import type { Kernel } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { JSONObject } from '@lumino/coreutils';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import { subshellReady } from '../kernel/subshell';
import type { ISnapshotWriter } from '../tokens';
import { VERSION } from '../version';
import type { ChartChoice, IChartSettings } from './figure';
import type { ILossChartModel } from './lossChart';
import type { ChartMessage } from './messages';
import { ChartData } from './series';

/**
 * What chart widgets need from the application.
 */
export interface IChartServices {
  readonly trans: TranslationBundle;
  readonly snapshots: ISnapshotWriter;
  /** What holds where the kernel leaves the choice open. */
  readonly defaults: ChartChoice;
}

/**
 * The model of a loss chart: settings are traits, rows come as custom messages.
 */
export abstract class LossChartModel
  extends DOMWidgetModel
  implements ILossChartModel
{
  abstract readonly services: IChartServices;

  // Backbone calls `initialize` within the constructor of the base class: fields are set there.
  data!: ChartData;

  defaults(): any {
    return {
      ...super.defaults(),
      _model_name: 'LossChartModel',
      _view_name: 'LossChartView',
      _model_module: 'jupyterlab-llmtune',
      _view_module: 'jupyterlab-llmtune',
      _model_module_version: VERSION,
      _view_module_version: VERSION,
      title: '',
      log_scale: null,
      smoothing: null,
      show: null,
      height: 320
    };
  }

  initialize(
    attributes: Backbone.ObjectHash,
    options: IBackboneModelOptions
  ): void {
    super.initialize(attributes, options);
    this.data = new ChartData();
    this._settingsChanged = new Signal<ILossChartModel, void>(this);
    this.data.rowsMissing.connect(this._replay, this);
    this.on('msg:custom', this._onMessage, this);
    this.on(
      'change:title change:log_scale change:smoothing change:show change:height',
      () => this._settingsChanged.emit()
    );
    void this._replay();
  }

  get settings(): IChartSettings {
    const { defaults } = this.services;
    return {
      title: this.get('title'),
      logScale: this.get('log_scale') ?? defaults.logScale,
      smoothing: this.get('smoothing') ?? defaults.smoothing,
      show: this.get('show') ?? undefined,
      height: this.get('height')
    };
  }

  get settingsChanged(): ISignal<ILossChartModel, void> {
    return this._settingsChanged;
  }

  choose(change: Partial<ChartChoice>): void {
    if (change.logScale !== undefined) {
      this.set('log_scale', change.logScale);
    }
    if (change.smoothing !== undefined) {
      this.set('smoothing', change.smoothing);
    }
    if (change.show !== undefined) {
      this.set('show', change.show);
    }
    if (this.comm_live) {
      this.save_changes();
    }
  }

  close(commClosed = false): Promise<void> {
    this.data.dispose();
    Signal.clearData(this);
    return super.close(commClosed);
  }

  /** Ask for all rows from the first, without waiting for a running cell. */
  private async _replay(): Promise<void> {
    const { kernel } = this.widget_manager as {
      kernel?: Kernel.IKernelConnection | null;
    };
    const { jsServicesComm } = (this.comm ?? {}) as {
      jsServicesComm?: Kernel.IComm;
    };
    if (kernel && jsServicesComm) {
      await subshellReady(kernel, jsServicesComm);
    }
    if (this.comm_live) {
      this.send({ type: 'replay' }, {});
    }
  }

  private _onMessage(content: JSONObject, buffers: DataView[]): void {
    const message = content as unknown as ChartMessage;
    switch (message.type) {
      case 'append':
        this.data.append(message.table, {
          ...message,
          values: float32(buffers[0])
        });
        break;
      case 'reset':
        this.data.reset();
        break;
      case 'snapshot':
        this.services.snapshots.write(message);
        break;
    }
  }

  private _settingsChanged!: Signal<ILossChartModel, void>;
}

/** Copied, because a buffer within a message need not be aligned to 4 bytes. */
function float32(view: DataView): Float32Array {
  const end = view.byteOffset + view.byteLength;
  return new Float32Array(view.buffer.slice(view.byteOffset, end));
}
