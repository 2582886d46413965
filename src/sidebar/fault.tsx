import React from 'react';

import type { IFault } from '../kernel/protocol';

/**
 * A mistake or failure, where it happened: what is wrong, where, and what to do.
 */
export function FaultMessage(props: { fault: IFault }): JSX.Element {
  const { what, where, fix } = props.fault;
  return (
    <div className="jp-llmtune-fault" role="alert">
      <strong>{what}</strong>
      {where && <div className="jp-llmtune-fault-where">{where}</div>}
      {fix && <div>{fix}</div>}
    </div>
  );
}
