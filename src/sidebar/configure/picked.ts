import type { TranslationBundle } from '@jupyterlab/translation';

import { JSONExt } from '@lumino/coreutils';

import type { IVariable } from '../../kernel/protocol';

/**
 * What is to say of a variable.
 */
export interface INote {
  text: string;
  /** Whether it is the user's to judge, and not wrong. */
  isAcceptable: boolean;
}

/**
 * Remembers what variables were when they were chosen as data, to tell when they have gone or changed.
 */
export class PickedVariables {
  /** What is chosen now is as it should be. */
  pick(name: string, variables: readonly IVariable[] | null): void {
    const found = variables?.find(variable => variable.name === name);
    if (found) {
      this._picked.set(name, found);
    } else {
      this._picked.delete(name);
    }
  }

  /**
   * What is to say of a variable; null if nothing is.
   */
  note(
    name: string,
    variables: readonly IVariable[] | null,
    trans: TranslationBundle
  ): INote | null {
    if (!variables) {
      return null;
    }
    const found = variables.find(variable => variable.name === name);
    const picked = this._picked.get(name);
    if (!found) {
      const text = picked
        ? trans.__('The variable %1 has gone. Run its cell again.', name)
        : trans.__('This notebook has no data named %1 now.', name);
      return { text, isAcceptable: false };
    }
    if (!picked) {
      this._picked.set(name, found);
      return null;
    }
    const text = changeOf(picked, found, trans);
    return text ? { text, isAcceptable: true } : null;
  }

  private readonly _picked = new Map<string, IVariable>();
}

/** What is different now; empty if nothing is. */
function changeOf(
  picked: IVariable,
  found: IVariable,
  trans: TranslationBundle
): string {
  if (picked.rows !== found.rows) {
    return trans.__(
      'It has changed since it was chosen: %1 rows then, %2 now.',
      String(picked.rows ?? '?'),
      String(found.rows ?? '?')
    );
  }
  const isSame =
    picked.type === found.type &&
    JSONExt.deepEqual(picked.columns, found.columns);
  return isSame
    ? ''
    : trans.__('It has changed since it was chosen: other columns.');
}
