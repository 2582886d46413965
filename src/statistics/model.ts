import type { ISignal } from '@lumino/signaling';

import { ConfigDocument } from '../cell/document';
import { Changing } from '../changing';
import type {
  IFault,
  IProgress,
  ISoFar,
  IStatistics
} from '../kernel/protocol';
import type { IKernelClient, IUnderWay } from '../tokens';

/**
 * The statistics of the training data of a configuration, which are counted when a user asks.
 */
export class StatisticsModel extends Changing {
  constructor(configuration: StatisticsModel.IConfiguration) {
    super();
    this._configuration = configuration;
    for (const signal of configuration.changes) {
      signal.connect(this.emit, this);
    }
  }

  /** Whether they are shown. */
  get isOpen(): boolean {
    return this._isOpen;
  }

  set isOpen(isOpen: boolean) {
    if (isOpen === this._isOpen) {
      return;
    }
    this._isOpen = isOpen;
    if (!isOpen) {
      this.cancel();
    } else if (!this._shown || this.isPartial) {
      void this.count();
    }
    this.emit();
  }

  /** Those of the rows read so far while they are counted; null while nothing is known of what is shown. */
  get statistics(): IStatistics | ISoFar | null {
    return this._shown?.statistics ?? null;
  }

  /** Whether they are those of some rows only. */
  get isPartial(): boolean {
    const { statistics } = this;
    return statistics !== null && !isWhole(statistics);
  }

  /** Why they could not be counted. */
  get fault(): IFault | null {
    return this.isOld ? null : (this._shown?.fault ?? null);
  }

  /** Whether the configuration, or a variable that it names, has changed since. */
  get isOld(): boolean {
    const { _shown: shown } = this;
    const target = this._configuration.target();
    return (
      shown !== null &&
      (shown.target.text !== target?.text || shown.target.data !== target.data)
    );
  }

  get isCounting(): boolean {
    return this._underWay !== null;
  }

  /** Null before it reads rows. */
  get progress(): IProgress | null {
    return this._progress;
  }

  /** Whether there is something to count. */
  get canCount(): boolean {
    return this._configuration.target() !== null;
  }

  async count(): Promise<void> {
    const target = this._configuration.target();
    this.cancel();
    if (!target) {
      return;
    }
    const underWay = target.client.count(target.text, progress => {
      if (underWay === this._underWay) {
        this._progress = progress;
        if (progress.so_far) {
          this._found = { target, statistics: progress.so_far, fault: null };
        }
        this.emit();
      }
    });
    this._underWay = underWay;
    this._progress = null;
    this.emit();
    const found: IFound = { target, statistics: null, fault: null };
    try {
      found.statistics = await underWay.done;
    } catch (error) {
      found.fault = error as IFault;
    }
    if (underWay === this._underWay && !this.isDisposed) {
      this._underWay = null;
      this._found = found;
      this.emit();
    }
  }

  /** What was counted up to now stays. */
  cancel(): void {
    const underWay = this._underWay;
    if (underWay) {
      this._underWay = null;
      underWay.cancel();
      this.emit();
    }
  }

  /** The `max_length` of the configuration. */
  get maxLength(): number {
    const { expanded } = new ConfigDocument(
      this._configuration.target()?.text ?? ''
    );
    const data = expanded.data as { max_length?: unknown } | undefined;
    return typeof data?.max_length === 'number'
      ? data.max_length
      : (this.statistics?.max_length ?? 0);
  }

  /** The `max_length` whose effect is shown. */
  get limit(): number {
    const limit = this._limit;
    return limit && limit.place === this._configuration.target()?.place
      ? limit.value
      : this.maxLength;
  }

  set limit(value: number) {
    const { place = '' } = this._configuration.target() ?? {};
    this._limit = { place, value };
    this.emit();
  }

  /** Whether `write` would change the configuration. */
  get canWrite(): boolean {
    return this._configuration.isEditable() && this.limit !== this.maxLength;
  }

  /** Make the limit that is shown the `max_length` of the configuration. */
  write(): void {
    this._configuration.write(this.limit);
    this._limit = null;
    void this.count();
  }

  protected onDispose(): void {
    this.cancel();
  }

  /** What was found of what the configuration is of now. */
  private get _shown(): IFound | null {
    const found = this._found;
    const target = this._configuration.target();
    return found &&
      found.target.place === target?.place &&
      found.target.client === target.client
      ? found
      : null;
  }

  private readonly _configuration: StatisticsModel.IConfiguration;
  private _isOpen = false;
  private _underWay: IUnderWay<IStatistics> | null = null;
  private _progress: IProgress | null = null;
  private _found: IFound | null = null;
  private _limit: { place: string; value: number } | null = null;
}

export namespace StatisticsModel {
  /** Whose data are counted. */
  export interface ITarget {
    client: IKernelClient;
    /** Of its cell or draft. */
    place: string;
    /** Its YAML. */
    text: string;
    /** What is known of the variables that it names. */
    data: string;
  }

  export interface IConfiguration {
    /** Null where there is nothing to count, or nobody who could. */
    target: () => ITarget | null;
    /** Emitted when the target is another. */
    changes: ISignal<unknown, unknown>[];
    isEditable: () => boolean;
    write: (maxLength: number) => void;
  }
}

/** Whether statistics are those of all rows. */
export function isWhole(
  statistics: IStatistics | ISoFar
): statistics is IStatistics {
  return 'steps' in statistics;
}

interface IFound {
  target: StatisticsModel.ITarget;
  statistics: IStatistics | ISoFar | null;
  fault: IFault | null;
}
