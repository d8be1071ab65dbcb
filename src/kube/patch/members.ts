/** Members of an object that came from JSON, where `__proto__` and `constructor` are keys like any other. */
import type { JsonObject } from '../schema/schema.ts';

export const getOwn = (object: JsonObject, key: string): unknown => (Object.hasOwn(object, key) ? object[key] : undefined);

export function setOwn(object: JsonObject, key: string, value: unknown): void {
  // Assigning this one would set the prototype.
  if (key === '__proto__') Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
  else object[key] = value;
}
