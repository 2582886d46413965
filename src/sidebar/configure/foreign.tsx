import React from 'react';

import { useFormState } from './state';

const PANEL = '.jp-llmtune-configure';

function firstField(panel: Element | null): HTMLElement | null {
  return panel?.querySelector('.jp-llmtune-form input') ?? null;
}

/**
 * A LLaMA-Factory file, for whose arguments the form has no fields: what it says in ours.
 */
export function Foreign(): JSX.Element {
  const { context, model } = useFormState();
  const { trans } = context;
  const { edited } = model;
  const { translation } = edited;
  return (
    <section
      className="jp-llmtune-form jp-llmtune-foreign"
      aria-label={trans.__('LLaMA-Factory file')}
    >
      <p role="status">
        {translation !== null
          ? trans.__(
              'This is a LLaMA-Factory file. It runs as it is; to change it here, translate it.'
            )
          : model.checkState === 'checked'
            ? trans.__(
                'This is a LLaMA-Factory file. What keeps it from being translated stands above.'
              )
            : trans.__('This is a LLaMA-Factory file.')}
      </p>
      {translation !== null && (
        <>
          <div className="jp-llmtune-buttons">
            <button
              type="button"
              className="jp-Button jp-mod-styled"
              disabled={!edited.canReplace}
              onClick={event => {
                const panel = event.currentTarget.closest(PANEL);
                edited.replace(translation);
                requestAnimationFrame(() => firstField(panel)?.focus());
              }}
            >
              {trans.__('Translate')}
            </button>
          </div>
          <pre tabIndex={0} aria-label={trans.__('Translation')}>
            {translation}
          </pre>
        </>
      )}
    </section>
  );
}
