import type { TranslationBundle } from '@jupyterlab/translation';
import {
  caretDownIcon,
  caretUpIcon,
  closeIcon
} from '@jupyterlab/ui-components';
import type { LabIcon } from '@jupyterlab/ui-components';

import React, { useMemo, useState } from 'react';

import type { IRowSide, IRowView } from '../kernel/protocol';
import { count } from '../numbers';
import { Parts } from '../runs/parts';
import { FaultMessage } from '../sidebar/fault';
import { LongText, Pieces } from './pieces';
import type { ProblemSearch } from './problemSearch';
import type { RowViewModel } from './rowViewModel';
import { compared, cutsOfTurns } from './tokens';
import { Counts, Rendered, Tokens } from './tokenView';
import { sharedTurns, Turns } from './turns';

/**
 * The chosen row through the eyes of the trainer.
 */
export function RowView(props: RowView.IProps): JSX.Element | null {
  const { model, search, trans } = props;
  const { fault, shownNumber: number, view } = model;
  const [shown, setShown] = useState('turns');
  if (model.number === null) {
    return null;
  }
  return (
    <div className="jp-llmtune-row" aria-busy={model.isOld}>
      <div className="jp-llmtune-row-top">
        <header>
          <h2>{trans.__('Row %1', number)}</h2>
          <span>{view?.format}</span>
          <div className="jp-llmtune-buttons">
            <Icon
              icon={caretUpIcon}
              label={trans.__('Previous row')}
              onClick={() => props.onStep(-1)}
            />
            <Icon
              icon={caretDownIcon}
              label={trans.__('Next row')}
              onClick={() => props.onStep(1)}
            />
            <button
              type="button"
              className="jp-Button jp-mod-styled"
              title={trans.__('The next row that is left out')}
              onClick={
                search.seen === null ? props.onFind : () => search.stop()
              }
            >
              {search.seen === null
                ? trans.__('Next Problem')
                : trans.__('Stop')}
            </button>
            <Icon
              icon={closeIcon}
              label={trans.__('Close the row')}
              onClick={props.onClose}
            />
          </div>
        </header>
        <p className="jp-llmtune-hint" role="status">
          {search.seen !== null &&
            trans._n(
              'Looked through %2 row…',
              'Looked through %2 rows…',
              search.seen,
              count(search.seen)
            )}
          {search.isInVain && trans.__('No row after this one is left out.')}
        </p>
        {search.fault && <FaultMessage fault={search.fault} />}
        {fault && <FaultMessage fault={fault} />}
        {!fault && !view && <p role="status">{trans.__('Reading the row…')}</p>}
        {view && view.problem !== null && (
          <div>
            <FaultMessage
              fault={{
                what: trans.__('Left out: %1', view.problem),
                where: '',
                fix: view.fix
              }}
            />
            <button
              type="button"
              className="jp-Button jp-mod-styled"
              title={trans.__(
                'Take this row out of those that are shown and saved'
              )}
              disabled={model.isOld}
              onClick={props.onExclude}
            >
              {trans.__('Leave This Row Out')}
            </button>
          </div>
        )}
      </div>
      {view && (
        <>
          {view.sides.length > 0 && (
            <Sides
              id={props.id}
              view={view}
              first={shown}
              onShow={setShown}
              sought={model.sought}
              trans={trans}
            />
          )}
          <Values view={view} sought={model.sought} trans={trans} />
          <p className="jp-llmtune-hint">
            {trans.__('With the tokenizer of %1', view.model)}
          </p>
        </>
      )}
    </div>
  );
}

export namespace RowView {
  export interface IProps {
    /** Unique on the page. */
    id: string;
    model: RowViewModel;
    search: ProblemSearch;
    trans: TranslationBundle;
    /** Go so many rows on. */
    onStep: (rows: number) => void;
    /** Go to the next row that is left out. */
    onFind: () => void;
    /** Take the row out of those that are shown. */
    onExclude: () => void;
    onClose: () => void;
  }
}

/** The row, or the two sides of a preference side by side, in three ways. */
function Sides(props: {
  id: string;
  view: IRowView;
  first: string;
  onShow: (id: string) => void;
  sought: string;
  trans: TranslationBundle;
}): JSX.Element {
  const { sought, trans } = props;
  const { shared, sides } = props.view;
  const [isUnfolded, setUnfolded] = useState(false);
  const [showsIds, setShowsIds] = useState(false);
  const all = useMemo(() => compared(sides), [sides]);
  const cuts = useMemo(
    () => sides.map((side, index) => cutsOfTurns(side, all[index])),
    [sides, all]
  );
  const folded = isUnfolded ? 0 : shared;
  const left = useMemo(
    () => all.map(tokens => tokens.slice(folded)),
    [all, folded]
  );
  const turns =
    sides.length === 2 ? sharedTurns(sides[0].turns, sides[1].turns) : 0;
  const isJudged = sides[0].name !== '';
  const isEncoded = all.some(tokens => tokens.length > 0);
  const inColumns = (
    content: (side: IRowSide, index: number) => JSX.Element
  ) => (
    <div className="jp-llmtune-sides">
      {sides.map((side, index) => (
        <section
          key={side.name}
          aria-label={sideName(side, trans) || undefined}
        >
          {side.name !== '' && <h3>{sideName(side, trans)}</h3>}
          {isEncoded && (
            <Counts tokens={all[index]} isJudged={isJudged} trans={trans} />
          )}
          {content(side, index)}
        </section>
      ))}
    </div>
  );
  const fold = (what: string) => (
    <div className="jp-llmtune-buttons">
      <button
        type="button"
        className="jp-Button jp-mod-styled"
        aria-expanded={isUnfolded}
        onClick={() => setUnfolded(!isUnfolded)}
      >
        {isUnfolded
          ? trans.__('Fold the shared beginning')
          : trans.__('Unfold the shared beginning')}
      </button>
      <span className="jp-llmtune-hint">{what}</span>
    </div>
  );
  const foldTurns =
    turns > 0 && fold(trans._n('%1 turn', '%1 turns', turns, count(turns)));
  const foldTokens =
    shared > 0 &&
    fold(trans._n('%1 token', '%1 tokens', shared, count(shared)));
  const conversation = (
    <>
      {foldTurns}
      {inColumns((side, index) => (
        <Turns
          turns={side.turns}
          others={sides[1 - index]?.turns ?? null}
          folded={isUnfolded ? 0 : turns}
          cuts={cuts[index]}
          sought={sought}
          isJudged={isJudged}
          trans={trans}
        />
      ))}
    </>
  );
  if (!isEncoded) {
    return conversation;
  }
  return (
    <Parts
      id={props.id}
      label={trans.__('Ways to see the row')}
      first={props.first}
      onShow={props.onShow}
      parts={[
        {
          id: 'turns',
          label: trans.__('Conversation'),
          content: () => conversation
        },
        {
          id: 'template',
          label: trans.__('Template'),
          content: () => (
            <>
              {foldTokens}
              {inColumns((_, index) => (
                <Pieces
                  tokens={left[index]}
                  isJudged={isJudged}
                  content={tokens => <Rendered tokens={tokens} />}
                  trans={trans}
                />
              ))}
            </>
          )
        },
        {
          id: 'tokens',
          label: trans.__('Tokens'),
          content: () => (
            <>
              <label>
                <input
                  type="checkbox"
                  checked={showsIds}
                  onChange={event => setShowsIds(event.target.checked)}
                />
                {trans.__('Show the ids')}
              </label>
              {foldTokens}
              {inColumns((_, index) => (
                <Pieces
                  tokens={left[index]}
                  isJudged={isJudged}
                  content={tokens => (
                    <Tokens tokens={tokens} showsIds={showsIds} />
                  )}
                  trans={trans}
                />
              ))}
            </>
          )
        }
      ]}
    />
  );
}

/** As JSON has it. */
const NULL = 'null';

/** The row as it is. */
function Values(props: {
  view: IRowView;
  sought: string;
  trans: TranslationBundle;
}): JSX.Element {
  const { sought, view, trans } = props;
  return (
    <details open={view.sides.length === 0 || undefined}>
      <summary>{trans.__('Values of the row')}</summary>
      <dl>
        {Object.entries(view.values).map(([column, value]) => (
          <React.Fragment key={column}>
            <dt>{column}</dt>
            <dd>
              {value === null ? (
                <i>{NULL}</i>
              ) : (
                <LongText text={value} sought={sought} trans={trans} />
              )}
            </dd>
          </React.Fragment>
        ))}
      </dl>
    </details>
  );
}

function Icon(props: {
  icon: LabIcon;
  label: string;
  onClick: () => void;
}): JSX.Element {
  return (
    <button
      type="button"
      className="jp-llmtune-icon"
      aria-label={props.label}
      title={props.label}
      onClick={props.onClick}
    >
      <props.icon.react tag="span" />
    </button>
  );
}

function sideName({ name }: IRowSide, trans: TranslationBundle): string {
  switch (name) {
    case '':
      return '';
    case 'chosen':
      return trans.__('Chosen');
    case 'rejected':
      return trans.__('Rejected');
    case 'desirable':
      return trans.__('Desirable');
    case 'undesirable':
      return trans.__('Undesirable');
  }
}
