/** Jaeger's query API (the one its UI and Kiali use). Times are microseconds, durations Go's. */
import type { Clock } from '../../base/clock.ts';
import { parseDuration } from '../../base/duration.ts';
import { dependenciesOf } from '../traces/dependencies.ts';
import { traceJson } from '../traces/jaeger-json.ts';
import type { TraceQuery } from '../traces/query.ts';
import { traceIdOf } from '../traces/span.ts';
import type { Trace, TraceStore } from '../traces/store.ts';
import { type Answer, json, plain, type Request } from './answer.ts';

const DEFAULT_LIMIT = 100;
const DAY_MS = 86_400_000;

/** A parameter that cannot be read: its name and what is wrong. */
class BadParameter extends Error {}

export class JaegerApi {
  readonly #store: TraceStore;
  readonly #clock: Clock;

  constructor(deps: { store: TraceStore; clock: Clock }) {
    this.#store = deps.store;
    this.#clock = deps.clock;
  }

  handle(request: Request): Answer {
    try {
      return this.#route(request) ?? plain('404 page not found\n', 404);
    } catch (error) {
      if (error instanceof BadParameter) return fault(400, error.message);
      throw error;
    }
  }

  #route({ path, params }: Request): Answer | undefined {
    if (path === '/') return json({ status: 'Server available' });
    if (path === '/api/services') return envelope(this.#store.services());
    const service = /^\/api\/services\/([^/]+)\/operations$/.exec(path)?.[1];
    if (service !== undefined) return envelope(this.#store.operations(decodeURIComponent(service)).map((operation) => operation.name));
    if (path === '/api/operations') return this.#operations(params);
    if (path === '/api/traces') return envelope(this.#search(params).map(traceJson));
    const traceId = /^\/api\/traces\/([^/]+)$/.exec(path)?.[1];
    if (traceId !== undefined) return this.#trace(traceId);
    if (path === '/api/dependencies') return this.#dependencies(params);
    return undefined;
  }

  #operations(params: URLSearchParams): Answer {
    const kind = params.get('spanKind') ?? '';
    return envelope(this.#store.operations(params.get('service') ?? '').filter((operation) => kind === '' || operation.spanKind === kind));
  }

  #search(params: URLSearchParams): Trace[] {
    const ids = params.getAll('traceID');
    if (ids.length > 0) return ids.flatMap((id) => this.#store.get(traceIdOf(id) ?? '') ?? []);
    if (!params.get('service')) throw new BadParameter("parameter 'service' is required");
    return this.#store.find(decodeQuery(params, this.#clock.now() * 1000));
  }

  #trace(text: string): Answer {
    const id = traceIdOf(text);
    if (id === undefined) return fault(400, `cannot parse trace ID "${text}": expected up to 32 hexadecimal digits`);
    const trace = this.#store.get(id);
    return trace ? envelope([traceJson(trace)]) : fault(404, 'trace not found');
  }

  #dependencies(params: URLSearchParams): Answer {
    const endMs = numberOf(params, 'endTs', this.#clock.now());
    const lookbackMs = numberOf(params, 'lookback', DAY_MS);
    return envelope(dependenciesOf(this.#store.traces(), { startUs: (endMs - lookbackMs) * 1000, endUs: endMs * 1000 }));
  }
}

const envelope = (data: readonly unknown[]): Answer => json({ data, total: data.length, limit: 0, offset: 0, errors: null });
const fault = (code: number, msg: string): Answer => json({ data: null, total: 0, limit: 0, offset: 0, errors: [{ code, msg }] }, code);

function decodeQuery(params: URLSearchParams, nowUs: number): TraceQuery {
  const endUs = numberOf(params, 'end', nowUs);
  const lookback = params.get('lookback') ?? '';
  const fallback = lookback === '' || lookback === 'custom' ? 0 : endUs - (lookbackMs(lookback) ?? DAY_MS) * 1000;
  return {
    service: params.get('service') ?? '',
    operation: params.get('operation') ?? '',
    tags: tagsOf(params),
    startUs: numberOf(params, 'start', fallback),
    endUs,
    minDurationUs: durationUs(params, 'minDuration'),
    maxDurationUs: durationUs(params, 'maxDuration'),
    limit: numberOf(params, 'limit', DEFAULT_LIMIT),
  };
}

/** The UI writes `2d`, which Go does not know. */
function lookbackMs(text: string): number | undefined {
  const days = /^(\d+)d$/.exec(text)?.[1];
  return days === undefined ? parseDuration(text) : Number(days) * DAY_MS;
}

function numberOf(params: URLSearchParams, name: string, fallback: number): number {
  const text = params.get(name);
  if (text === null || text === '') return fallback;
  const value = Number(text);
  if (!Number.isFinite(value)) throw new BadParameter(`unable to parse param '${name}': "${text}" is not a number`);
  return value;
}

function durationUs(params: URLSearchParams, name: string): number {
  const text = params.get(name);
  if (text === null || text === '') return 0;
  const ms = parseDuration(text);
  if (ms === undefined) throw new BadParameter(`unable to parse param '${name}': "${text}" is not a duration such as 1.2s, 100ms or 500us`);
  return ms * 1000;
}

function tagsOf(params: URLSearchParams): Map<string, string> {
  const tags = new Map<string, string>();
  for (const pair of params.getAll('tag')) {
    const colon = pair.indexOf(':');
    if (colon < 0) throw new BadParameter(`malformed 'tag' parameter, expecting key:value, received: ${pair}`);
    tags.set(pair.slice(0, colon), pair.slice(colon + 1));
  }
  for (const text of params.getAll('tags').filter((value) => value !== '')) for (const [key, value] of tagObject(text)) tags.set(key, value);
  return tags;
}

function tagObject(text: string): [string, string][] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new BadParameter(`malformed 'tags' parameter, cannot unmarshal JSON: ${text}`);
  return Object.entries(value).map(([key, item]) => [key, String(item)]);
}
