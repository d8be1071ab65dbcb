/** Headers by which a trusted client changes timeout and retries of its own request. Envoy: router filter, "HTTP headers (consumed)". */
import type { Headers } from '../headers.ts';
import { parseRetryOn, type RetryPolicy } from '../route/retry-policy.ts';

const STEERING = [
  'x-envoy-upstream-rq-timeout-ms', 'x-envoy-upstream-rq-per-try-timeout-ms', 'x-envoy-max-retries', 'x-envoy-retry-on', 'x-envoy-retry-grpc-on', 'x-envoy-retriable-status-codes',
  'x-envoy-upstream-alt-stat-name', 'x-envoy-upstream-rq-timeout-alt-response', 'x-envoy-hedge-on-per-try-timeout', 'x-envoy-retriable-header-names',
];

/** True when any header of the family is there: one pass instead of a dozen look-ups. */
export function steers(headers: Headers): boolean {
  const { list } = headers;
  for (let i = 0; i < list.length; i += 3) {
    const name = list[i] ?? '';
    if (name.length > 15 && name.startsWith('x-envoy-') && STEERING.includes(name)) return true;
  }
  return false;
}

/** What a client asked for; the headers are taken out of the request. */
export function takeSteering(headers: Headers, policy: RetryPolicy | undefined): { timeoutMs: number | undefined; policy: RetryPolicy | undefined } {
  const number = (name: string): number | undefined => {
    const value = headers.get(name);
    return value !== undefined && /^\d{1,9}$/.test(value) ? Number(value) : undefined;
  };
  const result = { timeoutMs: number('x-envoy-upstream-rq-timeout-ms'), policy: steeredPolicy(policy, headers, number) };
  for (const name of STEERING) headers.remove(name);
  return result;
}

function steeredPolicy(policy: RetryPolicy | undefined, headers: Headers, number: (name: string) => number | undefined): RetryPolicy | undefined {
  const words = [headers.get('x-envoy-retry-on'), headers.get('x-envoy-retry-grpc-on')].filter((text) => text !== undefined).join(',');
  const maxRetries = number('x-envoy-max-retries');
  const perTry = number('x-envoy-upstream-rq-per-try-timeout-ms');
  const codes = headers.get('x-envoy-retriable-status-codes')?.split(',').map(Number) ?? [];
  if (words === '' && !policy) return undefined;
  const base: RetryPolicy = policy ?? {
    on: new Set(), maxRetries: 1, perTryTimeoutMs: 0, baseBackOffMs: 25, maxBackOffMs: 250, statusCodes: new Set(), retriableHeaders: [], requestHeaders: [], avoidPreviousHosts: false, hostAttempts: 1,
  };
  return { ...base, on: new Set([...base.on, ...parseRetryOn(words)]), maxRetries: maxRetries ?? base.maxRetries, perTryTimeoutMs: perTry ?? base.perTryTimeoutMs, statusCodes: new Set([...base.statusCodes, ...codes]) };
}

const GRPC_UNITS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/** gRPC over HTTP/2: the `grpc-timeout` header. */
export function grpcTimeoutMs(value: string | undefined): number | undefined {
  const match = value === undefined ? null : /^(\d{1,8})([HMSmun])$/.exec(value);
  return match ? Number(match[1]) * (GRPC_UNITS[match[2] ?? ''] ?? 0) : undefined;
}
