import assert from 'node:assert/strict';
import test from 'node:test';
import { TypeUrl } from '../../xds/type-urls.ts';
import { answerDebug, type DebugDeps } from './debug.ts';

/** What `/debug/syncz` says of a proxy that has been sent this. */
function syncOf(...types: { typeUrl: string; nonceSent: string; nonceAcked: string; error?: string }[]): Record<string, unknown> {
  const connection = { proxy: { name: 'a', namespace: 'b', kind: 'sidecar', clusterId: 'c', version: '1' }, status: () => types };
  // Of all that is there, what this page looks at.
  const deps = { discovery: { connections: () => [connection] } } as unknown as DebugDeps;
  const answer = answerDebug(new URL('http://istiod/debug/syncz'), deps);
  const [row = {}] = (answer?.body ?? []) as Record<string, unknown>[];
  return row;
}

const ROUTES = { typeUrl: TypeUrl.Route, nonceSent: '1', nonceAcked: '1' };

test('routes are in sync when route configurations and their virtual hosts are', () => {
  assert.equal(syncOf(ROUTES).route_status, 'SYNCED');
  const [before, after] = [{ typeUrl: TypeUrl.VirtualHost, nonceSent: '2', nonceAcked: '2' }, { typeUrl: TypeUrl.VirtualHost, nonceSent: '3', nonceAcked: '2' }].map((hosts) => syncOf(ROUTES, hosts));
  assert.deepEqual([before?.route_status, after?.route_status], ['SYNCED', 'STALE']);
  assert.notEqual(before?.route_sent, after?.route_sent);
});

test('a virtual host that was refused is a refused route', () => {
  const row = syncOf(ROUTES, { typeUrl: TypeUrl.VirtualHost, nonceSent: '2', nonceAcked: '2', error: 'no such cluster' });
  assert.deepEqual([row.route_status, row.route_error], ['ERROR', 'no such cluster']);
});

test('what was not sent is not told of', () => {
  assert.deepEqual(Object.keys(syncOf(ROUTES, { typeUrl: TypeUrl.Cluster, nonceSent: '', nonceAcked: '' })).filter((name) => name.startsWith('cluster_') && name !== 'cluster_id'), []);
});
