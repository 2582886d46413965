import type { TranslationBundle } from '@jupyterlab/translation';

import React, { useLayoutEffect, useMemo, useRef } from 'react';

import type { IRowTurn } from '../kernel/protocol';
import type { IPart } from './differences';
import { partsOf } from './differences';
import { LongText } from './pieces';

/**
 * A conversation, or a text, as a person reads it.
 */
export function Turns(props: {
  turns: readonly IRowTurn[];
  /** Those of the other side of a preference. */
  others: readonly IRowTurn[] | null;
  /** How many of the first turns are not shown. */
  folded: number;
  /** Where each turn is cut; null for those that are not. */
  cuts: readonly (number | null)[];
  /** What a user searches for. */
  sought: string;
  isJudged: boolean;
  trans: TranslationBundle;
}): JSX.Element {
  const { folded, isJudged, others, trans, turns } = props;
  const wrong = useRef<HTMLElement>(null);
  // It may be far down in a long conversation.
  useLayoutEffect(
    () => wrong.current?.scrollIntoView?.({ block: 'nearest' }),
    [turns]
  );
  return (
    <>
      {turns.slice(folded).map((turn, index) => (
        <section
          key={index}
          ref={turn.mark === 'wrong' ? wrong : undefined}
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
            cut={props.cuts[folded + index]}
            sought={props.sought}
            trans={trans}
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
function Said(props: {
  text: string;
  other: string | null;
  cut: number | null;
  sought: string;
  trans: TranslationBundle;
}): JSX.Element {
  const { other, text } = props;
  const parts = useMemo(
    () =>
      other === null || other === text
        ? [{ text, isDifferent: false }]
        : partsOf(text, other),
    [text, other]
  );
  return (
    <LongText
      text={text}
      sought={props.sought}
      cut={props.cut}
      content={(start, stop) => (
        <div>
          {partsWithin(parts, start, stop).map((part, index) =>
            part.isDifferent ? (
              <em key={index}>{part.text}</em>
            ) : (
              <React.Fragment key={index}>{part.text}</React.Fragment>
            )
          )}
        </div>
      )}
      trans={props.trans}
    />
  );
}

/** The parts of a text from one character to another. */
function partsWithin(
  parts: readonly IPart[],
  start: number,
  stop: number
): IPart[] {
  let at = 0;
  return parts
    .map(({ text, isDifferent }) => {
      const [from, to] = [start - at, stop - at];
      at += text.length;
      return {
        text: text.slice(Math.max(from, 0), Math.max(to, 0)),
        isDifferent
      };
    })
    .filter(({ text }) => text !== '');
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
