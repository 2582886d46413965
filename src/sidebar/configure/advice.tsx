import type { TranslationBundle } from '@jupyterlab/translation';

import React from 'react';

import type { IModelChoice } from '../../kernel/protocol';
import { valueOf } from './fields';
import { Remedies } from './remedies';
import type { IControl } from './typed';

/**
 * What is to know of the model that is chosen, and values that suit it, to be taken by a button.
 */
export function ModelAdvice(props: IControl): JSX.Element {
  const { context, fields, model } = props.state;
  const { trans } = context;
  const chosen = model.facts.models.find(({ name }) => name === props.value);
  if (!chosen) {
    return <></>;
  }
  const gate = chosen.kind === 'catalogue' ? gateText(chosen, trans) : '';
  const open = Object.entries(chosen.advice).filter(
    ([key]) =>
      fields[key] && valueOf(model.values, fields[key].path) === undefined
  );
  return (
    <ul className="jp-llmtune-notices">
      {gate && <li>{gate}</li>}
      {open.map(([key, value]) => (
        <li key={key}>
          {reasonOf(key, trans)}
          <Remedies
            remedies={[
              {
                path: key.split('.'),
                value,
                replaces: null,
                label: trans.__('Use %1', [value].flat().join(', '))
              }
            ]}
          />
        </li>
      ))}
    </ul>
  );
}

/**
 * What to do before a model can be fetched; empty if nothing is.
 */
export function gateText(
  { gated }: IModelChoice,
  trans: TranslationBundle
): string {
  if (gated === false) {
    return '';
  }
  return gated
    ? trans.__(
        'Gated: accept its licence on its page on the Hub, and log in with hf auth login.'
      )
    : trans.__(
        'It may be gated: then accept its licence on its page on the Hub, and log in with hf auth login.'
      );
}

function reasonOf(key: string, trans: TranslationBundle): string {
  return key === 'data.template'
    ? trans.__('This model is not known to come with a chat template.')
    : trans.__('Adapters on all linear layers do not suit this model.');
}
