import type { ISignal } from '@lumino/signaling';

import { Changing } from '../changing';
import { KernelRequestError } from '../kernel/error';
import type { IFault, IProblemFound } from '../kernel/protocol';
import type { RowViewModel } from './rowViewModel';

/**
 * Looks for rows that are left out, some at a time: it can be stopped, and tells how far it has come.
 */
export class ProblemSearch extends Changing {
  constructor(options: ProblemSearch.IOptions) {
    super();
    this._options = options;
    options.rows.chosenRowChanged.connect(this.stop, this);
  }

  /** How many rows of the view are looked through; null while it does not look. */
  get seen(): number | null {
    return this._seen;
  }

  /** Whether it came to the end and found nothing. */
  get isInVain(): boolean {
    return this._isInVain;
  }

  /** Why it cannot look. */
  get fault(): IFault | null {
    return this._fault;
  }

  /**
   * The place in the view of the next row that is left out; null if there is none, or if it was stopped.
   *
   * @param first - the place where to begin.
   */
  async find(first: number): Promise<number | null> {
    const { configuration, rows } = this._options;
    const turn = this._tell(first, false, null);
    for (let next = first; ;) {
      let found: IProblemFound;
      try {
        found = await rows.findProblem(next, configuration.text);
      } catch (error) {
        if (turn === this._turn) {
          const fault = { what: String(error), where: '', fix: '' };
          const isKnown = error instanceof KernelRequestError;
          this._tell(null, false, isKnown ? error : fault);
        }
        return null;
      }
      if (turn !== this._turn || this.isDisposed) {
        return null;
      }
      if (found.place !== null || found.is_done) {
        this._tell(null, found.place === null, null);
        return found.place;
      }
      next = found.next;
      this._seen = next;
      this.emit();
    }
  }

  stop(): void {
    this._tell(null, false, null);
  }

  protected onDispose(): void {
    this._turn++;
  }

  private _tell(
    seen: number | null,
    isInVain: boolean,
    fault: IFault | null
  ): number {
    this._seen = seen;
    this._isInVain = isInVain;
    this._fault = fault;
    this.emit();
    return ++this._turn;
  }

  private readonly _options: ProblemSearch.IOptions;
  /** Counts what is looked for: an answer to something older is of no use. */
  private _turn = 0;
  private _seen: number | null = null;
  private _isInVain = false;
  private _fault: IFault | null = null;
}

export namespace ProblemSearch {
  export interface IOptions {
    rows: IRows;
    configuration: Pick<RowViewModel.IConfigurationText, 'text'>;
  }

  export interface IRows {
    /** Emitted when another row is chosen: then nobody waits for what is looked for. */
    readonly chosenRowChanged: ISignal<unknown, unknown>;

    /**
     * @throws KernelRequestError
     */
    findProblem(first: number, text: string): Promise<IProblemFound>;
  }
}
