/** Jaeger's query API. */
import { getJson } from './http.ts';

export interface JaegerTag {
  key: string;
  type: string;
  value: string | number | boolean;
}

export interface JaegerSpan {
  traceID: string;
  spanID: string;
  operationName: string;
  references: { refType: string; traceID: string; spanID: string }[];
  /** Microseconds since the epoch. */
  startTime: number;
  /** Microseconds. */
  duration: number;
  tags: JaegerTag[];
  logs: { timestamp: number; fields: JaegerTag[] }[];
  processID: string;
}

export interface JaegerTrace {
  traceID: string;
  spans: JaegerSpan[];
  processes: Record<string, { serviceName: string; tags: JaegerTag[] }>;
}

export interface TraceSearch {
  readonly service: string;
  readonly operation: string;
  /** `key=value` pairs separated by blanks. */
  readonly tags: string;
  /** Go durations, '' for any. */
  readonly minDuration: string;
  readonly maxDuration: string;
  /** `1h`. */
  readonly lookback: string;
  readonly limit: number;
}

interface Envelope<T> {
  data: T[] | null;
}

const get = async <T>(path: string, signal?: AbortSignal): Promise<T[]> => (await getJson<Envelope<T>>(`/api/jaeger/api${path}`, signal)).data ?? [];

export const listTraceServices = (signal?: AbortSignal): Promise<string[]> => get('/services', signal);
export const listOperations = (service: string, signal?: AbortSignal): Promise<string[]> => get(`/services/${encodeURIComponent(service)}/operations`, signal);

export function searchTraces(search: TraceSearch, signal?: AbortSignal): Promise<JaegerTrace[]> {
  const params = new URLSearchParams({ service: search.service, lookback: search.lookback, limit: String(search.limit) });
  if (search.operation !== '') params.set('operation', search.operation);
  if (search.minDuration !== '') params.set('minDuration', search.minDuration);
  if (search.maxDuration !== '') params.set('maxDuration', search.maxDuration);
  for (const pair of search.tags.split(/\s+/).filter((text) => text.includes('='))) params.append('tag', pair.replace('=', ':'));
  return get(`/traces?${params}`, signal);
}

export async function getTrace(id: string, signal?: AbortSignal): Promise<JaegerTrace | undefined> {
  return (await get<JaegerTrace>(`/traces/${encodeURIComponent(id)}`, signal))[0];
}
