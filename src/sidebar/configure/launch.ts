import { Changing } from '../../changing';
import { freeRunName, insertCell, runCell } from '../../cell/actions';
import { startsAnew } from '../../cell/source';
import type { IKernelClient, IRunList } from '../../tokens';
import type { EditedConfiguration } from './edited';

/**
 * Puts the configuration into a cell and runs it, under a name that no run has.
 *
 * It changes when the runs are others, while they are watched.
 */
export class Launch extends Changing {
  /**
   * @param client - gives that of the current notebook.
   */
  constructor(
    private readonly _edited: EditedConfiguration,
    private readonly _client: () => IKernelClient | null
  ) {
    super();
  }

  /** The name that the chosen cell gets when it is run, because there is a run of its own name; null if it keeps it. */
  get nextName(): string | null {
    return this._nextName(this._runs?.runs.map(({ name }) => name) ?? []);
  }

  /** How many runs have finished; null before that is known. */
  get finished(): number | null {
    return this._runs?.isReady
      ? this._runs.runs.filter(({ state }) => state === 'finished').length
      : null;
  }

  protected onDispose(): void {
    this.watch(false);
  }

  /** Keep the names of the runs up to date while somebody looks. */
  watch(isWatched: boolean): void {
    this._runs?.dispose();
    this._runs = (isWatched && this._client()?.watchRuns()) || null;
    this._runs?.changed.connect(() => this.emit());
  }

  /** Write the draft as a cell below the active one. */
  async insert(): Promise<void> {
    await this._once(() => this._insert());
  }

  /** Run the chosen cell, or one with the draft. */
  async run(): Promise<void> {
    const { panel } = this._edited;
    const id = await this._once(() =>
      this._edited.cell ? this._rename() : this._insert()
    );
    if (!panel || id === null || this._started.has(id)) {
      return;
    }
    this._started.add(id);
    try {
      await runCell(panel, id, {
        load: this._client()?.status.kind !== 'ready'
      });
    } finally {
      this._started.delete(id);
    }
  }

  /** Do nothing more while a cell is on its way: a second click means the first. */
  private async _once(
    write: () => Promise<string | null>
  ): Promise<string | null> {
    if (this._isWriting) {
      return null;
    }
    this._isWriting = true;
    try {
      this._edited.flush();
      return await write();
    } finally {
      this._isWriting = false;
    }
  }

  /** @returns the id of the cell; null if there is none. */
  private async _insert(): Promise<string | null> {
    const { panel, text } = this._edited;
    if (!panel) {
      return null;
    }
    const known = await runNames(this._client());
    const name = this._give(freeRunName(panel, [...known, ...this._given]));
    return panel.isDisposed
      ? null
      : insertCell(panel, name, text, { load: true });
  }

  /**
   * Give the chosen cell a name that no run has.
   *
   * @returns its id; null if it is not to be run again, or is not chosen any more.
   */
  private async _rename(): Promise<string | null> {
    const { cell } = this._edited;
    if (!cell || this._started.has(cell.id)) {
      return null;
    }
    const { id } = cell;
    const known = await runNames(this._client());
    if (this._edited.cell?.id === id) {
      const name = this._nextName(known);
      if (name !== null) {
        this._edited.cell.rename(this._give(name));
      }
    }
    return id;
  }

  private _nextName(known: readonly string[]): string | null {
    const { cell, panel } = this._edited;
    const name = cell?.header.name ?? null;
    return cell &&
      panel &&
      name !== null &&
      cell.isEditable &&
      startsAnew(cell.header) &&
      known.includes(name)
      ? freeRunName(panel, [...known, ...this._given], name)
      : null;
  }

  private _give(name: string): string {
    this._given.add(name);
    return name;
  }

  private _runs: IRunList | null = null;
  /** Names of cells, also of other notebooks: their runs may not be there yet. */
  private readonly _given = new Set<string>();
  /** Whether a cell is being written. */
  private _isWriting = false;
  /** The ids of the cells that were run and are not done. */
  private readonly _started = new Set<string>();
}

async function runNames(client: IKernelClient | null): Promise<string[]> {
  try {
    const runs =
      client?.status.kind === 'ready'
        ? await client.request('runs', {}, { timeout: 2000 })
        : [];
    return runs.map(run => run.name);
  } catch {
    // The kernel itself refuses a name that is taken.
    return [];
  }
}
