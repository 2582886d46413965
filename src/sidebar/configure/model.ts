import type { NotebookPanel } from '@jupyterlab/notebook';
import { NotebookActions } from '@jupyterlab/notebook';

import type { JSONObject, JSONValue } from '@lumino/coreutils';
import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import { freeRunName, insertCell, runCell } from '../../cell/actions';
import { startsAnew } from '../../cell/source';
import type { IChange } from '../../cell/document';
import { ConfigDocument } from '../../cell/document';
import type { CellTracker } from '../../cell/tracker';
import type { IConfigurationProblem } from '../../kernel/protocol';
import type { IKernelClient, IRunList } from '../../tokens';
import type { ISidebarContext } from '../context';
import type { IStateStore } from '../store';
import { EditedConfiguration } from './edited';
import { KernelFacts } from './facts';
import type { IField, Values } from './fields';
import {
  applicable,
  changesFor,
  changesToLeave,
  fieldOfFault,
  fieldOfProblem,
  fieldsOf,
  valueOf,
  withConsequences
} from './fields';
import type { INote } from './picked';
import { PickedVariables } from './picked';
import type { IPlan, IPlanned } from './plan';
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
      this._watch(null);
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
      if (this._loaded) {
        // Cells may have been run meanwhile.
        void this.facts.loadVariables();
      }
      this._watch(this._client);
      this._onStatus();
    } else {
      this.edited.flush();
      window.clearTimeout(this._timer);
      this.plans.cancel();
      this._watch(null);
    }
  }

  /** What the fields show. */
  get values(): Values {
    return this.edited.readable.expanded;
  }

  /** All fields of the variants chosen. */
  get fields(): IField[] {
    return this._fields;
  }

  /** The fields to show. */
  get applicableFields(): IField[] {
    return applicable(this._fields, this.values);
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
      const note = this._noteOn(field);
      if (note && !note.isAcceptable) {
        say(field, note.text);
      }
    }
    const fault = this.plan?.fault;
    const field = fault && fieldOfFault(this._fields, this.values, fault);
    if (field) {
      say(field, [fault.what, fault.fix].filter(Boolean).join(' '));
    }
    return messages;
  }

  /** What is worth knowing of a field, though nothing is wrong; null if nothing is. */
  noteOn(field: IField): string | null {
    const note = this._noteOn(field);
    return note?.isAcceptable ? note.text : null;
  }

  /** Take the data of a field as they are now. */
  accept(field: IField): void {
    const value = valueOf(this.values, field.path);
    if (typeof value === 'string') {
      this._picked.pick(value.slice(1), this.facts.variables);
      this._emit();
    }
  }

  /** The training data: a path, or `$` and the name of a variable; empty if there is none. */
  get source(): string {
    const value = valueOf(this.values, ['data', 'train']);
    return typeof value === 'string' ? value : '';
  }

  /** What is known of the configuration that is shown; null if nothing is, or if there is nothing to look at. */
  get plan(): IPlan | null {
    return this._client && this._isPlannable
      ? this.plans.of(this._client, this._planned)
      : null;
  }

  /** Whether there is something to run, and nothing is wrong as far as is known. */
  get canRun(): boolean {
    return this.edited.panel !== null && this._isPlannable;
  }

  /** The problem that keeps it from running; null if none does. */
  get obstacle(): IConfigurationProblem | null {
    return this.checkState === 'waiting' ? null : (this._problems[0] ?? null);
  }

  /** The name that the chosen cell gets when it is run, because there is a run of its own name; null if it keeps it. */
  get nextName(): string | null {
    return this._nextName(this._runs?.runs.map(({ name }) => name) ?? []);
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
      ? withConsequences(this._withLeft(changes), schema, document.expanded)
      : changes;
    this.edited.change(all, isTyped);
  }

  /** A variant comes back with the values that it had when it was left. */
  private _withLeft(changes: IChange[]): IChange[] {
    const { place, document } = this.edited;
    return changes.flatMap(change => {
      const [name, key] = change.path;
      const section = document.expanded[name] as JSONObject | undefined;
      if (key !== 'type' || !section || section.type === change.value) {
        return [change];
      }
      const left = this._left.get(`${place} ${name} ${change.value}`) ?? {};
      this._left.set(`${place} ${name} ${section.type}`, section);
      const back = Object.entries(left)
        .filter(([key]) => !(key in section))
        .map(([key, value]) => ({ path: [name, key], value }));
      return [change, ...(back as IChange[])];
    });
  }

  /** Bring values into the configuration; the rest stays as it is. */
  apply(values: JSONObject): void {
    const { presets, schema } = this.facts;
    if (schema) {
      const { expanded } = this.edited.document;
      const others = presets.map(preset => preset.values);
      this.change([
        ...changesToLeave(others, values, schema, expanded),
        ...changesFor(values, schema, expanded)
      ]);
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
      await this.plans.compute(this._client, this._planned);
    }
  }

  /** Write the draft as a cell below the active one. */
  async insert(): Promise<void> {
    await this._once(() => this._insert());
  }

  /** Run the chosen cell, or one with the draft. */
  async run(): Promise<void> {
    const { panel } = this.edited;
    const id = await this._once(() =>
      this.edited.cell ? this._rename() : this._insert()
    );
    if (!panel || id === null || this._started.has(id)) {
      return;
    }
    this._started.add(id);
    try {
      await runCell(panel, id, { load: !this._isReady });
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
      this.edited.flush();
      return await write();
    } finally {
      this._isWriting = false;
    }
  }

  /** @returns the id of the cell; null if there is none. */
  private async _insert(): Promise<string | null> {
    const { panel, text } = this.edited;
    if (!panel) {
      return null;
    }
    const name = freeRunName(panel, await this._runNames());
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
    const { cell } = this.edited;
    if (!cell || this._started.has(cell.id)) {
      return null;
    }
    const { id } = cell;
    const known = await this._runNames();
    if (this.edited.cell?.id === id) {
      const name = this._nextName(known);
      if (name !== null) {
        this.edited.cell.rename(name);
      }
    }
    return id;
  }

  private _nextName(known: readonly string[]): string | null {
    const { cell, panel } = this.edited;
    const name = cell?.header.name ?? null;
    return cell &&
      panel &&
      name !== null &&
      cell.isEditable &&
      startsAnew(cell.header) &&
      known.includes(name)
      ? freeRunName(panel, known, name)
      : null;
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

  private _noteOn(field: IField): INote | null {
    const value = valueOf(this.values, field.path);
    return field.kind === 'data' &&
      typeof value === 'string' &&
      value.startsWith('$')
      ? this._picked.note(
          value.slice(1),
          this.facts.variables,
          this._context.trans
        )
      : null;
  }

  /** Whether the configuration can be read, has data, and is right as far as is known. */
  private get _isPlannable(): boolean {
    return (
      this.edited.document.problem === null &&
      this.source !== '' &&
      this.obstacle === null
    );
  }

  private get _planned(): IPlanned {
    const { place, text } = this.edited;
    const names = DATA.map(path => valueOf(this.values, path));
    const data = this.facts.variables?.filter(({ name }) =>
      names.includes(`$${name}`)
    );
    return { place, text, data: JSON.stringify(data ?? null) };
  }

  private _onNotebook(): void {
    this._client?.statusChanged.disconnect(this._onStatus, this);
    this._client = this._context.clients.current;
    this._client?.statusChanged.connect(this._onStatus, this);
    this._loaded = null;
    this._checked = null;
    this._problems = [];
    this.plans.cancel();
    this.facts.follow(this._client);
    this._watch(this._isShown ? this._client : null);
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
    if (this._place !== this.edited.place) {
      // What was wrong was wrong with another.
      this._place = this.edited.place;
      this._checked = null;
      this._problems = [];
    }
    this._derive();
    this._checkSoon();
    this._emit();
  }

  private _onFacts(): void {
    this._begin();
    this._derive();
    this._planSoon();
    this._emit();
  }

  private _watch(client: IKernelClient | null): void {
    this._runs?.dispose();
    this._runs = client?.watchRuns() ?? null;
    this._runs?.changed.connect(this._emit, this);
  }

  private _onExecuted(
    _: unknown,
    { notebook }: { notebook: NotebookPanel['content'] }
  ): void {
    // Whichever view of the notebook it was.
    if (this._isShown && notebook.model === this.edited.panel?.content.model) {
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
      const { problems } = await client.request('validate', { text });
      if (isCurrent()) {
        this._checked = text;
        this._problems = problems;
        this._emit();
        this._planSoon();
      }
    } catch {
      // Asked again when the kernel is ready again; until then the last answer stands.
      if (isCurrent()) {
        this._checked = null;
        this._emit();
      }
    }
  }

  private _planSoon(): void {
    const isRight = this.checkState === 'checked' && this._isPlannable;
    if (this._client && this._isShown && this._isReady && isRight) {
      this.plans.computeSoon(this._client, this._planned);
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
  /** Of the configuration that is shown. */
  private _place = '';
  /** The text that the problems are of. */
  private _checked: string | null = null;
  private _problems: readonly IConfigurationProblem[] = [];
  private readonly _pickedBy = new WeakMap<IKernelClient, PickedVariables>();
  private readonly _noPicked = new PickedVariables();
  /** Sections as they were when another type was chosen. */
  private readonly _left = new Map<string, JSONObject>();
  private readonly _views = new Set<object>();
  private _runs: IRunList | null = null;
  /** Whether a cell is being written. */
  private _isWriting = false;
  /** The ids of the cells that were run and are not done. */
  private readonly _started = new Set<string>();
  private _isShown = false;
  private _timer = 0;
  private _isDisposed = false;
  private readonly _changed = new Signal<this, void>(this);
}

export namespace ConfigureModel {
  export type IContext = Pick<
    ISidebarContext,
    'clients' | 'settings' | 'trans'
  > & { readonly state: IStateStore | null };
}

/** A problem as the kernel says it, without its place. */
export function sentence({ message, hint }: IConfigurationProblem): string {
  return hint ? `${message}; ${hint}` : message;
}

const PAUSE = 300;

/** What can name a variable. */
const DATA = [
  ['data', 'train'],
  ['data', 'eval']
];
