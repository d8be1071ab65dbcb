import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerStatus, Pod } from 'kubernetes-types/core/v1.d.ts';
import { humanDuration } from './column.ts';
import { compileJsonPath } from './json-path.ts';
import { restartsText, summarizePod } from './pod.ts';

const status = (name: string, more: Partial<ContainerStatus>): ContainerStatus => ({ name, image: '', imageID: '', ready: false, restartCount: 0, ...more });
const running = { running: { startedAt: '2026-01-01T00:00:00Z' } };
const pod = (spec: object, podStatus: object, metadata: object = {}): Pod => ({ metadata, spec: { containers: [{ name: 'app' }], ...spec }, status: podStatus }) as Pod;
const sidecar = { initContainers: [{ name: 'proxy', restartPolicy: 'Always' }] };

for (const [name, object, want] of [
  ['waits to be scheduled', pod({}, { phase: 'Pending' }), '0/1 Pending 0'],
  ['runs', pod({}, { phase: 'Running', containerStatuses: [status('app', { ready: true, state: running })] }), '1/1 Running 0'],
  ['is being created', pod({}, { phase: 'Pending', containerStatuses: [status('app', { state: { waiting: { reason: 'ContainerCreating' } } })] }), '0/1 ContainerCreating 0'],
  ['crashes', pod({}, { phase: 'Running', containerStatuses: [status('app', { restartCount: 4, state: { waiting: { reason: 'CrashLoopBackOff' } } })] }), '0/1 CrashLoopBackOff 4'],
  ['has completed', pod({}, { phase: 'Succeeded', containerStatuses: [status('app', { state: { terminated: { exitCode: 0, reason: 'Completed' } } })] }), '0/1 Completed 0'],
  ['is at its first init container', pod({ initContainers: [{ name: 'i' }, { name: 'j' }] }, { phase: 'Pending', initContainerStatuses: [status('i', { state: running }), status('j', {})] }), '0/1 Init:0/2 0'],
  ['failed in an init container', pod({ initContainers: [{ name: 'i' }] }, { phase: 'Pending', initContainerStatuses: [status('i', { state: { terminated: { exitCode: 3, reason: 'Error' } } })] }), '0/1 Init:Error 0'],
  ['counts a native sidecar', pod(sidecar, { phase: 'Running', initContainerStatuses: [status('proxy', { started: true, ready: true, state: running })], containerStatuses: [status('app', { ready: true, state: running })] }), '2/2 Running 0'],
  ['waits for its native sidecar', pod(sidecar, { phase: 'Pending', initContainerStatuses: [status('proxy', { started: false, state: running })] }), '0/2 Init:0/1 0'],
  ['is going', pod({}, { phase: 'Running', containerStatuses: [status('app', { ready: true, state: running })] }, { deletionTimestamp: '2026-01-01T00:00:00Z' }), '1/1 Terminating 0'],
] as const) {
  test(`a pod that ${name} shows ${want}`, () => {
    const summary = summarizePod(object);
    assert.equal(`${summary.ready}/${summary.total} ${summary.status} ${summary.restarts}`, want);
  });
}

test('restarts say when the last one was', () => {
  const restarts = restartsText({ ready: 0, total: 1, status: '', restarts: 2, lastRestart: '2026-01-01T00:00:00Z' }, Date.parse('2026-01-01T00:00:30Z'));
  assert.equal(restarts, '2 (30s ago)');
});

for (const [seconds, want] of [[0, '0s'], [119, '119s'], [120, '2m'], [150, '2m30s'], [600, '10m'], [10_799, '179m'], [10_800, '3h'], [15_000, '4h10m'], [86_400, '24h'], [172_800, '2d'], [180_000, '2d2h'], [900_000, '10d']] as const) {
  test(`${seconds} seconds are ${want}`, () => assert.equal(humanDuration(seconds * 1000), want));
}

const OBJECT = { spec: { hosts: ['a', 'b'], 'x.y': 1 }, status: { conditions: [{ type: 'Ready', status: 'True' }, { type: 'Other', status: 'False' }] } };
for (const [path, want] of [
  ['.spec.hosts', [['a', 'b']]], ['.spec.hosts[0]', ['a']], ['.spec.hosts[*]', ['a', 'b']], ['.spec.hosts[-1]', ['b']], [".spec['x.y']", [1]],
  ['.status.conditions[?(@.type=="Ready")].status', ['True']], [`{.status.conditions[?(@.type=='Other')].status}`, ['False']], ['.spec.none', []], ['.spec..hosts', []],
] as const) {
  test(`the path ${path} reads ${JSON.stringify(want)}`, () => assert.deepEqual(compileJsonPath(path)(OBJECT), want));
}
