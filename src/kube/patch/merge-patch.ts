/** RFC 7386 JSON Merge Patch. */
import { cloneJson } from '../../base/clone.ts';
import { isObject } from '../schema/schema.ts';
import { getOwn, setOwn } from './members.ts';

/** @returns the patched document; neither argument is changed */
export function applyMergePatch(document: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return cloneJson(patch);
  const result: Record<string, unknown> = isObject(document) ? { ...document } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else setOwn(result, key, applyMergePatch(getOwn(result, key), value));
  }
  return result;
}
