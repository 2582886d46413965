import type { TranslationBundle } from '@jupyterlab/translation';

import React, { useMemo } from 'react';

import type { IRowSide } from '../kernel/protocol';
import { partsOf } from './differences';

type Turn = IRowSide['turns'][number];

/**
 * A conversation, or a text, as a person reads it.
 */
export function Turns(props: {
  turns: readonly Turn[];
  /** Those of the other side of a preference. */
  others: readonly Turn[] | null;
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
          data-answers={turn.answers || undefined}
        >
          {(turn.role || turn.answers) && (
            <h3>
              {roleName(turn.role, trans)}
              {turn.answers && (
                <mark>
                  {isJudged ? trans.__('judged') : trans.__('learned')}
                </mark>
              )}
            </h3>
          )}
          <Said
            text={turn.text}
            other={others?.[folded + index]?.text ?? null}
          />
        </section>
      ))}
    </>
  );
}

/** How many turns two conversations have in common at their start. */
export function sharedTurns(
  turns: readonly Turn[],
  others: readonly Turn[]
): number {
  const differs = turns.findIndex(
    ({ role, text }, index) =>
      role !== others[index]?.role || text !== others[index].text
  );
  return differs < 0 ? turns.length : differs;
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
    default:
      return role;
  }
}
