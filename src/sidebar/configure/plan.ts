import { Changing } from '../../changing';
import type { IFault, IInspection } from '../../kernel/protocol';
import type { IKernelClient } from '../../tokens';
import type { FormWords } from './formWords';

/**
 * What the kernel found when it last looked at a configuration and its data.
 */
export interface IPlan {
  inspection: IInspection | null;
  /** Null if the plan is old. */
  fault: IFault | null;
  /** Whether the configuration, or a variable that it names, has changed since. */
  isOld: boolean;
  isComputing: boolean;
}

/**
 * A configuration to look at.
 */
export interface IPlanned {
  /** Of its cell or draft. */
  place: string;
  /** Its YAML. */
  text: string;
  /** What is known of the variables that it names. */
  data: string;
}

/**
 * What a run will take, by notebook and cell; a kernel looks at one configuration at a time: the one asked for last.
 */
export class RunPlan extends Changing {
  protected onDispose(): void {
    this.cancel();
  }

  /** What is known of a configuration, or of the one in its place before it; null if nothing is. */
  of(client: IKernelClient, planned: IPlanned): IPlan | null {
    const found = this._found.get(client)?.get(planned.place);
    const isComputing = this._running.get(client)?.place === planned.place;
    if (!found && !isComputing) {
      return null;
    }
    const isOld = !found || !isSame(found.planned, planned);
    return {
      inspection: found?.inspection ?? null,
      fault: isOld ? null : found.fault,
      isOld,
      isComputing
    };
  }

  /** How often data have been found to be others than when they were looked at. */
  get timesChanged(): number {
    return this._timesChanged;
  }

  /** Whether the data turn out to be others than those that were looked at. */
  async check(client: IKernelClient, planned: IPlanned): Promise<boolean> {
    const found = this._found.get(client)?.get(planned.place);
    if (!found?.inspection || !isSame(found.planned, planned)) {
      return false;
    }
    const { text } = planned;
    const { content } = found.inspection;
    const { has_changed: hasChanged } = await client
      .request('data_changed', { text, content })
      // The header of the sidebar says how the kernel stands.
      .catch(() => ({ has_changed: false }));
    const isMeant = found === this._found.get(client)?.get(planned.place);
    if (!hasChanged || !isMeant || this.isDisposed) {
      return false;
    }
    this._timesChanged++;
    this.emit();
    return true;
  }

  /** A model has been measured: what is known of other places lacks that. */
  forgetUnmeasured(client: IKernelClient, shown: IPlanned): void {
    const places = this._found.get(client);
    places?.forEach(({ inspection }, place) => {
      if (place !== shown.place && inspection?.seconds === null) {
        places.delete(place);
      }
    });
  }

  /** Compute when nothing else is asked for a while; what was at fault may be mended by now. */
  computeSoon(client: IKernelClient, planned: IPlanned): void {
    this.cancel();
    const found = this._found.get(client)?.get(planned.place);
    if (!found || found.fault || !isSame(found.planned, planned)) {
      this._timer = window.setTimeout(
        () => void this.compute(client, planned),
        PAUSE
      );
    }
  }

  /** Forget what `computeSoon` was asked. */
  cancel(): void {
    window.clearTimeout(this._timer);
  }

  /** Look now; an older look ends in the kernel, and what it finds is of no use. */
  async compute(client: IKernelClient, planned: IPlanned): Promise<void> {
    this.cancel();
    const running = this._running.get(client);
    if (running && isSame(running, planned)) {
      return;
    }
    this._running.set(client, planned);
    this.emit();
    const found = await look(client, planned);
    if (this.isDisposed || this._running.get(client) !== planned) {
      return;
    }
    this._running.delete(client);
    // What a kernel that went away could not tell is no fault of the configuration.
    if (!found.fault || client.status.kind === 'ready') {
      this._keep(client, found);
    }
    this.emit();
  }

  private _keep(client: IKernelClient, found: IFound): void {
    const places = this._found.get(client) ?? new Map<string, IFound>();
    places.set(found.planned.place, found);
    this._found.set(client, places);
  }

  /** By place. */
  private readonly _found = new WeakMap<IKernelClient, Map<string, IFound>>();
  /** What is looked at. */
  private readonly _running = new Map<IKernelClient, IPlanned>();
  private _timer = 0;
  private _timesChanged = 0;
}

interface IFound {
  planned: IPlanned;
  inspection: IInspection | null;
  fault: IFault | null;
}

async function look(client: IKernelClient, planned: IPlanned): Promise<IFound> {
  try {
    const payload = { text: planned.text, first: 3 };
    const inspection = await client.request('inspect', payload, {
      timeout: LONGEST
    });
    return { planned, inspection, fault: null };
  } catch (error) {
    return { planned, inspection: null, fault: error as IFault };
  }
}

/** A plan whose texts are in the words of the form. */
export function planInWords(plan: IPlan, words: FormWords): IPlan {
  const { inspection, fault } = plan;
  return {
    ...plan,
    fault: fault && words.fault(fault),
    inspection: inspection && {
      ...inspection,
      notices: inspection.notices.map(notice => ({
        ...notice,
        message: words.text(notice.message),
        changes: notice.changes.map(change => ({
          ...change,
          label: words.text(change.label)
        }))
      }))
    }
  };
}

function isSame(one: IPlanned, other: IPlanned): boolean {
  return (
    one.place === other.place &&
    one.text === other.text &&
    one.data === other.data
  );
}

const PAUSE = 1000;

/** Models that are not there yet are downloaded, and large data sets read. */
const LONGEST = 3_600_000;
