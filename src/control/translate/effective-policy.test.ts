import assert from 'node:assert/strict';
import test from 'node:test';
import type { TrafficPolicy } from '../../api/common/traffic-policy.ts';
import type { HostPolicy } from '../registry/destination-rules.ts';
import { effectivePolicy } from './effective-policy.ts';

const pool = (maxConnections: number) => ({ connectionPool: { tcp: { maxConnections } } });
const lb = (simple: 'RANDOM' | 'ROUND_ROBIN') => ({ loadBalancer: { simple } });
const atPort = (number: number, blocks: TrafficPolicy) => ({ portLevelSettings: [{ port: { number }, ...blocks }] });
const TLS = { tls: { mode: 'DISABLE' as const } };
const TUNNEL = { tunnel: { targetHost: 'example.com', targetPort: 443 } };
const PROXY = { proxyProtocol: { version: 'V2' as const } };

function effective(trafficPolicy: TrafficPolicy | undefined, own: TrafficPolicy | undefined, subset = 'v1') {
  const policy: HostPolicy = { host: 'h', namespace: 'n', name: 'r', exportTo: ['*'], trafficPolicy, subsets: [{ name: 'v1', trafficPolicy: own }], origins: [] };
  return effectivePolicy(policy, 80, subset);
}

const cases: readonly [name: string, base: TrafficPolicy | undefined, subset: TrafficPolicy | undefined, want: object][] = [
  ['nothing said', undefined, undefined, {}],
  ['the host’s policy', { ...pool(1), ...lb('RANDOM') }, undefined, { ...pool(1), ...lb('RANDOM') }],
  ['a subset without policy of the host', undefined, pool(2), pool(2)],
  ['a subset overrides block by block', { ...pool(1), ...lb('RANDOM') }, pool(2), { ...pool(2), ...lb('RANDOM') }],
  ['a port takes nothing from above', { ...pool(1), ...lb('RANDOM'), ...atPort(80, TLS) }, undefined, TLS],
  ['other ports do not matter', { ...pool(1), ...atPort(81, TLS) }, undefined, pool(1)],
  ['a subset overrides the host’s port', { ...pool(1), ...atPort(80, { ...TLS, ...pool(3) }) }, lb('RANDOM'), { ...TLS, ...pool(3), ...lb('RANDOM') }],
  ['a subset’s port takes nothing from above', { ...pool(1), ...lb('RANDOM') }, { ...pool(2), ...atPort(80, TLS) }, TLS],
  ['what has no form per port is inherited by a subset’s port', { ...pool(1), ...TUNNEL, ...PROXY }, atPort(80, TLS), { ...TLS, ...TUNNEL, ...PROXY }],
  ['but not by the host’s port', { ...TUNNEL, ...atPort(80, TLS) }, undefined, TLS],
  ['a subset tunnels otherwise', { ...TUNNEL, ...pool(1) }, { tunnel: { targetHost: 'other', targetPort: 1 } }, { ...pool(1), tunnel: { targetHost: 'other', targetPort: 1 } }],
  ['an empty block overrides too', pool(1), { connectionPool: {} }, { connectionPool: {} }],
];
for (const [name, base, subset, want] of cases) test(name, () => assert.deepEqual(effective(base, subset), want));

test('without a policy everything is default', () => assert.deepEqual(effectivePolicy(undefined, 80, 'v1'), {}));
test('an unknown subset has the host’s policy', () => assert.deepEqual(effective(pool(1), pool(2), 'v9'), pool(1)));
