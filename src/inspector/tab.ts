import type { MainAreaWidget } from '@jupyterlab/apputils';
import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { Message } from '@lumino/messaging';
import { MessageLoop } from '@lumino/messaging';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';
import { Panel, SplitPanel, Widget } from '@lumino/widgets';

import type { ITableSource, ITableView } from '../kernel/protocol';
import { createTab } from '../mainArea';
import { NotebookClient } from '../runs/clientSource';
import type { IStateStore } from '../sidebar/store';
import type { StatisticsModel } from '../statistics';
import type { IKernelClients, IShownConfiguration } from '../tokens';
import {
  countStatistics,
  createBar,
  createStatistics,
  createStrip
} from './around';
import { Beside } from './beside';
import { ConfiguredText } from './configured';
import { keepFresh } from './freshness';
import { RowGrid } from './grid';
import { InspectorModel } from './model';
import { inWords } from './rowModel';
import { RowPane } from './rowPane';
import { saveRows, useInCell } from './saving';
import { nameOf } from './source';

/**
 * What a tab shows; enough to open it again.
 */
export interface IInspectorArgs extends ITableSource {
  /** Path of the notebook whose kernel reads the data. */
  notebook: string;
}

/**
 * A tab of the main area with the rows of a source.
 */
export function createInspectorTab(
  options: InspectorTab.IOptions
): MainAreaWidget<InspectorTab> {
  const content = new InspectorTab(options);
  const tab = createTab(content, 'data');
  const name = nameOf(options.source);
  // JupyterLab would call it the content of the main area.
  content.node.setAttribute('aria-label', name);
  tab.title.label = options.trans.__('Data: %1', name.split('/').pop()!);
  tab.title.caption = name;
  return tab;
}

/**
 * The content of such a tab: search and filter, the rows, and a column in numbers.
 */
export class InspectorTab extends Panel {
  constructor(options: InspectorTab.IOptions) {
    super();
    const { trans } = options;
    this._options = options;
    this._client = new NotebookClient(
      options.notebook,
      options.notebooks,
      options.clients
    );
    this._client.changed.connect(() => this._argsChanged.emit());
    const { source, dataset_dir } = options;
    this.model = new InspectorModel({
      source: { source, dataset_dir },
      client: this._client,
      trans
    });
    this.addClass('jp-llmtune-inspector');
    this.node.setAttribute('role', 'region');
    this._split.addClass('jp-llmtune-inspector-split');
    this._row.className = 'jp-llmtune-inspector-row';
    this._row.setAttribute('aria-live', 'polite');
    this.node.append(this._row);
    const bar = createBar({
      model: this.model,
      trans,
      exclude: () => this._exclude(),
      saveVariable: () => this._save('variable'),
      saveFile: () => this._save('file')
    });
    this.addWidget(bar);
    this._strip = createStrip(this.model, trans);
    this._split.addWidget(this._strip);
    this._configuration = new ConfiguredText(
      source,
      () => this._client.path,
      options.configuration
    );
    this._statistics = countStatistics(
      this._client,
      this._configuration,
      this.model,
      () => this._timesRead
    );
    const statistics = createStatistics(this._statistics, this.model, trans);
    this.addWidget(statistics);
    this._resized.observe(bar.node);
    this._resized.observe(statistics.node);
    this._pane = this._createPane();
    this._body = new Beside(this._split, this._pane, options.store);
    this._body.addClass('jp-llmtune-inspector-body');
    this._body.parted.connect(this._arrange, this);
    this.addWidget(this._body);
    keepFresh({
      view: this,
      model: this.model,
      panel: () => this._client.panel,
      isUntouched: () => this._isUntouched
    });
    this.model.pagesChanged.connect(this._onPages, this);
    this.model.changed.connect(this._onChanged, this);
    this._onPages();
  }

  readonly model: InspectorModel;

  get args(): IInspectorArgs {
    const { source, dataset_dir } = this._options;
    return { source, dataset_dir, notebook: this._client.path };
  }

  /** Emitted when the notebook was renamed. */
  get argsChanged(): ISignal<this, void> {
    return this._argsChanged;
  }

  dispose(): void {
    if (!this.isDisposed) {
      this._resized.disconnect();
      this.model.dispose();
      this._statistics.dispose();
      this._configuration.dispose();
      this._client.dispose();
      super.dispose();
    }
  }

  protected onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this._setShown(true);
  }

  protected onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    this._setShown(this.isVisible);
  }

  protected onBeforeHide(message: Message): void {
    super.onBeforeHide(message);
    this._setShown(false);
  }

  protected onBeforeDetach(message: Message): void {
    super.onBeforeDetach(message);
    this._setShown(false);
  }

  protected onResize(message: Widget.ResizeMessage): void {
    super.onResize(message);
    this._arrange();
  }

  /** The column in numbers is below the rows where the tab is narrow, and gives way to the chosen row. */
  private _arrange(): void {
    const { isNarrowed, isOpen } = this._body;
    const { clientWidth } = this.node;
    const isNarrow = clientWidth > 0 && clientWidth < NARROW;
    const orientation = isNarrow ? 'vertical' : 'horizontal';
    if (orientation !== this._split.orientation) {
      this._split.orientation = orientation;
      this._part();
    }
    this._strip.setHidden(isNarrowed || (isNarrow && isOpen));
  }

  private _part(): void {
    const isBeside = this._split.orientation === 'horizontal';
    this._split.setRelativeSizes(isBeside ? [4, 1] : [3, 2]);
  }

  private _setShown(isShown: boolean): void {
    this.model.isShown = isShown;
    this._pane.isShown = isShown;
  }

  /** Whether no row is chosen or left out, and nobody has scrolled. */
  private get _isUntouched(): boolean {
    const { chosenRow, view } = this.model;
    const isAtTop = !this._grid?.scrollY;
    return chosenRow === null && !view.excluded?.length && isAtTop;
  }

  private _createPane(): RowPane {
    return new RowPane({
      rows: this.model,
      configuration: this._configuration,
      cursor: () => this._grid?.cursorRow ?? -1,
      choose: place => this._grid?.choose(place),
      exclude: () => this._exclude(),
      onClose: () => {
        this._grid?.selectionModel?.clear();
        this._grid?.viewport.node.focus();
      },
      trans: this._options.trans
    });
  }

  private _onPages(): void {
    const { pages } = this.model;
    this._timesRead++;
    const hadFocus = this._grid?.node.contains(document.activeElement);
    this._grid?.dispose();
    this._grid = null;
    if (!pages) {
      return;
    }
    const grid = new RowGrid({
      pages,
      trans: this._options.trans,
      onColumn: index => {
        const { name } = pages.state!.columns[index];
        this.model.column = name;
        this.model.sort(name);
      },
      onEnter: () => this._pane.node.focus()
    });
    grid.node.addEventListener('keydown', event => {
      if (event.key === 'Delete') {
        this._exclude();
      }
    });
    grid.selectionModel!.changed.connect(this._onSelected, this);
    this._grid = grid;
    this._split.insertWidget(0, grid);
    // Lumino appends its node, and the keyboard would come to the column first.
    this._strip.node.before(grid.node);
    SplitPanel.setStretch(grid, 1);
    this._part();
    if (hadFocus) {
      grid.viewport.node.focus();
    }
  }

  /** The rows before are shown until others have come. */
  private _onChanged(): void {
    const { pages, view } = this.model;
    if (view !== this._view && !pages?.isOld && !pages?.fault) {
      this._onRows();
    } else {
      // The page of the selected row may have come.
      this._onSelected();
      void this._follow();
    }
  }

  /** Other rows begin at the top; where rows were only left out, the user stays. The chosen row stays chosen. */
  private _onRows(): void {
    const { view } = this.model;
    const isOther = (['search', 'filter', 'sort'] as const).some(
      key => view[key] !== this._view[key]
    );
    this._view = view;
    this._isFollowing = this.model.chosenRow !== null;
    this._grid?.selectionModel?.clear();
    if (isOther) {
      this._grid?.scrollToRow(0);
    }
    const next = this._next;
    this._next = null;
    if (next !== null && !isOther && this._grid) {
      // The one that has moved up.
      this._grid.choose(Math.min(next, this._grid.rowCount('body') - 1));
    }
    void this._follow();
  }

  /** Select the chosen row where it is now; if the view does not hold it, none is chosen. */
  private async _follow(): Promise<void> {
    const { chosenRow, pages, view } = this.model;
    if (!this._isFollowing || !pages || pages.isOld || pages.fault) {
      return;
    }
    const isDone = pages.state?.is_done;
    const place = await pages.place(chosenRow!);
    const isMeant = view === this.model.view && pages === this.model.pages;
    if (!this._isFollowing || !isMeant) {
      return;
    }
    if (place !== null || isDone) {
      this._isFollowing = false;
      this._grid?.select(place ?? -1);
      this._onSelected();
    }
  }

  /** Tell in words which row is chosen: the grid is painted. */
  private _onSelected(): void {
    const { pages } = this.model;
    const selection = this._grid?.selectionModel;
    if (!pages || !selection) {
      return;
    }
    const row = selection.cursorRow;
    const isChosen = !selection.isEmpty && row >= 0;
    if (this._isFollowing && !isChosen) {
      return;
    }
    this._isFollowing = false;
    const number = isChosen ? pages.number(row) : undefined;
    this._row.textContent =
      number === undefined ? '' : inWords(pages, row, this._options.trans);
    // While the page of a row is on its way, the one before it stays.
    if (!isChosen || number !== undefined) {
      this.model.chosenRow = number ?? null;
      this._showPane();
    }
  }

  private _showPane(): void {
    const isOpen = this.model.chosenRow !== null;
    if (isOpen !== this._body.isOpen) {
      this._body.isOpen = isOpen;
      // The grid has another height now.
      requestAnimationFrame(() => this._grid?.scrollToCursor());
    }
  }

  private _exclude(): void {
    const rows = this._grid?.selectedRows ?? [];
    if (rows.length) {
      // There may be a million.
      this._next = rows.reduce((first, row) => Math.min(first, row));
      void this.model.exclude(rows);
    }
  }

  private _save(kind: 'variable' | 'file'): void {
    const { trans, show } = this._options;
    void saveRows(this.model, kind, trans, source => {
      const { panel } = this._client;
      if (panel) {
        show(panel);
        useInCell(panel, this.model.source, source);
      }
    });
  }

  private readonly _options: InspectorTab.IOptions;
  private readonly _client: NotebookClient;
  private readonly _split = new SplitPanel({ spacing: 4 });
  private readonly _configuration: ConfiguredText;
  private readonly _statistics: StatisticsModel;
  private readonly _strip: Widget;
  private readonly _pane: RowPane;
  private readonly _body: Beside;
  private readonly _row = document.createElement('div');
  /** The rows get the room that the bar leaves. */
  private readonly _resized = new ResizeObserver(() =>
    MessageLoop.postMessage(this._body, Widget.ResizeMessage.UnknownSize)
  );
  private _grid: RowGrid | null = null;
  private _timesRead = 0;
  private _view: ITableView = {};
  /** Which row to select when those that are left out have gone. */
  private _next: number | null = null;
  /** Whether the place of the chosen row among other rows is looked for. */
  private _isFollowing = false;
  private readonly _argsChanged = new Signal<this, void>(this);
}

export namespace InspectorTab {
  export interface IOptions extends IInspectorArgs {
    clients: IKernelClients;
    notebooks: INotebookTracker;
    trans: TranslationBundle;
    /** What the sidebar configures; null where there is no sidebar. */
    configuration: Promise<IShownConfiguration> | null;
    /** Keeps how the room is parted. */
    store: IStateStore | null;
    /** Bring a notebook to the front. */
    show: (panel: NotebookPanel) => void;
  }
}

/** Below it rows and their column have no room side by side, in pixels. */
const NARROW = 480;
