import type { TranslationBundle } from '@jupyterlab/translation';

import React from 'react';

import { count } from '../numbers';
import type { ISpan, IToken } from './tokens';
import { byCharacters, countsOf, spansOf } from './tokens';
import { visible } from './unseen';

/**
 * How many tokens there are; the words look as such tokens do.
 */
export function Counts(props: {
  tokens: readonly IToken[];
  /** Whether the tokens are those of an answer that is judged. */
  isJudged: boolean;
  trans: TranslationBundle;
}): JSX.Element {
  const { isJudged, trans } = props;
  const counts = countsOf(props.tokens);
  const learned = count(counts.learned);
  return (
    <p className="jp-llmtune-row-counts">
      <span>{trans.__('%1 tokens', count(counts.tokens))}</span>
      <mark>
        {isJudged
          ? trans.__('%1 judged', learned)
          : trans.__('%1 learned', learned)}
      </mark>
      {counts.cut > 0 ? (
        <s>{trans.__('%1 cut', count(counts.cut))}</s>
      ) : (
        <span>{trans.__('%1 cut', 0)}</span>
      )}
    </p>
  );
}

/**
 * The text as the chat template writes it.
 */
export function Rendered(props: { tokens: readonly IToken[] }): JSX.Element {
  return (
    <div className="jp-llmtune-rendered">
      {spansOf(props.tokens).map((span, index) => {
        const Tag = tagOf(span);
        return (
          <Tag key={index} className={classOf(span)}>
            {span.text}
          </Tag>
        );
      })}
    </div>
  );
}

/**
 * Each token by itself; those that write a character together stand beside it, numbered. There can be thousands: each is
 * one element, and its id is an attribute of it.
 */
export const Tokens = React.memo(function Tokens(props: {
  tokens: readonly IToken[];
  showsIds: boolean;
}): JSX.Element {
  return (
    <div className="jp-llmtune-tokens" data-ids={props.showsIds || undefined}>
      {byCharacters(props.tokens).map((tokens, index) => {
        const { text } = tokens[tokens.length - 1];
        return (
          <React.Fragment key={index}>
            {tokens[0].part === null ? (
              <Token token={tokens[0]}>{visible(text)}</Token>
            ) : (
              <span className="jp-llmtune-character">
                {visible(text) || '�'}
                {tokens.map((token, place) => (
                  <Token key={place} token={token}>
                    {token.part}
                  </Token>
                ))}
              </span>
            )}
            {text.endsWith('\n') && <br />}
          </React.Fragment>
        );
      })}
    </div>
  );
});

function Token(props: {
  token: IToken;
  children: React.ReactNode;
}): JSX.Element {
  const { token } = props;
  const Tag = tagOf(token);
  return (
    <Tag className={classOf(token)} title={String(token.id)} data-id={token.id}>
      {props.children}
    </Tag>
  );
}

function tagOf({ isCut, isLearned }: ISpan): 'mark' | 's' | 'span' {
  return isCut ? 's' : isLearned ? 'mark' : 'span';
}

function classOf({ isCut, isDifferent, isLearned }: ISpan): string | undefined {
  const names = [
    isCut && isLearned && 'jp-mod-learned',
    isDifferent && 'jp-mod-different'
  ];
  return names.filter(Boolean).join(' ') || undefined;
}
