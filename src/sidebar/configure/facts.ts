import type { TranslationBundle } from '@jupyterlab/translation';

import type { JSONObject } from '@lumino/coreutils';

import { Changing } from '../../changing';
import type {
  IDatasetChoice,
  IFault,
  IModelChoice,
  IPreset,
  IVariable
} from '../../kernel/protocol';
import type { IKernelClient } from '../../tokens';
import { FormWords } from './formWords';
import { localizedPresets, localizedSchema } from './localized';

/**
 * What the kernel knows and the form needs; what the last kernel said stays until another says it anew.
 */
export class KernelFacts extends Changing {
  /**
   * @param trans - for the texts of the kernel that are shown.
   */
  constructor(trans: TranslationBundle) {
    super();
    this._trans = trans;
    this._words = new FormWords({}, trans);
  }

  get schema(): JSONObject | null {
    return this._schema;
  }

  /** What the form calls the settings of the schema. */
  get words(): FormWords {
    return this._words;
  }

  get models(): readonly IModelChoice[] {
    return this._models;
  }

  /** The well-known public data sets, those of a task together. */
  get datasets(): readonly IDatasetChoice[] {
    return this._datasets;
  }

  get presets(): readonly IPreset[] {
    return this._presets;
  }

  /** Null before the kernel of this notebook said it. */
  get variables(): readonly IVariable[] | null {
    return (this._client && this._variables.get(this._client)) ?? null;
  }

  /** Why there is no schema. */
  get fault(): IFault | null {
    return this._fault;
  }

  protected onDispose(): void {
    this._client = null;
  }

  /** What is said of a notebook is from now on said of this one. */
  follow(client: IKernelClient | null): void {
    this._client = client;
  }

  /** Whether the current kernel has said all that it knows, or why not. */
  get isLoaded(): boolean {
    return this._client !== null && this._loaded === this._client;
  }

  /** Ask a kernel for all there is. */
  async load(client: IKernelClient): Promise<void> {
    this.follow(client);
    this._loaded = null;
    const isCurrent = () => client === this._client;
    const models = client.request('models', {});
    const presets = client.request('presets', {});
    const variables = this.loadVariables();
    void this._loadDatasets(client);
    const others = Promise.allSettled([models, presets]);
    try {
      const schema = await client.request('schema', {});
      if (isCurrent()) {
        this._schema = localizedSchema(schema, this._trans);
        this._words = new FormWords(this._schema, this._trans);
        this._fault = null;
      }
    } catch (error) {
      if (isCurrent()) {
        this._fault = error as IFault;
      }
    }
    const [ofModels, ofPresets] = await others;
    await variables;
    if (isCurrent()) {
      this._loaded = client;
      // Without them the form is poorer and still works.
      this._models =
        ofModels.status === 'fulfilled' ? ofModels.value : this._models;
      this._presets =
        ofPresets.status === 'fulfilled'
          ? localizedPresets(ofPresets.value, this._trans)
          : this._presets;
      this.emit();
    }
  }

  /** Ask for the variables again where one is named that is not known: it may have been made meanwhile, not by a cell. */
  askForUnknown(names: readonly string[]): void {
    const known = this.variables?.map(({ name }) => `$${name}`);
    const unknown = names
      .filter(name => name.startsWith('$') && !known?.includes(name))
      .join();
    if (unknown && unknown !== this._unknown) {
      void this.loadVariables();
    }
    this._unknown = unknown;
  }

  /** Ask for the variables again. */
  async loadVariables(): Promise<void> {
    const client = this._client;
    if (!client || client.status.kind !== 'ready') {
      return;
    }
    try {
      const variables = await client.request('variables', {});
      this._variables.set(client, variables);
      if (client === this._client) {
        this.emit();
      }
    } catch {
      // The header of the sidebar says how the kernel stands; the last variables stay.
    }
  }

  /**
   * The names that dataset_info.json in a folder gives to data sets.
   *
   * Rejects if the file cannot be read.
   */
  async registeredNames(folder: string): Promise<readonly string[]> {
    const client = this._client;
    return client?.status.kind === 'ready'
      ? client.request('registered', { dataset_dir: folder })
      : [];
  }

  /**
   * The folder of the kernel, from that of Jupyter's files.
   *
   * @param root - the folder of Jupyter's files; empty if the server does not tell it.
   * @returns null where it is not known.
   */
  async folder(root: string): Promise<string | null> {
    const client = this._client;
    if (!root || client?.status.kind !== 'ready') {
      return null;
    }
    try {
      return (await client.request('folder', { root })).path;
    } catch {
      // The header of the sidebar says how the kernel stands.
      return null;
    }
  }

  private async _loadDatasets(client: IKernelClient): Promise<void> {
    try {
      this._datasets = await client.request('catalogue', {});
      this.emit();
    } catch {
      // The header of the sidebar says how the kernel stands.
    }
  }

  private _client: IKernelClient | null = null;
  private _loaded: IKernelClient | null = null;
  private _schema: JSONObject | null = null;
  private _words: FormWords;
  private _models: readonly IModelChoice[] = [];
  private _datasets: readonly IDatasetChoice[] = [];
  private _presets: readonly IPreset[] = [];
  private readonly _variables = new WeakMap<
    IKernelClient,
    readonly IVariable[]
  >();
  /** Variables that were asked for in vain. */
  private _unknown = '';
  private _fault: IFault | null = null;
  private readonly _trans: TranslationBundle;
}
