/** Health from response codes, with Kiali's default thresholds: any 5xx degrades and 10 % fails; 4xx degrade at 10 % and fail at 20 %; gRPC errors fail
 * at 10 %; no response at all (code 0 or `-`) fails at 10 %. */
import type { Call, Protocol } from './traffic.ts';

export type Health = 'healthy' | 'degraded' | 'failing' | 'idle';

export interface Totals {
  readonly rate: number;
  readonly codes: ReadonlyMap<string, number>;
}

interface Threshold {
  readonly matches: RegExp;
  /** Shares; degraded at 0 means: by any error at all. */
  readonly degraded: number;
  readonly failing: number;
}

const HTTP: readonly Threshold[] = [
  { matches: /^5\d\d$/, degraded: 0, failing: 0.1 },
  { matches: /^4\d\d$/, degraded: 0.1, failing: 0.2 },
  { matches: /^(0|-)$/, degraded: 0, failing: 0.1 },
];

const ORDER: readonly Health[] = ['idle', 'healthy', 'degraded', 'failing'];

export const worst = (all: Iterable<Health>): Health => [...all].reduce((a, b) => (ORDER.indexOf(b) > ORDER.indexOf(a) ? b : a), 'idle');

export function healthOf({ rate, codes }: Totals): Health {
  if (!(rate > 0)) return 'idle';
  const states = HTTP.map((threshold) => {
    const share = sumWhere(codes, threshold.matches) / rate;
    return share <= 0 ? 'healthy' : share >= threshold.failing ? 'failing' : share >= threshold.degraded ? 'degraded' : 'healthy';
  });
  return worst(['healthy', ...states] as Health[]);
}

/** Share of answers that are the server's or the mesh's fault, or the caller's (4xx). */
export const errorShare = ({ rate, codes }: Totals): number => (rate > 0 ? sumWhere(codes, /^([45]\d\d|0|-)$/) / rate : 0);

function sumWhere(codes: ReadonlyMap<string, number>, pattern: RegExp): number {
  let sum = 0;
  for (const [code, rate] of codes) if (pattern.test(code)) sum += rate;
  return sum;
}

export interface TrafficTotals extends Totals {
  /** Bytes per second over TCP. */
  readonly bytes: number;
  /** Share under mutual TLS among the traffic whose receiver reports it. */
  readonly mtls: number | undefined;
}

export function totalsOf(calls: Iterable<Pick<Call, 'rate' | 'codes' | 'protocol' | 'mtls'>>): TrafficTotals {
  let rate = 0;
  let bytes = 0;
  let seen = 0;
  let secured = 0;
  const codes = new Map<string, number>();
  for (const call of calls) {
    if (call.protocol === 'tcp') bytes += call.rate;
    else rate += call.rate;
    for (const [code, value] of call.codes) codes.set(code, (codes.get(code) ?? 0) + value);
    if (call.mtls !== undefined) {
      // Bytes and requests do not add up: a TCP call weighs as much as one request per second.
      const weight = call.protocol === 'tcp' ? 1 : call.rate;
      seen += weight;
      secured += call.mtls * weight;
    }
  }
  return { rate, bytes, codes, mtls: seen > 0 ? secured / seen : undefined };
}

export const isRequests = (protocol: Protocol): boolean => protocol !== 'tcp';
