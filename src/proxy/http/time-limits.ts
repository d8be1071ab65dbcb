/** How long a request may take: what the route says, changed by headers of the request. Envoy: router filter, `finalTimeout`. */
import type { Headers } from '../../codec/headers.ts';
import { isGrpc } from '../route/path-match.ts';
import type { DurationLimit, ForwardAction } from '../route/route.ts';

export interface TimeLimits {
  /** From the end of the request to the end of the answer, tries together; 0: none. */
  readonly totalMs: number;
  /** Of one try, until its head; 0: none. */
  readonly perTryMs: number;
  /** The deadline is also told as gRPC does. */
  readonly isGrpc: boolean;
}

export const GLOBAL_TIMEOUT = 'x-envoy-upstream-rq-timeout-ms';
export const PER_TRY_TIMEOUT = 'x-envoy-upstream-rq-per-try-timeout-ms';
export const EXPECTED_TIMEOUT = 'x-envoy-expected-rq-timeout-ms';

export const NO_LIMITS: TimeLimits = { totalMs: 0, perTryMs: 0, isGrpc: false };

/** @param steered headers of the family may be there; those that were heeded are taken out */
export function timeLimits(action: ForwardAction, headers: Headers, steered: boolean): TimeLimits {
  const capped = action.grpcTimeoutMaxMs !== undefined && isGrpc(headers.get('content-type'));
  let totalMs = capped ? grpcLimit(action.grpcTimeoutMaxMs ?? 0, headers) : action.timeoutMs;
  let perTryMs = action.retry?.perTryTimeoutMs ?? 0;
  if (steered) {
    totalMs = takeNumber(headers, GLOBAL_TIMEOUT) ?? totalMs;
    perTryMs = takeNumber(headers, PER_TRY_TIMEOUT) ?? perTryMs;
  }
  if (totalMs > 0 && perTryMs >= totalMs) perTryMs = 0;
  return totalMs === 0 && perTryMs === 0 ? NO_LIMITS : { totalMs, perTryMs, isGrpc: capped };
}

/** What a gRPC client asks for, or the most that it may. */
function grpcLimit(maxMs: number, headers: Headers): number {
  const asked = grpcTimeoutMs(headers.get('grpc-timeout')) ?? 0;
  return maxMs > 0 && (asked === 0 || asked > maxMs) ? maxMs : asked;
}

/** Tells the server how long the answer is waited for.
 * @param how `elapsedMs` of the whole time; `inOwnWords`: not to gRPC servers only */
export function tellLimits(limits: TimeLimits, headers: Headers, { elapsedMs, inOwnWords }: { readonly elapsedMs: number; readonly inOwnWords: boolean }): void {
  const { totalMs, perTryMs } = limits;
  const left = totalMs > 0 ? Math.max(0, totalMs - elapsedMs) : Infinity;
  const expected = Math.round(Math.min(perTryMs > 0 ? perTryMs : left, left));
  if (!Number.isFinite(expected)) return;
  if (inOwnWords) headers.set(EXPECTED_TIMEOUT, String(expected));
  if (limits.isGrpc) headers.set('grpc-timeout', grpcTimeout(expected));
}

/** How long the whole exchange may take, and tells the server so; 0: no limit. Envoy: `max_stream_duration`. */
export function exchangeLimit(duration: DurationLimit, headers: Headers): number {
  const asked = grpcTimeoutMs(headers.get('grpc-timeout'));
  if (asked === undefined || duration.grpcMaxMs === undefined) return duration.maxMs;
  const limit = duration.grpcMaxMs > 0 ? Math.min(asked, duration.grpcMaxMs) : asked;
  headers.set('grpc-timeout', grpcTimeout(limit));
  return limit;
}

/** At most eight digits are allowed. */
const grpcTimeout = (ms: number): string => (ms < 100_000_000 ? `${Math.round(ms)}m` : `${Math.round(ms / 1000)}S`);

/** A header's number; the header is taken out. */
export function takeNumber(headers: Headers, name: string): number | undefined {
  const value = headers.get(name);
  if (value === undefined || !/^\d{1,9}$/.test(value)) return undefined;
  headers.remove(name);
  return Number(value);
}

const GRPC_UNITS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/** gRPC over HTTP/2: the `grpc-timeout` header. */
export function grpcTimeoutMs(value: string | undefined): number | undefined {
  const match = value === undefined ? null : /^(\d{1,8})([HMSmun])$/.exec(value);
  return match ? Number(match[1]) * (GRPC_UNITS[match[2] ?? ''] ?? 0) : undefined;
}
