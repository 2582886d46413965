import type { NotebookPanel } from '@jupyterlab/notebook';
import { NotebookActions } from '@jupyterlab/notebook';

import type { JSONObject } from '@lumino/coreutils';

import { Changing } from '../../changing';
import type { IChange } from '../../cell/document';
import type { CellTracker } from '../../cell/tracker';
import type {
  IConfigurationProblem,
  IRemedy,
  ITableSource
} from '../../kernel/protocol';
import type { IKernelClient } from '../../tokens';
import type { ISidebarContext } from '../context';
import type { IStateStore } from '../store';
import { KernelCheck } from './check';
import { EditedConfiguration } from './edited';
import { KernelFacts } from './facts';
import type { IField, Values } from './fields';
import { fieldsOf, valueOf } from './fields';
import { Launch } from './launch';
import type { IMessage } from './messages';
import { fieldOfProblem, messagesOf } from './messages';
import { notesOn, notFound } from './notFound';
import { PickedData } from './picked';
import type { IPlan, IPlanned } from './plan';
import { planInWords, RunPlan } from './plan';
import { beginning, changesToApply } from './presets';
import { applicable } from './relevance';
import { SavedConfigurations } from './saved';
import { isNamed, nameOfSource, sourcesOf } from './sourceLines';
import { LeftVariants, withConsequences } from './variants';

/**
 * How far the kernel has checked the configuration.
 */
export type CheckState = 'waiting' | 'checking' | 'checked';

/**
 * What the form shows, and what it does to the configuration.
 */
export class ConfigureModel extends Changing {
  constructor(context: ConfigureModel.IContext, cells: CellTracker) {
    super();
    this._context = context;
    this.facts = new KernelFacts(context.trans);
    this._picked = new PickedData(this.facts, context.trans);
    this.edited = new EditedConfiguration(cells, context.state);
    this.saved = new SavedConfigurations(context);
    this.launch = new Launch(this.edited, () => this._client);
    this.launch.changed.connect(this._onRuns, this);
    this._check.changed.connect(this._onChecked, this);
    this.edited.changed.connect(this._onEdited, this);
    this.facts.changed.connect(this._onFacts, this);
    this.plans.changed.connect(this.emit, this);
    context.clients.currentChanged.connect(this._onNotebook, this);
    context.settings?.changed.connect(this.emit, this);
    NotebookActions.executed.connect(this._onExecuted, this);
    this._onNotebook();
  }

  readonly edited: EditedConfiguration;
  readonly launch: Launch;
  readonly facts: KernelFacts;
  readonly saved: SavedConfigurations;
  readonly plans = new RunPlan();

  protected onDispose(): void {
    this.launch.dispose();
    this._check.dispose();
    this.edited.dispose();
    this.facts.dispose();
    this.plans.dispose();
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
        this.lookAgain();
      }
      this.launch.watch(true);
      this._onStatus();
    } else {
      this.edited.flush();
      this._check.cancel();
      this.plans.cancel();
      this.launch.watch(false);
    }
  }

  /** Whether the kernel has said what it knows, or cannot say it. */
  get isKnown(): boolean {
    const status = this._client?.status.kind ?? 'no-kernel';
    return status === 'ready'
      ? this.facts.isLoaded
      : status !== 'connecting' && status !== 'busy';
  }

  /** What the fields show, or would if it were translated. */
  get values(): Values {
    return this.edited.ours.expanded;
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
    if (this._check.isOf(this.edited.text)) {
      return 'checked';
    }
    return this._isReady ? 'checking' : 'waiting';
  }

  /** What the kernel last found wrong. */
  get problems(): readonly IConfigurationProblem[] {
    const { problems } = this._check;
    // A draft that nobody has touched has no data yet.
    return this.edited.cell || this.edited.draft.isTouched
      ? problems
      : problems.filter(({ key }) => key !== 'data' && key !== 'data.train');
  }

  /** The problems that are of no field that is shown. */
  get otherProblems(): IConfigurationProblem[] {
    return this.problems.filter(problem => !this.shownField(problem));
  }

  /** The field, of those to show, that a problem is about. */
  shownField({ key }: IConfigurationProblem): IField | undefined {
    return fieldOfProblem(this.applicableFields, key);
  }

  /** What keeps it from running, as far as is known: in the text, then in what the text names. */
  get mistakes(): readonly IConfigurationProblem[] {
    return this._isReady
      ? [...this._textMistakes, ...this._notFound]
      : this._textMistakes;
  }

  /** What is wrong with the value of each field, by key. */
  get messages(): { [key: string]: IMessage[] } {
    const { words } = this.facts;
    return messagesOf(
      this.fields,
      [...this.problems, ...this._notFound].map(problem => ({
        ...problem,
        message: words.text(problem.message),
        hint: words.text(problem.hint)
      }))
    );
  }

  /** What is worth knowing of a field, though nothing is wrong; null if nothing is. */
  noteOn(field: IField): string | null {
    const notes = notesOn(field, this.values, this._picked).filter(
      note => note.isAcceptable
    );
    return notes.map(({ text }) => text).join(' ') || null;
  }

  /** Take the data of a field as they are now. */
  accept(field: IField): void {
    this._picked.pick(valueOf(this.values, field.path));
    this.emit();
  }

  /** The sources of the training data. */
  get sources(): ITableSource['source'][] {
    const value = valueOf(this.values, ['data', 'train']);
    return sourcesOf(value).filter(isNamed) as ITableSource['source'][];
  }

  /** The columns of the training data, as far as they are known. */
  get columns(): readonly string[] {
    const variable = this.facts.variables?.find(
      ({ name }) => nameOfSource(this.sources[0]) === `$${name}`
    );
    return variable?.columns ?? this._plan?.inspection?.columns ?? [];
  }

  /** What is known of the configuration that is shown; null if nothing is, or if there is nothing to look at. */
  get plan(): IPlan | null {
    return this._plan && planInWords(this._plan, this.facts.words);
  }

  /** What to look at, and with whom; null if there is nothing, or nobody. */
  get target(): ConfigureModel.ITarget | null {
    return this._client && this._isReady && this._isPlannable
      ? { client: this._client, ...this._planned }
      : null;
  }

  /** Whether there is something to run, and nothing is wrong as far as is known. */
  get canRun(): boolean {
    return this.canLook && this.mistakes.length === 0;
  }

  /** Whether there is something to look at: what was not found may be there now. */
  get canLook(): boolean {
    return this.edited.panel !== null && this._isPlannable;
  }

  /**
   * @param isTyped - whether more of the same may follow.
   */
  change(changes: IChange[], isTyped = false): void {
    const { schema } = this.facts;
    const { document, place } = this.edited;
    for (const { path, value } of changes) {
      this._picked.pick(value, document.get(path));
    }
    const all = schema
      ? withConsequences(
          this._left.withLeft(changes, document.expanded, place),
          schema,
          document.expanded
        )
      : changes;
    this.edited.change(all, isTyped);
  }

  /** Bring values into the configuration; the rest stays as it is. */
  apply(values: JSONObject): void {
    const { presets, schema } = this.facts;
    if (schema) {
      const { expanded } = this.edited.document;
      this.change(changesToApply(presets, values, schema, expanded));
    }
  }

  /** Change what a remedy changes; whether that mends it is checked at once. */
  mend({ path, value, replaces }: IRemedy): void {
    this.change([
      replaces
        ? { path, value: this.edited.document.get(replaces), replaces }
        : { path, value: value ?? undefined }
    ]);
    if (this._isReady) {
      this._check.now(this._client!, this.edited.text);
    }
  }

  /** Look at the data now. */
  async computePlan(): Promise<void> {
    this.edited.flush();
    if (this._client) {
      await this.plans.compute(this._client, this._planned);
    }
  }

  /**
   * The user turns to it: what was at fault, such as a file or a network that was not there, may be mended, and data
   * may have changed.
   */
  lookAgain(): void {
    const { _plan: plan, target } = this;
    if (plan?.fault && !plan.isComputing) {
      this._planSoon();
    } else if (target) {
      void this._checkData(target);
    }
  }

  private get _plan(): IPlan | null {
    return this._client && this._isPlannable
      ? this.plans.of(this._client, this._planned)
      : null;
  }

  private async _checkData(target: ConfigureModel.ITarget): Promise<void> {
    if (await this.plans.check(target.client, target)) {
      this._planSoon();
    }
  }

  /** Whether the configuration can be read, has data, and is right as far as is known. */
  private get _isPlannable(): boolean {
    return (
      this.edited.document.problem === null &&
      this.sources.length > 0 &&
      this._textMistakes.length === 0
    );
  }

  private get _textMistakes(): readonly IConfigurationProblem[] {
    return this.checkState === 'waiting' ? [] : this.problems;
  }

  /** Fields that name what is not there, or cannot be used. */
  private get _notFound(): IConfigurationProblem[] {
    const { fields, values } = this;
    return notFound(
      { fields, values, picked: this._picked },
      this.problems,
      this._plan?.fault ?? null
    );
  }

  private get _planned(): IPlanned {
    const { place, text } = this.edited;
    const names = this._dataNames;
    const data = this.facts.variables?.filter(({ name }) =>
      names.includes(`$${name}`)
    );
    const { timesChanged } = this.plans;
    return { place, text, data: JSON.stringify([data ?? null, timesChanged]) };
  }

  /** What the sources of all data are called. */
  private get _dataNames(): string[] {
    return DATA.flatMap(path =>
      sourcesOf(valueOf(this.values, path)).map(source =>
        String(nameOfSource(source) ?? '')
      )
    );
  }

  private _onNotebook(): void {
    this._client?.statusChanged.disconnect(this._onStatus, this);
    this._client = this._context.clients.current;
    this._client?.statusChanged.connect(this._onStatus, this);
    this._loaded = null;
    this._check.forget();
    this.plans.cancel();
    this.facts.follow(this._client);
    this._picked.follow(this._client);
    this.launch.watch(this._isShown);
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
    this.emit();
  }

  private _onEdited(): void {
    if (this._place !== this.edited.place) {
      this._place = this.edited.place;
      this._check.forget();
    }
    this._derive();
    this._checkSoon();
    this.emit();
  }

  private _onFacts(): void {
    this._begin();
    this._derive();
    this._planSoon();
    this.emit();
  }

  private _onExecuted(
    _: unknown,
    { notebook }: { notebook: NotebookPanel['content'] }
  ): void {
    // Whichever view of the notebook it was.
    if (this._isShown && notebook.model === this.edited.panel?.content.model) {
      void this.facts.loadVariables();
      this.lookAgain();
    }
  }

  /** A run that has finished tells how fast its model is here. */
  private _onRuns(): void {
    const { finished } = this.launch;
    const isMore =
      finished !== null && this._finished !== null && finished > this._finished;
    this._finished = finished;
    if (isMore && this._client) {
      this.plans.forgetUnmeasured(this._client, this._planned);
    }
    const isUnmeasured = this._plan?.inspection?.seconds === null;
    if (isMore && isUnmeasured && this.checkState === 'checked') {
      void this.computePlan();
    }
    this.emit();
  }

  /** A new draft begins as the settings say. */
  private _begin(): void {
    const { schema, presets } = this.facts;
    const { draft } = this.edited;
    if (schema && !draft.isTouched) {
      const settings = this._context.settings?.composite ?? {};
      draft.begin(beginning(settings, presets, schema));
    }
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
    this.plans.cancel();
    if (this._isShown && this._isReady) {
      this._check.soon(this._client!, this.edited.text);
    } else {
      this._check.cancel();
    }
  }

  private _onChecked(): void {
    this.edited.translate(this._check.translation);
    this.facts.askForUnknown(this._dataNames);
    this._planSoon();
    this.emit();
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

  private readonly _context: ConfigureModel.IContext;
  private readonly _check = new KernelCheck();
  private readonly _picked: PickedData;
  private _client: IKernelClient | null = null;
  /** The client whose facts are loaded. */
  private _loaded: IKernelClient | null = null;
  private _fields: IField[] = [];
  /** Of the configuration that is shown. */
  private _place = '';
  private readonly _left = new LeftVariants();
  private readonly _views = new Set<object>();
  private _isShown = false;
  /** How many runs had finished. */
  private _finished: number | null = null;
}

export namespace ConfigureModel {
  /** A configuration to look at, and who looks. */
  export interface ITarget extends IPlanned {
    client: IKernelClient;
  }

  export type IContext = Pick<
    ISidebarContext,
    'clients' | 'settings' | 'trans'
  > & { readonly state: IStateStore | null };
}

/** What can name a variable. */
const DATA = [
  ['data', 'train'],
  ['data', 'eval']
];
