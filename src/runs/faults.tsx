import type { TranslationBundle } from '@jupyterlab/translation';

import React from 'react';

import type { IFailure } from '../kernel/protocol';

/**
 * Why a run failed, with the end of its worker's log.
 */
export function Failure(props: {
  error: IFailure;
  trans: TranslationBundle;
}): JSX.Element {
  const { error, trans } = props;
  return (
    <div className="jp-llmtune-fault">
      <strong>{error.what}</strong>
      {error.where && (
        <div className="jp-llmtune-fault-where">{error.where}</div>
      )}
      {error.fix && <div>{error.fix}</div>}
      {error.tail.length > 0 && (
        <pre tabIndex={0} aria-label={trans.__('End of the log of the worker')}>
          {error.tail.join('\n')}
        </pre>
      )}
      {error.log && (
        <div>
          {trans.__('Log:')} <code>{error.log}</code>
        </div>
      )}
    </div>
  );
}
