import assert from 'node:assert/strict';
import test from 'node:test';
import { Headers } from '../../codec/headers.ts';
import type { ForwardAction } from '../route/route.ts';
import { exchangeLimit, tellLimits, timeLimits } from './time-limits.ts';

/** Only what time limits are read from. */
const action = (timeoutMs: number, more: Partial<ForwardAction> = {}): ForwardAction => ({ timeoutMs, ...more }) as ForwardAction;
const GRPC = ['content-type', 'application/grpc'];

for (const [name, of, headers, want] of [
  ['the route’s time', action(500), [], [500, 0]],
  ['the client’s own time wins', action(500), ['x-envoy-upstream-rq-timeout-ms', '90'], [90, 0]],
  ['what is no number is not heard', action(500), ['x-envoy-upstream-rq-timeout-ms', 'soon'], [500, 0]],
  ['the time of a try that is not shorter than the whole means nothing', action(500), ['x-envoy-upstream-rq-per-try-timeout-ms', '500'], [500, 0]],
  ['the time of a try', action(500), ['x-envoy-upstream-rq-per-try-timeout-ms', '80'], [500, 80]],
  ['a gRPC client’s deadline, where there is no cap', action(500, { grpcTimeoutMaxMs: 0 }), [...GRPC, 'grpc-timeout', '2S'], [2000, 0]],
  ['a gRPC client’s deadline, capped', action(500, { grpcTimeoutMaxMs: 500 }), [...GRPC, 'grpc-timeout', '2S'], [500, 0]],
  ['a gRPC client without a deadline gets the cap', action(0, { grpcTimeoutMaxMs: 500 }), GRPC, [500, 0]],
] as const satisfies readonly (readonly [string, ForwardAction, readonly string[], readonly [number, number]])[]) {
  test(`time limits: ${name}`, () => {
    const { totalMs, perTryMs } = timeLimits(of, Headers.of(...headers), true);
    assert.deepEqual([totalMs, perTryMs], want);
  });
}

test('a server is told the time of a try, or what is left of the whole', () => {
  const told = (totalMs: number, perTryMs: number, elapsedMs: number) => {
    const headers = new Headers();
    tellLimits({ totalMs, perTryMs, isGrpc: true }, headers, { elapsedMs, inOwnWords: true });
    return [headers.get('x-envoy-expected-rq-timeout-ms'), headers.get('grpc-timeout')];
  };
  assert.deepEqual([told(500, 80, 0), told(500, 80, 460), told(500, 0, 100), told(0, 0, 0)], [['80', '80m'], ['40', '40m'], ['400', '400m'], [undefined, undefined]]);
});

test('a limit of the whole exchange follows the gRPC deadline where it may', () => {
  const headers = Headers.of('grpc-timeout', '200m');
  assert.deepEqual([exchangeLimit({ maxMs: 900 }, headers), exchangeLimit({ maxMs: 900, grpcMaxMs: 0 }, headers), exchangeLimit({ maxMs: 0, grpcMaxMs: 150 }, headers)], [900, 200, 150]);
});
