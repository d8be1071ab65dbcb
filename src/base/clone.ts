/** Copies a value made of JSON's types (what a decoded object is) down to its leaves; the copy is never frozen. The built-in
 * `structuredClone` serialises to bytes and back, which costs five to ten times as much on the small objects of an API. */
export function cloneJson<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(cloneJson) as T;
  const copy: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    const member = cloneJson((value as Record<string, unknown>)[key]);
    // Assigning this one would set the prototype.
    if (key === '__proto__') Object.defineProperty(copy, key, { value: member, enumerable: true, configurable: true, writable: true });
    else copy[key] = member;
  }
  return copy as T;
}
