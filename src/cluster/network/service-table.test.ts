import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Service } from 'kubernetes-types/core/v1.d.ts';
import type { Endpoint, EndpointSlice } from 'kubernetes-types/discovery/v1.d.ts';
import type { Stored } from '../../kube/object.ts';
import { renderServiceRules } from './service-rules.ts';
import { buildServiceRules, readyAddresses } from './service-table.ts';

const stored = (name: string) => ({ name, namespace: 'default', uid: name, resourceVersion: '1', creationTimestamp: '' });
const service = (name: string, spec: Service['spec']): Stored<Service> => ({ metadata: stored(name), spec });
const sliceOf = (name: string, endpoints: Endpoint[], ports: EndpointSlice['ports'] = [{ name: '', port: 8080 }]): Stored<EndpointSlice> => ({
  metadata: { ...stored(`${name}-x`), labels: { 'kubernetes.io/service-name': name } }, addressType: 'IPv4', endpoints, ports,
});
const ready = (ip: string): Endpoint => ({ addresses: [ip], conditions: { ready: true, serving: true, terminating: false } });
const ending = (ip: string, serving = true): Endpoint => ({ addresses: [ip], conditions: { ready: false, serving, terminating: true } });
const unready = (ip: string): Endpoint => ({ addresses: [ip], conditions: { ready: false, serving: false, terminating: false } });

const CASES: [why: string, endpoints: Endpoint[], want: string[]][] = [
  ['ready endpoints are used', [ready('10.0.0.1'), unready('10.0.0.2')], ['10.0.0.1']],
  ['terminating ones are left out while another is ready', [ready('10.0.0.1'), ending('10.0.0.2')], ['10.0.0.1']],
  ['terminating ones that still serve are better than none', [ending('10.0.0.2'), unready('10.0.0.3')], ['10.0.0.2']],
  ['those that do not serve are not', [ending('10.0.0.2', false)], []],
  ['an endpoint without conditions is ready', [{ addresses: ['10.0.0.9'] }], ['10.0.0.9']],
];
for (const [why, endpoints, want] of CASES) {
  test(why, () => assert.deepEqual(readyAddresses([sliceOf('web', endpoints)], '').map((e) => e.ip), want));
}

test('a service gets one rule for each port, with the port of its endpoints', () => {
  const rules = buildServiceRules(
    [service('web', { clusterIP: '10.96.0.5', type: 'NodePort', ports: [{ name: 'http', port: 80, nodePort: 30080 }, { name: 'admin', port: 81 }] })],
    [sliceOf('web', [ready('10.0.0.1')], [{ name: 'http', port: 8080 }, { name: 'admin', port: 9090 }])],
  );
  assert.deepEqual(rules.map(({ name, port, nodePort, endpoints }) => ({ name, port, nodePort, endpoints })), [
    { name: 'default/web:http', port: 80, nodePort: 30080, endpoints: [{ ip: '10.0.0.1', port: 8080 }] },
    { name: 'default/web:admin', port: 81, nodePort: undefined, endpoints: [{ ip: '10.0.0.1', port: 9090 }] },
  ]);
});

test('headless services and aliases have no rules', () => {
  assert.deepEqual(buildServiceRules([service('a', { clusterIP: 'None', ports: [{ port: 1 }] }), service('b', { type: 'ExternalName', externalName: 'x' })], []), []);
});

test('the rules pick among endpoints at random, by client when sticky, and leave out a service without endpoints', () => {
  const rule = { protocol: 'tcp', addresses: ['10.96.0.5'], port: 80, sticky: false, endpoints: [{ ip: '10.0.0.1', port: 8080 }, { ip: '10.0.0.2', port: 8080 }] } as const;
  const text = renderServiceRules([
    { ...rule, name: 'default/web' },
    { ...rule, name: 'default/sticky', addresses: ['10.96.0.6'], sticky: true },
    { ...rule, name: 'default/none', addresses: ['10.96.0.7'], endpoints: [] },
  ]);
  assert.match(text, /dnat ip to numgen random mod 2 map \{ 0 : 10\.0\.0\.1 \. 8080, 1 : 10\.0\.0\.2 \. 8080 \} comment "default\/web"/);
  assert.match(text, /dnat ip to jhash ip saddr mod 2 map/);
  assert.doesNotMatch(text, /10\.96\.0\.7/);
  assert.match(text, /elements = \{ 10\.0\.0\.1 \. 10\.0\.0\.1, 10\.0\.0\.2 \. 10\.0\.0\.2 \}/);
});
