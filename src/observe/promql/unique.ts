import { executionError } from './errors.ts';
import type { Sample } from './value.ts';

/** @throws QueryError when two samples ended up with the same labels, for instance because both lost their name */
export function requireUnique<T extends Pick<Sample, 'labels'>>(samples: readonly T[]): readonly T[] {
  const seen = new Set<string>();
  for (const { labels } of samples) {
    if (seen.has(labels.key)) throw executionError('vector cannot contain metrics with the same labelset');
    seen.add(labels.key);
  }
  return samples;
}
