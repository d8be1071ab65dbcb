/** The name of a revision: a hash of its pod template, in letters that make no words. */
import { createHash } from 'node:crypto';
import type { PodTemplateSpec } from 'kubernetes-types/core/v1.d.ts';
import { deepEqual } from '../equal.ts';

/** The label that keeps the pods of two revisions apart. */
export const POD_TEMPLATE_HASH = 'pod-template-hash';

/** No vowels, no 0, 1 and 3. Kubernetes: apimachinery rand.SafeEncodeString */
const SAFE_LETTERS = 'bcdfghjklmnpqrstvwxz2456789';

/** Ten letters. @param collisionCount raised when the name was taken by another template */
export function templateHash(template: unknown, collisionCount = 0): string {
  const digest = createHash('sha256').update(canonicalJson(template)).update(String(collisionCount)).digest();
  return Array.from(digest.subarray(0, 10), (byte) => SAFE_LETTERS[byte % SAFE_LETTERS.length]).join('');
}

/** Equal but for the hash label, which only the ReplicaSet's copy has. */
export function sameTemplate(a: PodTemplateSpec | undefined, b: PodTemplateSpec | undefined): boolean {
  return deepEqual(withoutHash(a), withoutHash(b));
}

function withoutHash(template: PodTemplateSpec | undefined): unknown {
  const { [POD_TEMPLATE_HASH]: _hash, ...labels } = template?.metadata?.labels ?? {};
  const { creationTimestamp: _time, ...metadata } = template?.metadata ?? {};
  return { ...template, metadata: { ...metadata, labels } };
}

/** JSON with sorted keys: equal values give equal text. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
