import { ReactWidget } from '@jupyterlab/apputils';
import { UseSignal } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { Widget } from '@lumino/widgets';
import { SplitPanel } from '@lumino/widgets';

import React from 'react';

import type { NotebookClient } from '../runs/clientSource';
import { Statistics, StatisticsModel } from '../statistics';
import { Bar } from './bar';
import type { ConfiguredText } from './configured';
import type { InspectorModel } from './model';
import { ColumnStrip } from './strip';

/**
 * Above the rows: search, filter, and what can be done with the rows that are left.
 */
export function createBar(options: Bar.IProps): Widget {
  return ReactWidget.create(
    <UseSignal signal={options.model.changed}>
      {() => <Bar {...options} />}
    </UseSignal>
  );
}

/**
 * Beside the rows: a column in numbers.
 */
export function createStrip(
  model: InspectorModel,
  trans: TranslationBundle
): Widget {
  const strip = ReactWidget.create(
    <UseSignal signal={model.changed}>
      {() => <ColumnStrip model={model} trans={trans} />}
    </UseSignal>
  );
  strip.addClass('jp-llmtune-inspector-strip');
  SplitPanel.setStretch(strip, 0);
  return strip;
}

/**
 * Above the rows, folded: all of them in numbers.
 */
export function createStatistics(
  statistics: StatisticsModel,
  model: InspectorModel,
  trans: TranslationBundle
): Widget {
  const widget = ReactWidget.create(
    <UseSignal signal={statistics.changed}>
      {() => (
        <Statistics
          model={statistics}
          trans={trans}
          onRows={numbers => model.lookOnlyAt(numbers)}
        />
      )}
    </UseSignal>
  );
  widget.addClass('jp-llmtune-inspector-statistics');
  return widget;
}

/**
 * The statistics of the source alone, so that rows have the numbers that they have in the table.
 *
 * @param timesRead - how often the source was read.
 */
export function countStatistics(
  source: NotebookClient,
  configuration: ConfiguredText,
  model: InspectorModel,
  timesRead: () => number
): StatisticsModel {
  return new StatisticsModel({
    target: () => {
      const { client } = source;
      return client?.status.kind === 'ready'
        ? {
            client,
            place: source.path,
            text: configuration.textOfSource,
            data: String(timesRead())
          }
        : null;
    },
    changes: [configuration.changed, model.pagesChanged],
    isEditable: () => configuration.isEditable,
    write: value =>
      configuration.change([{ path: ['data', 'max_length'], value }])
  });
}
