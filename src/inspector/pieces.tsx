import type { TranslationBundle } from '@jupyterlab/translation';

import React, { useEffect, useMemo, useState } from 'react';

import { count } from '../numbers';
import type { IToken } from './tokens';
import { placesOf } from './tokens';

/**
 * Tokens piece by piece where there are many: a page with a million elements would stand still.
 */
export function Pieces(props: {
  tokens: readonly IToken[];
  isJudged: boolean;
  content: (tokens: readonly IToken[]) => JSX.Element;
  trans: TranslationBundle;
}): JSX.Element {
  const { content, isJudged, tokens, trans } = props;
  const [wanted, setWanted] = useState(0);
  useEffect(() => setWanted(0), [tokens]);
  const last = Math.max(tokens.length - PIECE, 0);
  const start = Math.min(wanted, last);
  const shown = useMemo(
    () => tokens.slice(start, start + PIECE),
    [tokens, start]
  );
  const places = useMemo(() => placesOf(tokens), [tokens]);
  if (last === 0) {
    return content(tokens);
  }
  const go = (at: number) => setWanted(Math.max(Math.min(at, last), 0));
  const ends = [start + 1, start + PIECE, tokens.length].map(count);
  return (
    <>
      <p className="jp-llmtune-hint" role="status">
        {trans.__('Tokens %1 to %2 of %3', ...ends)}
      </p>
      <div className="jp-llmtune-buttons">
        <Go
          label={trans.__('Earlier')}
          isDisabled={start === 0}
          onClick={() => go(start - PIECE)}
        />
        <Go
          label={trans.__('Later')}
          isDisabled={start === last}
          onClick={() => go(start + PIECE)}
        />
        {places.learned !== null && (
          <Go
            label={
              isJudged ? trans.__('First Judged') : trans.__('First Learned')
            }
            onClick={() => go(places.learned! - BEFORE)}
          />
        )}
        {places.cut !== null && (
          <Go
            label={trans.__('Where It Is Cut')}
            onClick={() => go(places.cut! - BEFORE)}
          />
        )}
      </div>
      {content(shown)}
    </>
  );
}

function Go(props: {
  label: string;
  isDisabled?: boolean;
  onClick: () => void;
}): JSX.Element {
  const { isDisabled, label, onClick } = props;
  return (
    <button
      type="button"
      className="jp-Button jp-mod-styled"
      // It keeps the focus at the end.
      aria-disabled={isDisabled}
      onClick={isDisabled ? undefined : onClick}
    >
      {label}
    </button>
  );
}

/** In tokens. */
const PIECE = 5_000;

/** What is seen of that before a place that is gone to, in tokens. */
const BEFORE = 50;
