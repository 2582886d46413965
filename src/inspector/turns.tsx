import type { TranslationBundle } from '@jupyterlab/translation';

import React, { useMemo } from 'react';

import type { IRowTurn } from '../kernel/protocol';
import { partsOf } from './differences';

/**
 * A conversation, or a text, as a person reads it.
 */
export function Turns(props: {
  turns: readonly IRowTurn[];
  /** Those of the other side of a preference. */
  others: readonly IRowTurn[] | null;
  /** How many of the first turns are not shown. */
  folded: number;
  isJudged: boolean;
  trans: TranslationBundle;
}): JSX.Element {
  const { folded, isJudged, others, trans } = props;
  return (
    <>
      {props.turns.slice(folded).map((turn, index) => (
        <section
          key={index}
          className="jp-llmtune-said"
          data-mark={turn.mark || undefined}
        >
          {(turn.role || turn.mark) && (
            <h3>
              {roleName(turn.role, trans)}
              {turn.mark && <mark>{markName(turn, isJudged, trans)}</mark>}
            </h3>
          )}
          <Said
            text={turn.text}
            other={otherText(turn, others?.[folded + index])}
          />
        </section>
      ))}
    </>
  );
}

/** How many turns two conversations have in common at their start. */
export function sharedTurns(
  turns: readonly IRowTurn[],
  others: readonly IRowTurn[]
): number {
  const differs = turns.findIndex(
    ({ role, text }, index) =>
      role !== others[index]?.role || text !== others[index].text
  );
  return differs < 0 ? turns.length : differs;
}

/** What the other side says in the place of a turn. */
function otherText(turn: IRowTurn, other: IRowTurn | undefined): string | null {
  return other?.role === turn.role ? other.text : null;
}

/** A text, with marks where it differs from the other one. */
function Said(props: { text: string; other: string | null }): JSX.Element {
  const { other, text } = props;
  const parts = useMemo(
    () =>
      other === null || other === text
        ? [{ text, isDifferent: false }]
        : partsOf(text, other),
    [text, other]
  );
  return (
    <div>
      {parts.map((part, index) =>
        part.isDifferent ? (
          <em key={index}>{part.text}</em>
        ) : (
          <React.Fragment key={index}>{part.text}</React.Fragment>
        )
      )}
    </div>
  );
}

function roleName(role: string, trans: TranslationBundle): string {
  switch (role) {
    case '':
      return trans.__('Text');
    case 'system':
      return trans.__('System');
    case 'user':
      return trans.__('User');
    case 'assistant':
      return trans.__('Assistant');
    case 'tool':
      return trans.__('Tool');
    case 'tools':
      return trans.__('Tools to call');
    case 'thinking':
      return trans.__('Thinking');
    case 'call':
      return trans.__('Calls a tool');
    default:
      return role;
  }
}

function markName(
  { mark }: IRowTurn,
  isJudged: boolean,
  trans: TranslationBundle
): string {
  switch (mark) {
    case '':
      return '';
    case 'answer':
      return isJudged ? trans.__('judged') : trans.__('learned');
    case 'dropped':
      return trans.__('left out by the template');
    case 'wrong':
      return trans.__('wrong');
  }
}
