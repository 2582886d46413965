import type { TranslationBundle } from '@jupyterlab/translation';

import type { JSONValue } from '@lumino/coreutils';
import { JSONExt } from '@lumino/coreutils';

import type { IVariable } from '../../kernel/protocol';
import type { IKernelClient } from '../../tokens';
import type { KernelFacts } from './facts';
import { nameOfSource, sourcesOf } from './sourceLines';

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
 *
 * Data are named as in a configuration: `$` and the name of a variable; what is no variable is none of its business.
 */
export class PickedData {
  constructor(
    private readonly _facts: KernelFacts,
    private readonly _trans: TranslationBundle
  ) {}

  /** What is said of data is from now on said of this notebook. */
  follow(client: IKernelClient | null): void {
    const picked =
      (client && this._by.get(client)) ?? new Map<string, IVariable>();
    if (client) {
      this._by.set(client, picked);
    }
    this._picked = picked;
  }

  /**
   * What is chosen now is as it should be.
   *
   * @param before - what was chosen already: nothing new is known of that.
   */
  pick(data: JSONValue | undefined, before?: JSONValue): void {
    const known = sourcesOf(before).map(nameOfSource);
    const chosen = sourcesOf(data).map(nameOfSource);
    for (const source of chosen.filter(one => !known.includes(one))) {
      const name = variableOf(source);
      const found = name === null ? undefined : this._find(name);
      if (name !== null && found) {
        this._picked.set(name, found);
      } else if (name !== null) {
        this._picked.delete(name);
      }
    }
  }

  /**
   * What is to say of a source of data; null if nothing is.
   */
  note(data: JSONValue | undefined): INote | null {
    const name = variableOf(data);
    if (name === null || !this._facts.variables) {
      return null;
    }
    const found = this._find(name);
    const picked = this._picked.get(name);
    if (!found) {
      const text = picked
        ? this._trans.__('The variable %1 has gone. Run its cell again.', name)
        : this._trans.__('This notebook has no data named %1 now.', name);
      return { text, isAcceptable: false };
    }
    if (!picked) {
      this._picked.set(name, found);
      return null;
    }
    const text = changeOf(picked, found, this._trans);
    return text ? { text, isAcceptable: true } : null;
  }

  private _find(name: string): IVariable | undefined {
    return this._facts.variables?.find(variable => variable.name === name);
  }

  private readonly _by = new WeakMap<IKernelClient, Map<string, IVariable>>();
  private _picked = new Map<string, IVariable>();
}

/** The name of the variable that data are; null if they are none. */
function variableOf(data: JSONValue | undefined): string | null {
  return typeof data === 'string' && data.startsWith('$')
    ? data.slice(1)
    : null;
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
