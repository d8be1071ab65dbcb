/** Which spans a search means. A trace is found when one of its spans matches everything. */
import type { Span, Tag } from './span.ts';

export interface TraceQuery {
  readonly service: string;
  /** '' is any. */
  readonly operation: string;
  /** Looked for in the span's tags, its process' tags, its log fields and its links; values are compared as text. */
  readonly tags: ReadonlyMap<string, string>;
  /** Microseconds since the epoch, both inclusive. */
  readonly startUs: number;
  readonly endUs: number;
  readonly minDurationUs: number;
  /** 0 is no limit. */
  readonly maxDurationUs: number;
  readonly limit: number;
}

export function matchesQuery(span: Span, query: TraceQuery): boolean {
  if (query.service !== '' && span.process.service !== query.service) return false;
  if (query.operation !== '' && span.operation !== query.operation) return false;
  if (span.startUs < query.startUs || span.startUs > query.endUs) return false;
  if (span.durationUs < query.minDurationUs || (query.maxDurationUs > 0 && span.durationUs > query.maxDurationUs)) return false;
  for (const [key, value] of query.tags) if (!hasTag(span, key, value)) return false;
  return true;
}

function hasTag(span: Span, key: string, value: string): boolean {
  const among = (tags: readonly Tag[]) => tags.some((tag) => tag.key === key && String(tag.value) === value);
  return among(span.tags) || among(span.process.tags) || span.logs.some((log) => among(log.fields)) || span.links.some((link) => among(link.tags));
}
