import type { TranslationBundle } from '@jupyterlab/translation';

import React from 'react';

import { insertCodeCell } from '../../cell/actions';
import type { IRemedy } from '../../kernel/protocol';
import type { IField } from './fields';
import { useFormState } from './state';
import { textOf } from './wording';

/**
 * The ways out of a mistake, a button each.
 *
 * @param said - what is said of the mistake: a command in it, that installs what is missing, can be inserted as a cell.
 * @param onTaken - after one was taken: the buttons go.
 */
export function Remedies(props: {
  remedies: readonly IRemedy[] | undefined;
  said?: string;
  isDisabled?: boolean;
  onTaken?: () => void;
}): JSX.Element {
  const { context, fields, model, isReadOnly } = useFormState();
  const { remedies = [], said = '', isDisabled, onTaken } = props;
  const command = commandIn(said);
  const panel = context.notebooks.currentWidget;
  if (!remedies.length && !command) {
    return <></>;
  }
  return (
    <div className="jp-llmtune-buttons jp-llmtune-remedies">
      {command && panel && (
        <button
          type="button"
          className="jp-Button jp-mod-styled"
          onClick={() => void insertCodeCell(panel, command, { run: false })}
        >
          {context.trans.__('Insert as cell')}
        </button>
      )}
      {remedies.map(remedy => {
        const label = labelOf(remedy, fields, context.trans);
        return (
          <button
            key={label}
            type="button"
            className="jp-Button jp-mod-styled"
            disabled={isReadOnly || isDisabled}
            onClick={() => {
              model.mend(remedy);
              onTaken?.();
            }}
          >
            {label}
          </button>
        );
      })}
    </div>
  );
}

/** The command at the end of a text that installs a package; empty if there is none. */
export function commandIn(text: string): string {
  return /%pip install .+$/.exec(text)?.[0] ?? '';
}

/**
 * What a change does, in a few words.
 *
 * @param fields - by key.
 */
export function labelOf(
  { path, value, replaces, label }: IRemedy,
  fields: { [key: string]: IField | undefined },
  trans: TranslationBundle
): string {
  if (label) {
    return label;
  }
  const key = path.join('.');
  const name = path[path.length - 1];
  if (replaces) {
    return replaces.length === path.length && replaces[0] === path[0]
      ? trans.__('Rename to %1', name)
      : trans.__('Move to %1', key);
  }
  const title = fieldOf(path, fields)?.title;
  if (value === null) {
    return title ? trans.__('Reset %1', title) : trans.__('Remove %1', key);
  }
  return trans.__('Set %1 to %2', title ?? key, textOf(value, trans));
}

/** The field of a value, of a setting of a source, or of the list that holds an item. */
function fieldOf(
  path: string[],
  fields: { [key: string]: IField | undefined }
): IField | undefined {
  const field = fields[path.slice(0, 2).join('.')];
  const setting = path.slice(2).find(part => !/^\d+$/.test(part));
  return setting === undefined
    ? field
    : field?.inner.find(({ path }) => path[path.length - 1] === setting);
}
