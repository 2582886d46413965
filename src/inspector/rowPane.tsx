import { ReactWidget } from '@jupyterlab/apputils';
import { UseSignal } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';

import { UUID } from '@lumino/coreutils';

import React from 'react';

import type { ConfiguredText } from './configured';
import type { InspectorModel } from './model';
import { ProblemSearch } from './problemSearch';
import { RowView } from './rowView';
import { RowViewModel } from './rowViewModel';

/**
 * Beside the rows: the chosen one through the eyes of the trainer.
 */
export class RowPane extends ReactWidget {
  constructor(options: RowPane.IOptions) {
    super();
    const { configuration, rows } = options;
    this._options = options;
    this._model = new RowViewModel({ rows, configuration });
    this._search = new ProblemSearch({ rows, configuration });
    this.addClass('jp-llmtune-row-pane');
    this.node.tabIndex = -1;
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', options.trans.__('The chosen row'));
    this.node.addEventListener('keydown', event => {
      if (event.key === 'Escape') {
        options.onClose();
      }
    });
  }

  set isShown(isShown: boolean) {
    this._model.isShown = isShown;
  }

  dispose(): void {
    if (!this.isDisposed) {
      this._model.dispose();
      this._search.dispose();
      super.dispose();
    }
  }

  protected render(): JSX.Element {
    const { choose, cursor, exclude, onClose, trans } = this._options;
    const find = async () => {
      const place = await this._search.find(cursor() + 1);
      if (place !== null) {
        choose(place);
      }
    };
    return (
      <UseSignal signal={this._model.changed}>
        {() => (
          <UseSignal signal={this._search.changed}>
            {() => (
              <RowView
                id={this._id}
                model={this._model}
                search={this._search}
                trans={trans}
                onStep={rows => choose(cursor() + rows)}
                onFind={() => void find()}
                onExclude={exclude}
                onClose={onClose}
              />
            )}
          </UseSignal>
        )}
      </UseSignal>
    );
  }

  private readonly _options: RowPane.IOptions;
  private readonly _id = `jp-llmtune-row-${UUID.uuid4()}`;
  private readonly _model: RowViewModel;
  private readonly _search: ProblemSearch;
}

export namespace RowPane {
  export interface IOptions {
    rows: InspectorModel;
    configuration: ConfiguredText;
    /** The place of the chosen row in the view. */
    cursor: () => number;
    /** Choose the row at a place, if there is one. */
    choose: (place: number) => void;
    /** Take the chosen row out of those that are shown. */
    exclude: () => void;
    onClose: () => void;
    trans: TranslationBundle;
  }
}
