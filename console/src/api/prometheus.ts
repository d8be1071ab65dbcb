/** Prometheus' HTTP API: the only place where the console gets numbers. */
import { postForm } from './http.ts';

export type LabelSet = Readonly<Record<string, string>>;

export interface InstantSample {
  readonly labels: LabelSet;
  readonly value: number;
}

export interface RangeSeries {
  readonly labels: LabelSet;
  /** Unix seconds. */
  readonly times: readonly number[];
  readonly values: readonly number[];
}

interface Envelope<T> {
  data: { resultType: string; result: T[] };
}

export async function queryInstant(query: string, signal?: AbortSignal): Promise<InstantSample[]> {
  const answer = await postForm<Envelope<{ metric: LabelSet; value: [number, string] }>>('/api/prometheus/api/v1/query', { query }, signal);
  return answer.data.result.map((row) => ({ labels: row.metric, value: numberOf(row.value[1]) }));
}

export interface RangeRequest {
  readonly query: string;
  /** Length of the window that ends now, seconds. */
  readonly windowSeconds: number;
  readonly stepSeconds: number;
}

export async function queryRange(request: RangeRequest, signal?: AbortSignal): Promise<RangeSeries[]> {
  const step = request.stepSeconds;
  // Ends on a multiple of the step, so that a refresh moves the line instead of redrawing it.
  const end = Math.floor(Date.now() / 1000 / step) * step;
  const form = { query: request.query, start: String(end - request.windowSeconds), end: String(end), step: String(step) };
  const answer = await postForm<Envelope<{ metric: LabelSet; values: [number, string][] }>>('/api/prometheus/api/v1/query_range', form, signal);
  return answer.data.result.map((row) => ({ labels: row.metric, times: row.values.map(([time]) => time), values: row.values.map(([, value]) => numberOf(value)) }));
}

const numberOf = (text: string): number => (text === '+Inf' ? Infinity : text === '-Inf' ? -Infinity : Number(text));

/** A label value inside a query. */
export const quoted = (text: string): string => JSON.stringify(text);
