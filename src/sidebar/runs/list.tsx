import type { TranslationBundle } from '@jupyterlab/translation';
import { closeIcon, ellipsesIcon } from '@jupyterlab/ui-components';

import { keepPlainKeys } from '../../keys';
import React, { useEffect, useRef } from 'react';

import { measure } from '../../chart/wording';
import type { IRunSummary } from '../../kernel/protocol';
import { ProgressBar } from '../../runs/view';
import { isOver, Wording } from '../../runs/wording';
import { FaultMessage } from '../fault';
import type { RunActions } from './actions';
import type { RunsModel } from './model';
import { Sparkline } from './sparkline';

interface IProps {
  model: RunsModel;
  actions: RunActions;
  trans: TranslationBundle;
}

/**
 * The content of the section: filter, what can be done to selected runs, the runs.
 */
export function Runs(props: IProps): JSX.Element {
  const { model, trans } = props;
  return (
    <div className="jp-llmtune-runs-body">
      {model.fault && <Fault {...props} />}
      {model.notice && model.runs.length > 0 && (
        <p className="jp-llmtune-notice">
          {trans.__('As last seen: the kernel cannot be asked now.')}
        </p>
      )}
      {model.runs.length > 0 && (
        <div className="jp-llmtune-buttons jp-llmtune-runs-bar">
          <div className="jp-llmtune-runs-filter">
            <input
              type="search"
              className="jp-mod-styled"
              value={model.filter}
              aria-label={trans.__(
                'Filter runs by name, tag, note, model or state'
              )}
              placeholder={trans.__('Filter runs')}
              onChange={event => {
                model.filter = event.target.value;
              }}
            />
          </div>
          <SelectionBar {...props} />
        </div>
      )}
      <Grid {...props} />
      <div
        className={
          model.isNewsOfCommand ? 'jp-llmtune-notice' : 'jp-llmtune-hidden'
        }
        role="status"
        aria-live="polite"
      >
        {model.news}
      </div>
    </div>
  );
}

function Fault({ model, trans }: IProps): JSX.Element {
  return (
    <div>
      <FaultMessage fault={model.fault!} />
      <button
        type="button"
        className="jp-Button jp-mod-styled"
        onClick={() => (model.isUnread ? model.retry() : model.dismiss())}
      >
        {model.isUnread ? trans.__('Try again') : trans.__('Dismiss')}
      </button>
    </div>
  );
}

/** It stands beside the filter: below it, it would push runs out of view. */
function SelectionBar({ model, actions, trans }: IProps): JSX.Element | null {
  const { selected } = model;
  if (selected.length === 0) {
    return null;
  }
  const chosen = model.shown.filter(({ name }) => selected.includes(name));
  return (
    <div
      className="jp-llmtune-buttons"
      role="toolbar"
      aria-label={trans.__('Selected runs')}
    >
      <button
        type="button"
        className="jp-Button jp-mod-styled"
        disabled={selected.length < 2}
        title={trans.__('Curves, configurations and samples side by side')}
        onClick={() => actions.open(selected)}
      >
        {trans.__('Compare')}
      </button>
      <button
        type="button"
        className="jp-Button jp-mod-styled"
        disabled={!chosen.every(({ state }) => isOver(state))}
        title={trans.__('Move to the trash; only runs that are over')}
        onClick={() => void actions.delete(chosen)}
      >
        {trans.__('Delete')}
      </button>
      <button
        type="button"
        className="jp-llmtune-icon"
        aria-label={trans.__('Select none of %1', selected.length)}
        title={trans.__('Select none')}
        onClick={() => model.selectNone()}
      >
        <span>{selected.length}</span>
        <closeIcon.react tag="span" />
      </button>
    </div>
  );
}

function Grid(props: IProps): JSX.Element {
  const { model, actions, trans } = props;
  const ref = useRef<HTMLDivElement>(null);
  const { shown, current } = model;
  // The keyboard goes where the current run goes.
  useEffect(() => {
    const grid = ref.current;
    if (grid?.contains(document.activeElement)) {
      const row = grid.querySelector<HTMLElement>('[role=row][tabindex="0"]');
      if (row && !row.contains(document.activeElement)) {
        row.focus();
      }
    }
  }, [current]);
  if (shown.length === 0) {
    return <Empty model={model} trans={trans} />;
  }
  const selected = new Set(model.selected);
  return (
    <div
      ref={ref}
      className="jp-llmtune-runs-grid"
      role="grid"
      aria-label={trans.__('Runs, newest first')}
      aria-multiselectable="true"
      onKeyDown={event => {
        onKeyDown(event, model, actions);
        keepPlainKeys(event);
      }}
    >
      {shown.map(run => (
        <Row
          key={run.name}
          run={run}
          model={model}
          actions={actions}
          trans={trans}
          isCurrent={run.name === current}
          isSelected={selected.has(run.name)}
        />
      ))}
    </div>
  );
}

function Empty({
  model,
  trans
}: Pick<IProps, 'model' | 'trans'>): JSX.Element | null {
  if (model.runs.length > 0) {
    return <p>{trans.__('No run matches the filter.')}</p>;
  }
  if (model.isUnread) {
    return null;
  }
  if (!model.isReady) {
    return <p>{model.notice || trans.__('Reading the runs…')}</p>;
  }
  return (
    <p>
      {trans.__(
        'No runs yet. Choose a model and data under Configure and press Run, or run a cell that begins with %1.',
        '%%finetune'
      )}
    </p>
  );
}

interface IRowProps extends IProps {
  run: IRunSummary;
  isCurrent: boolean;
  isSelected: boolean;
}

/** Drawn anew only when something about its run is another. */
const Row = React.memo(function Row(props: IRowProps): JSX.Element {
  const { run, model, actions, trans, isCurrent, isSelected } = props;
  const { name } = run;
  const tabIndex = isCurrent ? 0 : -1;
  const click = (event: React.MouseEvent) => {
    if (event.shiftKey) {
      model.extendTo(name);
    } else if (event.ctrlKey || event.metaKey) {
      model.toggle(name);
    } else {
      model.current = name;
    }
  };
  return (
    <div
      role="row"
      className="jp-llmtune-runs-row"
      aria-label={trans.__('%1, %2', name, new Wording(trans).state(run.state))}
      aria-selected={isSelected}
      tabIndex={tabIndex}
      data-llmtune-home={isCurrent || undefined}
      onFocus={() => {
        if (!isCurrent) {
          model.current = name;
        }
      }}
      onClick={click}
      onDoubleClick={() => actions.open([name])}
      onContextMenu={event => {
        event.preventDefault();
        event.stopPropagation();
        model.current = name;
        actions.showMenu(run, event.clientX, event.clientY);
      }}
    >
      <div role="gridcell">
        <input
          type="checkbox"
          tabIndex={tabIndex}
          checked={isSelected}
          aria-label={trans.__('Select %1', name)}
          onChange={() => undefined}
          onClick={event => {
            event.stopPropagation();
            if (event.shiftKey) {
              model.extendTo(name);
            } else {
              model.toggle(name);
            }
          }}
        />
      </div>
      <div role="gridcell" className="jp-llmtune-runs-cell">
        <Facts run={run} trans={trans} />
      </div>
      <div role="gridcell">
        <button
          type="button"
          className="jp-llmtune-icon"
          tabIndex={tabIndex}
          aria-haspopup="menu"
          aria-label={trans.__('What to do with %1', name)}
          onClick={event => {
            event.stopPropagation();
            model.current = name;
            const { left, bottom } =
              event.currentTarget.getBoundingClientRect();
            actions.showMenu(run, left, bottom);
          }}
        >
          <ellipsesIcon.react tag="span" />
        </button>
      </div>
    </div>
  );
});

function Facts({
  run,
  trans
}: {
  run: IRunSummary;
  trans: TranslationBundle;
}): JSX.Element {
  const wording = new Wording(trans);
  const time =
    run.eta === null
      ? wording.duration(run.duration)
      : wording.timeLeft(run.eta);
  const steps = run.max_steps > 0 ? wording.step(run.step, run.max_steps) : '';
  return (
    <>
      <div className="jp-llmtune-runs-name" title={run.model}>
        {run.name}
      </div>
      <div className="jp-llmtune-runs-facts">
        <span className="jp-llmtune-state-word" data-state={run.state}>
          {wording.state(run.state)}
        </span>
        <span>{time}</span>
      </div>
      <div className="jp-llmtune-runs-facts">
        <span title={trans.__('Last loss')}>
          {trans.__('loss %1', measure(run.loss))}
        </span>
        <Sparkline values={run.curve} />
      </div>
      {!isOver(run.state) && (
        <ProgressBar
          state={run.state}
          step={run.step}
          steps={run.max_steps}
          label={trans.__('Progress of %1', run.name)}
          text={steps}
        />
      )}
      {run.tags.length > 0 && (
        <div className="jp-llmtune-tags">
          {run.tags.map(tag => (
            <span key={tag}>{tag}</span>
          ))}
        </div>
      )}
      {run.note && <div className="jp-llmtune-runs-note">{run.note}</div>}
    </>
  );
}

/** The keys of a list; within a row the controls keep theirs. */
function onKeyDown(
  event: React.KeyboardEvent<HTMLElement>,
  model: RunsModel,
  actions: RunActions
): void {
  const { shown, current } = model;
  const index = shown.findIndex(({ name }) => name === current);
  const run = shown[index];
  const isOnRow = (event.target as HTMLElement).getAttribute('role') === 'row';
  const target = {
    ArrowDown: Math.min(index + 1, shown.length - 1),
    ArrowUp: Math.max(index - 1, 0),
    Home: 0,
    End: shown.length - 1
  }[event.key];
  if (!run) {
    return;
  }
  if (target !== undefined) {
    if (event.shiftKey) {
      model.extendTo(shown[target].name);
    } else {
      model.current = shown[target].name;
    }
  } else if (
    event.key === 'ContextMenu' ||
    (event.key === 'F10' && event.shiftKey)
  ) {
    const { left, bottom } = (
      event.target as HTMLElement
    ).getBoundingClientRect();
    actions.showMenu(run, left, bottom);
  } else if (event.key === 'a' && (event.ctrlKey || event.metaKey)) {
    model.selectAll();
  } else if (isOnRow && event.key === 'Enter') {
    actions.open([run.name]);
  } else if (isOnRow && event.key === ' ') {
    model.toggle(run.name);
  } else if (isOnRow && event.key === 'F2' && isOver(run.state)) {
    void actions.rename(run);
  } else if (isOnRow && event.key === 'Delete') {
    void actions.delete(model.chosen);
  } else {
    return;
  }
  event.preventDefault();
  event.stopPropagation();
}
