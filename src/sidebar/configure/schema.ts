import type { JSONObject, JSONValue } from '@lumino/coreutils';
import { JSONExt } from '@lumino/coreutils';

export function propertiesOf(schema: JSONObject): {
  [key: string]: JSONObject;
} {
  const properties = schema.properties;
  return isObject(properties)
    ? (Object.fromEntries(
        Object.entries(properties).filter(([, value]) =>
          isObject(value as JSONValue)
        )
      ) as { [key: string]: JSONObject })
    : {};
}

export function variantOf(
  variants: JSONObject[],
  written: JSONValue | undefined
): JSONObject {
  const type = isObject(written) ? written.type : undefined;
  return (
    variants.find(variant => propertiesOf(variant).type?.const === type) ??
    variants[0]
  );
}

export function isSection(schema: JSONObject): boolean {
  return isObject(schema.properties);
}

export function isRequired(schema: JSONObject, key: string): boolean {
  return Array.isArray(schema.required) && schema.required.includes(key);
}

export function listOf(value: JSONValue | undefined): JSONObject[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

export function textOf(value: JSONValue | undefined): string {
  return typeof value === 'string' ? value : '';
}

export function isObject(value: JSONValue | undefined): value is JSONObject {
  return value !== undefined && JSONExt.isObject(value);
}
