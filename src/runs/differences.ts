import type { JSONObject, JSONValue } from '@lumino/coreutils';

/**
 * A setting that is not the same in all runs.
 */
export interface IDifference {
  /** Dotted, such as `training.learning_rate`. */
  key: string;
  /** One for each run; undefined where it is not set or not known. */
  values: (JSONValue | undefined)[];
}

/**
 * The settings in which configurations differ, by their keys.
 *
 * @param configs - null where it is not known yet: such a run makes no difference.
 */
export function differences(configs: (JSONObject | null)[]): IDifference[] {
  const settings = configs.map(config => config && flatten(config));
  const known = settings.filter(setting => setting !== null);
  const keys = new Set(known.flatMap(setting => [...setting!.keys()]));
  return [...keys]
    .map(key => ({
      key,
      values: settings.map(setting => setting?.get(key))
    }))
    .filter(
      ({ key }) =>
        new Set(known.map(setting => JSON.stringify(setting!.get(key)))).size >
        1
    )
    .sort((a, b) => a.key.localeCompare(b.key));
}

/** Values by their dotted keys; lists stay whole. */
function flatten(value: JSONObject, prefix = ''): Map<string, JSONValue> {
  const found = new Map<string, JSONValue>();
  for (const [key, inner] of Object.entries(value)) {
    if (isObject(inner)) {
      flatten(inner, `${prefix}${key}.`).forEach((value, path) =>
        found.set(path, value)
      );
    } else {
      found.set(prefix + key, inner as JSONValue);
    }
  }
  return found;
}

function isObject(value: JSONValue | undefined): value is JSONObject {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.keys(value).length > 0
  );
}
