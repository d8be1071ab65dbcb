/** What is observed of a step, with everything taken out that differs from one run to the next. */
import type { Seen } from './app.ts';
import type { Fields, Result } from './client.ts';
import type { LogLine } from './access-log.ts';

export type Plain = string | number | boolean | null | undefined | readonly Plain[] | { readonly [key: string]: Plain };
export type Observation = { readonly [key: string]: Plain };

/** Present, but of a value of its own each time. */
const VOLATILE = new Set(['date', 'x-request-id', 'x-envoy-upstream-service-time', 'traceparent', 'x-b3-traceid', 'x-b3-spanid', 'x-b3-parentspanid', 'sec-websocket-key']);
/** The lab's own. */
const OWN = new Set(['x-scenario', 'x-app']);

export function headersOf(fields: Fields): Record<string, string> {
  const all: Record<string, string> = {};
  for (const [raw, value] of fields) {
    const name = raw.toLowerCase();
    if (OWN.has(name) || name.startsWith(':')) continue;
    const before = all[name];
    all[name] = VOLATILE.has(name) ? '*' : masked(before === undefined ? value : `${before}, ${value}`);
  }
  return Object.fromEntries(Object.entries(all).sort());
}

export const observeAnswer = (result: Result): Observation => ({
  status: result.status, headers: headersOf(result.headers), body: masked(result.body), trailers: headersOf(result.trailers), interim: [...result.interim], end: result.end,
});

export function observeSeen(seen: Seen): Observation {
  const { at, port, end, tls } = seen;
  const where = { at, port, end, ...(tls ? { tls: { ...tls } } : {}) };
  if (seen.kind === 'bytes') return { ...where, bytes: seen.bytes };
  const { protocol, method, path, authority, headers, body, trailers } = seen;
  return { ...where, protocol, method, path, authority, headers: headersOf(headers.filter(([name]) => name.toLowerCase() !== 'host')), body, trailers };
}

/** @param nameOf of the pod at an address */
export function observeLog(line: LogLine, nameOf: (address: string) => string): Observation {
  const { remote: _remote, upstreamLocal: _upstreamLocal, scenario: _scenario, upstream, details, failure, ...rest } = line;
  return { ...rest, upstream: typeof upstream === 'string' ? upstream.replace(/^[\d.]+/, nameOf) : upstream, details: masked(details), failure: masked(failure) };
}

/** Addresses of clients have ports of their own each time; each side has certificates of its own; names of fields keep their case with us. */
export function masked<T>(value: T): T | string {
  return typeof value === 'string' ? value.replaceAll(/\bHash=[0-9a-f]{64}/g, 'Hash=*').replaceAll(/\bCert="[^"]*"/g, 'Cert=*').replaceAll('X-Mixed-Case', 'x-mixed-case').replaceAll(/\bx-envoy-upstream-service-time: \d+/g, 'x-envoy-upstream-service-time: *').replaceAll(/\b(date): [A-Z][a-z]{2}, [^\r\n]+ GMT/gi, '$1: *').replaceAll(/\b(\d+\.\d+\.\d+\.\d+):(1[89]|[2-6]\d)\d{3}\b/g, '$1:PORT') : value;
}

/** Takes out what is not to be compared. @param paths `log.sent`; a step's number is not part of it */
export function strip(observation: Observation, paths: readonly string[]): Observation {
  let out = observation;
  for (const path of paths) out = without(out, path.split('.')) as Observation;
  return out;
}

function without(value: Plain, [first = '', ...rest]: readonly string[]): Plain {
  if (Array.isArray(value)) return value.map((item: Plain) => without(item, [first, ...rest]));
  if (typeof value !== 'object' || value === null || !(first in value)) return value;
  const record = value as Observation;
  if (rest.length === 0) return Object.fromEntries(Object.entries(record).filter(([key]) => key !== first));
  return { ...record, [first]: without(record[first], rest) };
}

const TOLERANCE = 0.15;

/** Where two observations differ, as `path: a ≠ b`. Tallies are compared by shares. */
export function differences(a: Plain, b: Plain, path = ''): string[] {
  if (path.endsWith('.tally')) return tallyDifferences(a as Tally, b as Tally, path);
  if (Array.isArray(a) && Array.isArray(b)) {
    const [x, y] = [a as readonly Plain[], b as readonly Plain[]];
    return Array.from({ length: Math.max(x.length, y.length) }, (_, i) => differences(x[i], y[i], `${path}[${i}]`)).flat();
  }
  if (isRecord(a) && isRecord(b)) return [...new Set([...Object.keys(a), ...Object.keys(b)])].flatMap((key) => differences(a[key], b[key], path === '' ? key : `${path}.${key}`));
  return a === b ? [] : [`${path}: ${JSON.stringify(a)} ≠ ${JSON.stringify(b)}`];
}

export type Tally = Readonly<Record<string, number>>;

export function shares(tally: Tally): Map<string, number> {
  const total = Object.values(tally).reduce((sum, n) => sum + n, 0);
  return new Map(Object.entries(tally).map(([key, n]) => [key, n / total]));
}

function tallyDifferences(a: Tally | undefined, b: Tally | undefined, path: string): string[] {
  const [x, y] = [shares(a ?? {}), shares(b ?? {})];
  return [...new Set([...x.keys(), ...y.keys()])].flatMap((key) => {
    const [p, q] = [x.get(key) ?? 0, y.get(key) ?? 0];
    return (p === 0) !== (q === 0) || Math.abs(p - q) > TOLERANCE ? [`${path}.${key}: ${p.toFixed(2)} ≠ ${q.toFixed(2)}`] : [];
  });
}

/** What of `expected` is not so, as `path: got …, expected …`. */
export function unmet(actual: Plain, expected: unknown, path = ''): string[] {
  if (expected === undefined) return [];
  if (expected === null) return actual === undefined || actual === null ? [] : [miss(path, actual, 'nothing')];
  if (expected instanceof RegExp) return typeof actual === 'string' && expected.test(actual) ? [] : [miss(path, actual, String(expected))];
  if (path.endsWith('shares')) return unmetShares(actual as Tally, expected as Tally, path);
  if (Array.isArray(expected)) {
    if (!Array.isArray(actual) || actual.length !== expected.length) return [miss(path, actual, `${expected.length} items`)];
    return expected.flatMap((item, i) => unmet((actual as readonly Plain[])[i], item, `${path}[${i}]`));
  }
  if (typeof expected === 'object') {
    if (!isRecord(actual)) return [miss(path, actual, JSON.stringify(expected))];
    return Object.entries(expected).flatMap(([key, value]) => unmet(actual[key], value, path === '' ? key : `${path}.${key}`));
  }
  return actual === expected ? [] : [miss(path, actual, JSON.stringify(expected))];
}

function unmetShares(actual: Tally | undefined, expected: Tally, path: string): string[] {
  const got = shares(actual ?? {});
  return [...new Set([...got.keys(), ...Object.keys(expected)])].flatMap((key) => {
    const [p, q] = [got.get(key) ?? 0, expected[key] ?? 0];
    return Math.abs(p - q) > TOLERANCE || (q === 0 && p > 0) || (q > 0 && p === 0) ? [miss(`${path}.${key}`, p, String(q))] : [];
  });
}

const miss = (path: string, actual: Plain, expected: string) => `${path}: got ${JSON.stringify(actual)}, expected ${expected}`;
const isRecord = (value: Plain): value is Observation => typeof value === 'object' && value !== null && !Array.isArray(value);
