import { ReactWidget } from '@jupyterlab/apputils';
import { UseSignal } from '@jupyterlab/ui-components';

import React, { useState } from 'react';

import { insertCodeCell, loadExtension } from '../cell/actions';
import type { IAdvice } from './advice';
import { adviceFor } from './advice';
import type { Connection } from './connection';
import type { ISidebarContext } from './context';

/**
 * Says what is missing between the sidebar and a kernel, and offers the next step; empty when all is well.
 */
export class Header extends ReactWidget {
  constructor(context: ISidebarContext, connection: Connection) {
    super();
    this._context = context;
    this._connection = connection;
    this.addClass('jp-llmtune-header');
  }

  protected render(): JSX.Element {
    return (
      <UseSignal signal={this._connection.changed}>
        {() => {
          const advice = adviceFor(this._connection.state, this._context.trans);
          return (
            <div role="status" aria-live="polite">
              {advice && <Banner advice={advice} context={this._context} />}
            </div>
          );
        }}
      </UseSignal>
    );
  }

  private readonly _context: ISidebarContext;
  private readonly _connection: Connection;
}

function Banner(props: {
  advice: IAdvice;
  context: ISidebarContext;
}): JSX.Element {
  const { advice, context } = props;
  const { trans } = context;
  const panel = context.notebooks.currentWidget;
  const [hasFailed, setFailed] = useState(false);
  const act = async () => {
    if (advice.action?.command) {
      await context.app.commands.execute(advice.action.command);
    } else if (advice.action?.runs && panel) {
      setFailed(!(await loadExtension(panel)));
    }
  };
  const code = advice.code;
  return (
    <div className="jp-llmtune-banner">
      <p className="jp-llmtune-banner-title">
        {hasFailed
          ? trans.__('This kernel could not load llmtune_kernel.')
          : advice.title}
      </p>
      {advice.action && (
        <button
          type="button"
          className="jp-Button jp-mod-styled jp-mod-accept"
          onClick={() => void act()}
        >
          {advice.action.label}
        </button>
      )}
      {advice.detail && (
        <p>
          {hasFailed
            ? trans.__('Install it, then restart the kernel:')
            : advice.detail}
        </p>
      )}
      {code && (
        <div className="jp-llmtune-code">
          <code>{code}</code>
          {code.startsWith('%') && panel && (
            <button
              type="button"
              className="jp-Button jp-mod-styled"
              onClick={() => void insertCodeCell(panel, code, { run: false })}
            >
              {trans.__('Insert as cell')}
            </button>
          )}
        </div>
      )}
    </div>
  );
}
