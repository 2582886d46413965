import type { NotebookPanel } from '@jupyterlab/notebook';
import { NotebookActions } from '@jupyterlab/notebook';

import type { JSONObject, JSONValue } from '@lumino/coreutils';
import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import { freeRunName, insertCell, runCell } from '../../cell/actions';
import type { IChange } from '../../cell/document';
import { ConfigDocument } from '../../cell/document';
import type { CellTracker } from '../../cell/tracker';
import type { IConfigurationProblem } from '../../kernel/protocol';
import type { IKernelClient } from '../../tokens';
import type { ISidebarContext } from '../context';
import type { IDraftStore } from './edited';
import { EditedConfiguration } from './edited';
import { KernelFacts } from './facts';
import type { IField } from './fields';
import {
  applicable,
  changesFor,
  fieldOfProblem,
  fieldsOf,
  valueOf,
  withConsequences
} from './fields';
import { PickedVariables } from './picked';
import type { IPlan } from './plan';
import { RunPlan } from './plan';

/**
 * How far the kernel has checked the configuration.
 */
export type CheckState = 'waiting' | 'checking' | 'checked';

/**
 * What the form shows, and what it does to the configuration.
 */
export class ConfigureModel implements IDisposable {
  constructor(context: ConfigureModel.IContext, cells: CellTracker) {
    this._context = context;
    this.facts = new KernelFacts(context.trans);
    this.edited = new EditedConfiguration(cells, context.state);
    this.edited.changed.connect(this._onEdited, this);
    this.facts.changed.connect(this._onFacts, this);
    this.plans.changed.connect(this._emit, this);
    context.clients.currentChanged.connect(this._onNotebook, this);
    context.settings?.changed.connect(this._emit, this);
    NotebookActions.executed.connect(this._onExecuted, this);
    this._onNotebook();
  }

  readonly edited: EditedConfiguration;
  readonly facts: KernelFacts;
  readonly plans = new RunPlan();

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    if (!this._isDisposed) {
      this._isDisposed = true;
      window.clearTimeout(this._timer);
      this._client?.statusChanged.disconnect(this._onStatus, this);
      this.edited.dispose();
      this.facts.dispose();
      this.plans.dispose();
      Signal.clearData(this);
    }
  }

  /**
   * Tell whether a view of it is shown. While none is, no timer runs and nothing is asked of the kernel.
   */
  show(view: object, isViewShown: boolean): void {
    if (isViewShown) {
      this._views.add(view);
    } else {
      this._views.delete(view);
    }
    const isShown = this._views.size > 0;
    if (isShown === this._isShown) {
      return;
    }
    this._isShown = isShown;
    if (isShown) {
      this._onStatus();
    } else {
      this.edited.flush();
      window.clearTimeout(this._timer);
      this.plans.cancel();
    }
  }

  /** All fields of the variants chosen. */
  get fields(): IField[] {
    return this._fields;
  }

  /** The fields to show. */
  get applicableFields(): IField[] {
    return applicable(this._fields, this.edited.document.expanded);
  }

  get checkState(): CheckState {
    if (this._checked === this.edited.text) {
      return 'checked';
    }
    return this._isReady ? 'checking' : 'waiting';
  }

  /** What the kernel last found wrong. */
  get problems(): readonly IConfigurationProblem[] {
    return this._problems;
  }

  /** The problems that are of no field that is shown. */
  get otherProblems(): IConfigurationProblem[] {
    const shown = this.applicableFields;
    return this._problems.filter(({ key }) => !fieldOfProblem(shown, key));
  }

  /** What is wrong with the value of each field, by key. */
  get messages(): { [key: string]: string[] } {
    const messages: { [key: string]: string[] } = {};
    const say = (field: IField, message: string) => {
      messages[field.key] = [...(messages[field.key] ?? []), message];
    };
    for (const problem of this._problems) {
      const field = fieldOfProblem(this._fields, problem.key);
      if (field) {
        say(field, sentence(problem));
      }
    }
    for (const field of this._fields) {
      const value = valueOf(this.edited.document.expanded, field.path);
      if (typeof value !== 'string' || !value) {
        continue;
      }
      const note = this._noteOn(field, value);
      if (note) {
        say(field, note);
      }
      const fault = this.plan?.fault;
      if (fault && fault.where.includes(value) && field.kind in PICKED) {
        say(field, [fault.what, fault.fix].filter(Boolean).join(' '));
      }
    }
    return messages;
  }

  /** The training data: a path, or `$` and the name of a variable; empty if there is none. */
  get source(): string {
    const value = valueOf(this.edited.document.expanded, ['data', 'train']);
    return typeof value === 'string' ? value : '';
  }

  get plan(): IPlan | null {
    return this.plans.of(this._client);
  }

  /** Whether there is something to run, as far as is known. */
  get canRun(): boolean {
    return (
      this.edited.panel !== null &&
      this.edited.document.problem === null &&
      this.source !== ''
    );
  }

  /** The user's configurations, by name. */
  get saved(): { readonly [name: string]: string } {
    const saved = this._context.settings?.composite['configurations'];
    return (saved ?? {}) as { [name: string]: string };
  }

  /**
   * @param isTyped - whether more of the same may follow.
   */
  change(changes: IChange[], isTyped = false): void {
    const { schema } = this.facts;
    const { document } = this.edited;
    for (const { value } of changes) {
      if (typeof value === 'string' && value.startsWith('$')) {
        this._picked.pick(value.slice(1), this.facts.variables);
      }
    }
    const all = schema
      ? withConsequences(changes, schema, document.expanded)
      : changes;
    this.edited.change(all, isTyped);
  }

  /** Bring values into the configuration; the rest stays as it is. */
  apply(values: JSONObject): void {
    const { schema } = this.facts;
    if (schema) {
      const { expanded } = this.edited.document;
      this.change(changesFor(values, schema, expanded));
    }
  }

  /** Put what `path` names right, as a notice suggests. */
  fix(path: string, value: JSONValue): void {
    this.change([{ path: path.split('.'), value: value ?? undefined }]);
  }

  async save(name: string): Promise<void> {
    const { settings } = this._context;
    this.edited.flush();
    const configurations = { ...this.saved, [name]: this.edited.text };
    await settings?.set('configurations', configurations);
  }

  async deleteSaved(name: string): Promise<void> {
    const { settings } = this._context;
    const others = Object.entries(this.saved).filter(([key]) => key !== name);
    await settings?.set('configurations', Object.fromEntries(others));
  }

  /** Look at the data now. */
  async computePlan(): Promise<void> {
    this.edited.flush();
    if (this._client) {
      await this.plans.compute(this._client, this.edited.text);
    }
  }

  /** Write the draft as a cell below the active one. */
  async insert(): Promise<string | null> {
    const { panel } = this.edited;
    if (!panel) {
      return null;
    }
    this.edited.flush();
    const { text } = this.edited;
    const name = freeRunName(panel, await this._runNames());
    return panel.isDisposed
      ? null
      : insertCell(panel, name, text, { load: true });
  }

  /** Run the chosen cell, or one with the draft. */
  async run(): Promise<void> {
    const { panel, cell } = this.edited;
    this.edited.flush();
    const id = cell ? cell.id : await this.insert();
    if (panel && id !== null) {
      await runCell(panel, id, { load: !this._isReady });
    }
  }

  private async _runNames(): Promise<string[]> {
    try {
      const runs = this._isReady
        ? await this._client!.request('runs', {}, { timeout: 2000 })
        : [];
      return runs.map(run => run.name);
    } catch {
      // The kernel itself refuses a name that is taken.
      return [];
    }
  }

  private _noteOn(field: IField, value: string): string {
    return field.kind === 'data' && value.startsWith('$')
      ? this._picked.note(
          value.slice(1),
          this.facts.variables,
          this._context.trans
        )
      : '';
  }

  private _onNotebook(): void {
    this._client?.statusChanged.disconnect(this._onStatus, this);
    this._client = this._context.clients.current;
    this._client?.statusChanged.connect(this._onStatus, this);
    this._loaded = null;
    this._checked = null;
    this._problems = [];
    this.plans.cancel();
    this.edited.refresh();
    this._onStatus();
  }

  private _onStatus(): void {
    if (!this._isReady) {
      // What was asked is lost, and another kernel may answer otherwise.
      this._loaded = null;
    } else if (this._isShown) {
      if (this._loaded !== this._client) {
        this._loaded = this._client;
        void this.facts.load(this._client!);
      }
      this._checkSoon();
    }
    this._emit();
  }

  private _onEdited(): void {
    this._derive();
    this._checkSoon();
    this._emit();
  }

  private _onFacts(): void {
    this._begin();
    this._derive();
    this._emit();
  }

  private _onExecuted(
    _: unknown,
    { notebook }: { notebook: NotebookPanel['content'] }
  ): void {
    if (this._isShown && notebook === this.edited.panel?.content) {
      void this.facts.loadVariables();
    }
  }

  /** A new draft begins as the settings say. */
  private _begin(): void {
    const { schema, presets } = this.facts;
    const { composite } = this._context.settings ?? { composite: {} as any };
    const { draft } = this.edited;
    if (!schema || draft.isTouched) {
      return;
    }
    const preset = presets.find(({ name }) => name === composite.defaultPreset);
    const changes = [
      ...changesFor(preset?.values ?? {}, schema, {}),
      ...(composite.onKernelExit === 'stop'
        ? [{ path: ['launch', 'on_kernel_exit'], value: 'stop' }]
        : [])
    ];
    draft.begin(new ConfigDocument('').apply(changes));
  }

  private _derive(): void {
    const { schema } = this.facts;
    const { document } = this.edited;
    // While the text cannot be read, the fields stay.
    if (schema && !document.problem) {
      this._fields = fieldsOf(schema, document.expanded);
    }
  }

  private _checkSoon(): void {
    window.clearTimeout(this._timer);
    this.plans.cancel();
    if (this._isShown && this._isReady) {
      this._timer = window.setTimeout(() => void this._check(), PAUSE);
    }
  }

  /** The last question counts, whichever answer comes last. */
  private async _check(): Promise<void> {
    const client = this._client!;
    const { text } = this.edited;
    if (!text.trim()) {
      // Nothing is wrong yet.
      this._checked = text;
      this._problems = [];
      this._emit();
      return;
    }
    const isCurrent = () =>
      !this._isDisposed && client === this._client && text === this.edited.text;
    try {
      const { ok, problems } = await client.request('validate', { text });
      if (isCurrent()) {
        this._checked = text;
        this._problems = problems;
        this._emit();
        if (ok && this._isShown) {
          this.plans.computeSoon(client, text);
        }
      }
    } catch {
      // Asked again when the kernel is ready again; until then the last answer stands.
      if (isCurrent()) {
        this._checked = null;
        this._emit();
      }
    }
  }

  private get _isReady(): boolean {
    return this._client?.status.kind === 'ready';
  }

  private get _picked(): PickedVariables {
    if (!this._client) {
      return this._noPicked;
    }
    const picked = this._pickedBy.get(this._client) ?? new PickedVariables();
    this._pickedBy.set(this._client, picked);
    return picked;
  }

  private _emit(): void {
    this._changed.emit();
  }

  private readonly _context: ConfigureModel.IContext;
  private _client: IKernelClient | null = null;
  /** The client whose facts are loaded. */
  private _loaded: IKernelClient | null = null;
  private _fields: IField[] = [];
  /** The text that the problems are of. */
  private _checked: string | null = null;
  private _problems: readonly IConfigurationProblem[] = [];
  private readonly _pickedBy = new WeakMap<IKernelClient, PickedVariables>();
  private readonly _noPicked = new PickedVariables();
  private readonly _views = new Set<object>();
  private _isShown = false;
  private _timer = 0;
  private _isDisposed = false;
  private readonly _changed = new Signal<this, void>(this);
}

export namespace ConfigureModel {
  export type IContext = Pick<
    ISidebarContext,
    'clients' | 'settings' | 'trans'
  > & { readonly state: IDraftStore | null };
}

/** A problem as the kernel says it, without its place. */
export function sentence({ message, hint }: IConfigurationProblem): string {
  return hint ? `${message}; ${hint}` : message;
}

const PAUSE = 300;

/** Fields that name something the kernel has to find. */
const PICKED = { model: true, data: true };
