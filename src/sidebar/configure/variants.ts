import type { JSONObject } from '@lumino/coreutils';

import type { IChange } from '../../cell/document';
import type { Values } from './fields';
import { isObject, listOf, propertiesOf, variantOf } from './schema';

/**
 * What else goes when a value changes: keys of a variant that is left are unknown in the other.
 */
export function withConsequences(
  changes: IChange[],
  schema: JSONObject,
  values: Values
): IChange[] {
  return changes.flatMap(change => {
    const [name, key] = change.path;
    const section = propertiesOf(schema)[name];
    const variants = section ? listOf(section.oneOf) : [];
    const written = values[name];
    if (key !== 'type' || !variants.length || !isObject(written)) {
      return [change];
    }
    const known = propertiesOf(variantOf(variants, { type: change.value! }));
    const gone = Object.keys(written).filter(key => !(key in known));
    return [
      ...gone.map(key => ({ path: [name, key], value: undefined })),
      change
    ];
  });
}

/**
 * Sections as they were when another type was chosen: it comes back with the values that it had.
 */
export class LeftVariants {
  /**
   * @param place - tells one configuration from another.
   * @returns the changes, and those that bring back what was left.
   */
  withLeft(changes: IChange[], values: Values, place: string): IChange[] {
    return changes.flatMap(change => {
      const [name, key] = change.path;
      const section = values[name] as JSONObject | undefined;
      if (key !== 'type' || !section || section.type === change.value) {
        return [change];
      }
      const left = this._left.get(`${place} ${name} ${change.value}`) ?? {};
      this._left.set(`${place} ${name} ${section.type}`, section);
      const back = Object.entries(left)
        .filter(([key]) => !(key in section))
        .map(([key, value]) => ({ path: [name, key], value }));
      return [change, ...(back as IChange[])];
    });
  }

  private readonly _left = new Map<string, JSONObject>();
}
