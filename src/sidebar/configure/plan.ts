import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { IFault, IInspection } from '../../kernel/protocol';
import type { IKernelClient } from '../../tokens';

/**
 * What the kernel found when it last looked at a configuration and its data.
 */
export interface IPlan {
  /** The YAML that it looked at. */
  text: string;
  inspection: IInspection | null;
  fault: IFault | null;
  isComputing: boolean;
}

/**
 * What a run will take, by notebook; a kernel looks at one configuration at a time.
 */
export class RunPlan implements IDisposable {
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    if (!this._isDisposed) {
      this._isDisposed = true;
      this.cancel();
      Signal.clearData(this);
    }
  }

  of(client: IKernelClient | null): IPlan | null {
    return (client && this._plans.get(client)) ?? null;
  }

  /** Compute when nothing else is asked for a while. */
  computeSoon(client: IKernelClient, text: string): void {
    this.cancel();
    if (this.of(client)?.text !== text) {
      this._timer = window.setTimeout(
        () => void this.compute(client, text),
        PAUSE
      );
    }
  }

  /** Forget what `computeSoon` was asked. */
  cancel(): void {
    window.clearTimeout(this._timer);
    this._wanted.clear();
  }

  async compute(client: IKernelClient, text: string): Promise<void> {
    this.cancel();
    if (this.of(client)?.isComputing) {
      this._wanted.set(client, text);
      return;
    }
    const last = this.of(client)?.inspection ?? null;
    this._set(client, {
      text,
      inspection: last,
      fault: null,
      isComputing: true
    });
    const plan: IPlan = {
      text,
      inspection: null,
      fault: null,
      isComputing: false
    };
    try {
      const payload = { text, first: 3 };
      plan.inspection = await client.request('inspect', payload, {
        timeout: LONGEST
      });
    } catch (error) {
      plan.fault = error as IFault;
    }
    if (!this._isDisposed) {
      this._set(client, plan);
      const wanted = this._wanted.get(client);
      this._wanted.delete(client);
      if (wanted !== undefined && wanted !== text) {
        await this.compute(client, wanted);
      }
    }
  }

  private _set(client: IKernelClient, plan: IPlan): void {
    this._plans.set(client, plan);
    this._changed.emit();
  }

  private readonly _plans = new WeakMap<IKernelClient, IPlan>();
  /** What to look at next. */
  private readonly _wanted = new Map<IKernelClient, string>();
  private _timer = 0;
  private _isDisposed = false;
  private readonly _changed = new Signal<this, void>(this);
}

const PAUSE = 1000;

/** Models that are not there yet are downloaded, and large data sets read. */
const LONGEST = 3_600_000;
