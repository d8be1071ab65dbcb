/** Headers by which a client, or a rule on its behalf, changes how the router treats a request. Envoy: router filter, "HTTP headers
 * (consumed)". */
import type { Headers } from '../../codec/headers.ts';
import { parseRetryOn, type RetryPolicy } from '../route/retry-policy.ts';
import type { RequestView } from '../route/request-view.ts';
import { GLOBAL_TIMEOUT, PER_TRY_TIMEOUT, takeNumber } from './time-limits.ts';

const RETRY_ON = 'x-envoy-retry-on';
const RETRY_GRPC_ON = 'x-envoy-retry-grpc-on';
const MAX_RETRIES = 'x-envoy-max-retries';
const STATUS_CODES = 'x-envoy-retriable-status-codes';
const HEADER_NAMES = 'x-envoy-retriable-header-names';
const RETRY_HEADERS = [RETRY_ON, RETRY_GRPC_ON, MAX_RETRIES, STATUS_CODES, HEADER_NAMES];
const ALT_RESPONSE = 'x-envoy-upstream-rq-timeout-alt-response';
const HEDGE = 'x-envoy-hedge-on-per-try-timeout';
const STREAM_DURATION = 'x-envoy-upstream-stream-duration-ms';
const FAMILY: ReadonlySet<string> = new Set([...RETRY_HEADERS, GLOBAL_TIMEOUT, PER_TRY_TIMEOUT, ALT_RESPONSE, HEDGE, STREAM_DURATION]);

export interface Steering {
  /** Status of the answer when time is up. */
  readonly lateStatus: 504 | 204;
  /** Most time of one try, answer and all; 0: no limit. */
  readonly streamMs: number;
}

export const UNSTEERED: Steering = { lateStatus: 504, streamMs: 0 };

/** True when any header of the family is there: one pass instead of a dozen look-ups. */
export function steers(headers: Headers): boolean {
  const { list } = headers;
  for (let i = 0; i < list.length; i += 3) {
    const name = list[i] ?? '';
    if (name.length > 15 && name.startsWith('x-envoy-') && FAMILY.has(name)) return true;
  }
  return false;
}

/** What is left after time limits and retries have been read; hedging is not done, but its header does not travel. */
export function takeSteering(headers: Headers): Steering {
  const steering: Steering = { lateStatus: headers.has(ALT_RESPONSE) ? 204 : 504, streamMs: takeNumber(headers, STREAM_DURATION) ?? 0 };
  for (const name of [ALT_RESPONSE, HEDGE, STREAM_DURATION, PER_TRY_TIMEOUT]) headers.remove(name);
  return steering;
}

const NO_POLICY: RetryPolicy = {
  on: new Set(), maxRetries: 1, perTryTimeoutMs: 0, baseBackOffMs: 25, maxBackOffMs: 250, statusCodes: new Set(), retriableHeaders: [], requestHeaders: [], avoidPreviousHosts: false, hostAttempts: 1,
};

/** The route's policy with what headers of the request add; the headers are taken out. */
export function steeredPolicy(policy: RetryPolicy | undefined, headers: Headers): RetryPolicy | undefined {
  const words = [headers.get(RETRY_ON), headers.get(RETRY_GRPC_ON)].filter((text) => text !== undefined).join(',');
  const maxRetries = takeNumber(headers, MAX_RETRIES);
  const codes = list(headers.get(STATUS_CODES)).map(Number).filter((code) => Number.isInteger(code));
  const names = list(headers.get(HEADER_NAMES)).map((name) => name.toLowerCase());
  for (const name of RETRY_HEADERS) headers.remove(name);
  if (words === '' && !policy) return undefined;
  const base = policy ?? NO_POLICY;
  return {
    ...base,
    on: new Set([...base.on, ...parseRetryOn(words)]),
    maxRetries: maxRetries ?? base.maxRetries,
    statusCodes: new Set([...base.statusCodes, ...codes]),
    retriableHeaders: [...base.retriableHeaders, ...names.map((name) => (request: RequestView) => request.headers.some(name, () => true) === true)],
  };
}

const list = (text: string | undefined): string[] => (text ?? '').split(',').map((part) => part.trim()).filter((part) => part !== '');
