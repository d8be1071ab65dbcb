/** Takes a field out of objects, or puts something else there: a field whose loss changes nothing has no effect. */
import type { KubeObject } from '../../../src/kube/object.ts';

/** @param field `VirtualService.http[].match[].uri`
 * @param value to put there; undefined: nothing
 * @throws Error when no object has the field */
export function mutate(objects: readonly KubeObject[], field: string, value?: unknown): KubeObject[] {
  const dot = field.indexOf('.');
  const [kind, path] = [field.slice(0, dot), field.slice(dot + 1).split('.')];
  let found = 0;
  const changed = objects.map((object) => {
    if (object.kind !== kind) return object;
    const copy = structuredClone(object) as KubeObject & { spec?: unknown };
    found += change(copy.spec, path, value);
    return copy;
  });
  if (found === 0) throw new Error(`no object of this scenario has ${field}`);
  return changed;
}

/** @returns how often the field was there */
function change(at: unknown, [part = '', ...rest]: readonly string[], value: unknown): number {
  if (typeof at !== 'object' || at === null) return 0;
  const record = at as Record<string, unknown>;
  const name = part.replace(/\[\]|\{\}/g, '');
  const child = record[name];
  if (child === undefined) return 0;
  if (rest.length > 0) {
    const items = Array.isArray(child) ? (child as unknown[]) : part.endsWith('{}') ? Object.values(child as object) : [child];
    return items.reduce<number>((sum, item) => sum + change(item, rest, value), 0);
  }
  if (value === undefined) Reflect.deleteProperty(record, name);
  else record[name] = structuredClone(value);
  return 1;
}
