import type { TranslationBundle } from '@jupyterlab/translation';

import React, { useEffect, useMemo, useState } from 'react';

import { count } from '../numbers';
import type { IToken } from './tokens';
import { placesOf } from './tokens';

/**
 * Tokens piece by piece where there are many.
 */
export function Pieces(props: {
  tokens: readonly IToken[];
  isJudged: boolean;
  content: (tokens: readonly IToken[]) => JSX.Element;
  trans: TranslationBundle;
}): JSX.Element {
  const { content, isJudged, tokens, trans } = props;
  const places = useMemo(() => placesOf(tokens), [tokens]);
  return (
    <Pieced
      of={tokens}
      cutAt={startOfCharacter}
      status={ends => trans.__('Tokens %1 to %2 of %3', ...ends)}
      places={[
        {
          label: isJudged
            ? trans.__('First Judged')
            : trans.__('First Learned'),
          at: places.learned
        },
        { label: trans.__('Where It Is Cut'), at: places.cut }
      ]}
      content={content}
      trans={trans}
    />
  );
}

/**
 * A text piece by piece where it is long: first the piece with what is sought, or else with the place where it is cut.
 */
export function LongText(props: {
  text: string;
  /** What a user searches for, in upper or lower case; empty if nothing. */
  sought: string;
  /** Where it is cut; null if it is not. */
  cut?: number | null;
  /** What is shown of it from one character to another; by default that as it is. */
  content?: (start: number, stop: number) => JSX.Element;
  trans: TranslationBundle;
}): JSX.Element {
  const { cut = null, sought, text, trans } = props;
  const hit = useMemo(() => placeIn(text, sought), [text, sought]);
  return (
    <Pieced
      of={text}
      first={hit ?? cut ?? 0}
      cutAt={startOfGrapheme}
      status={ends => trans.__('Characters %1 to %2 of %3', ...ends)}
      places={[
        { label: trans.__('First Hit'), at: hit },
        { label: trans.__('Where It Is Cut'), at: cut }
      ]}
      content={(shown, start) =>
        props.content?.(start, start + shown.length) ?? <>{shown}</>
      }
      trans={trans}
    />
  );
}

/** The last place up to `at` where no character is parted that several tokens write. */
function startOfCharacter(tokens: readonly IToken[], at: number): number {
  let start = at;
  while (start > 0 && (tokens[start]?.part ?? 1) > 1) {
    start--;
  }
  return near(start, at);
}

/** The last place up to `at` where nothing is parted that is read as one character. */
function startOfGrapheme(text: string, at: number): number {
  return near(byGrapheme.segment(text).containing(at)?.index ?? at, at);
}

/** A place to cut at; what takes too much is parted. */
function near(place: number, at: number): number {
  return at - place > BEFORE ? at : place;
}

const byGrapheme = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

function placeIn(text: string, sought: string): number | null {
  const at = sought ? text.toLowerCase().indexOf(sought.toLowerCase()) : -1;
  return at < 0 ? null : at;
}

/**
 * Something long piece by piece: a page with a million elements, or a line of a million characters, would stand still.
 */
function Pieced<T extends string | readonly IToken[]>(props: {
  of: T;
  /** What is to be seen at first; by default the beginning. */
  first?: number;
  /** The last place up to another one where it may be cut. */
  cutAt: (of: T, at: number) => number;
  /** Says which piece it is, and of how much. */
  status: (ends: string[]) => string;
  /** Where a user may want to go; null for what it has not. */
  places: { label: string; at: number | null }[];
  content: (piece: T, start: number) => JSX.Element;
  trans: TranslationBundle;
}): JSX.Element {
  const { content, cutAt, first = 0, of, trans } = props;
  const [wanted, setWanted] = useState(0);
  useEffect(
    () => setWanted(first < PIECE - BEFORE ? 0 : first - BEFORE),
    [of, first]
  );
  const last = Math.max(of.length - PIECE, 0);
  const at = Math.min(wanted, last);
  const [start, stop, piece] = useMemo(() => {
    const [from, to] = [cutAt(of, at), cutAt(of, at + PIECE)];
    return [from, to, of.slice(from, to) as T];
  }, [of, at]);
  if (last === 0) {
    return content(of, 0);
  }
  const go = (to: number) => setWanted(Math.max(Math.min(to, last), 0));
  const ends = [start + 1, stop, of.length].map(count);
  return (
    <>
      <p className="jp-llmtune-hint" role="status">
        {props.status(ends)}
      </p>
      <div className="jp-llmtune-buttons">
        <Go
          label={trans.__('Earlier')}
          isDisabled={at === 0}
          onClick={() => go(at - PIECE)}
        />
        <Go
          label={trans.__('Later')}
          isDisabled={at === last}
          onClick={() => go(at + PIECE)}
        />
        {props.places.map(
          ({ label, at: place }) =>
            place !== null && (
              <Go
                key={label}
                label={label}
                onClick={() => go(place - BEFORE)}
              />
            )
        )}
      </div>
      {content(piece, start)}
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

/** In tokens or characters. */
const PIECE = 5_000;

/** What is seen of that before a place that is gone to. */
const BEFORE = 50;
