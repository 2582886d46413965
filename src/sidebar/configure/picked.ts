import type { TranslationBundle } from '@jupyterlab/translation';

import { JSONExt } from '@lumino/coreutils';

import type { IVariable } from '../../kernel/protocol';

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
   * What is to say of a variable; empty if nothing is.
   */
  note(
    name: string,
    variables: readonly IVariable[] | null,
    trans: TranslationBundle
  ): string {
    if (!variables) {
      return '';
    }
    const found = variables.find(variable => variable.name === name);
    const picked = this._picked.get(name);
    if (!found) {
      return picked
        ? trans.__('The variable %1 has gone. Run its cell again.', name)
        : trans.__('This notebook has no data named %1 now.', name);
    }
    if (!picked) {
      this._picked.set(name, found);
      return '';
    }
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

  private readonly _picked = new Map<string, IVariable>();
}
