import type { TranslationBundle } from '@jupyterlab/translation';

import type { JSONObject } from '@lumino/coreutils';

import type { IFault } from '../../kernel/protocol';
import type { IField } from './fields';
import { fieldsOf } from './fields';
import { listOf, propertiesOf } from './schema';

/**
 * Says what the kernel says in the words of the form: settings by their titles, where the kernel names their keys.
 */
export class FormWords {
  constructor(
    schema: JSONObject,
    private readonly _trans: TranslationBundle
  ) {
    for (const field of allFields(schema)) {
      this._add(field);
      field.inner.forEach(inner => this._add(inner));
    }
  }

  /** A text of the kernel, or of a library below it; what is in quotes is somebody's own. */
  text(text: string): string {
    return text
      .replace(
        PATH,
        (whole, path, item, inner) => this._title(path, item, inner) ?? whole
      )
      .replace(KEY, (whole, key) => this._ofKey.get(key) ?? whole);
  }

  fault(fault: IFault): IFault {
    return {
      ...fault,
      what: this.text(fault.what),
      where: this.text(fault.where),
      fix: this.text(fault.fix)
    };
  }

  private _title(path: string, item?: string, inner?: string): string | null {
    const whole = this._titles.get(path.replace(': ', '.'));
    const part =
      inner === undefined ? '' : this._titles.get(`${path}.${inner}`);
    if (whole === undefined || part === undefined) {
      return null;
    }
    const title =
      item === undefined
        ? whole
        : this._trans.__('%1, number %2', whole, Number(item) + 1);
    return part ? `${title}: ${part}` : title;
  }

  private _add({ path, key, title }: IField): void {
    this._titles.set(key, title);
    const last = path[path.length - 1];
    // A key that stands for several things is no name.
    const isOther = (this._ofKey.get(last) ?? title) !== title;
    this._ofKey.set(last, isOther ? last : title);
  }

  /** By path. */
  private readonly _titles = new Map<string, string>();
  /** By the last part of a path. */
  private readonly _ofKey = new Map<string, string>();
}

/** The fields of all variants. */
function allFields(schema: JSONObject): IField[] {
  return Object.entries(propertiesOf(schema)).flatMap(([name, section]) => {
    const types = listOf(section.oneOf).map(
      variant => propertiesOf(variant).type?.const
    );
    const chosen = types.length ? types : [undefined];
    return chosen.flatMap(type =>
      fieldsOf(
        { properties: { [name]: section } },
        type ? { [name]: { type } } : {}
      )
    );
  });
}

/** Such as `data.train[1].weight`, and `data: max_length`. */
const PATH =
  /(?<![\w./\\$'"-])`?([a-z]+(?:\.|: )[a-z][a-z_0-9]*)(?:\[(\d+)\])?(?:\.([a-z_0-9]+))?`?(?![\w/\\'"]|\.\w)/g;

/** Of several words: one word may be meant as it is. In a list of keys, these are meant. */
const KEY =
  /(?<![\w./\\$'"-]|, )`?([a-z0-9]+(?:_[a-z0-9]+)+)`?(?![\w/\\'",]|\.\w)/g;
