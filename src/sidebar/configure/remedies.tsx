import type { TranslationBundle } from '@jupyterlab/translation';

import React from 'react';

import type { IRemedy } from '../../kernel/protocol';
import type { IField } from './fields';
import { useFormState } from './state';
import { textOf } from './wording';

/**
 * The ways out of a mistake, a button each.
 *
 * @param onTaken - after one was taken: the buttons go.
 */
export function Remedies(props: {
  remedies: readonly IRemedy[] | undefined;
  isDisabled?: boolean;
  onTaken?: () => void;
}): JSX.Element {
  const { context, fields, model, isReadOnly } = useFormState();
  const { remedies = [], isDisabled, onTaken } = props;
  if (!remedies.length) {
    return <></>;
  }
  return (
    <div className="jp-llmtune-buttons jp-llmtune-remedies">
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
