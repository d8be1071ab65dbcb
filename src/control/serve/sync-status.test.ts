import assert from 'node:assert/strict';
import test from 'node:test';
import { TypeUrl } from '../../xds/type-urls.ts';
import { syncColumns } from './sync-status.ts';

const ROUTES = { typeUrl: TypeUrl.Route, nonceSent: '1', nonceAcked: '1' };

test('routes are in sync when route configurations and their virtual hosts are', () => {
  assert.equal(syncColumns([ROUTES]).route_status, 'SYNCED');
  const [before, after] = [{ typeUrl: TypeUrl.VirtualHost, nonceSent: '2', nonceAcked: '2' }, { typeUrl: TypeUrl.VirtualHost, nonceSent: '3', nonceAcked: '2' }].map((hosts) => syncColumns([ROUTES, hosts]));
  assert.deepEqual([before?.route_status, after?.route_status], ['SYNCED', 'STALE']);
  assert.notEqual(before?.route_sent, after?.route_sent);
});

test('a virtual host that was refused is a refused route', () => {
  const row = syncColumns([ROUTES, { typeUrl: TypeUrl.VirtualHost, nonceSent: '2', nonceAcked: '2', error: 'no such cluster' }]);
  assert.deepEqual([row.route_status, row.route_error], ['ERROR', 'no such cluster']);
});

test('what was not sent is not told of', () => {
  assert.deepEqual(Object.keys(syncColumns([ROUTES, { typeUrl: TypeUrl.Cluster, nonceSent: '', nonceAcked: '' }])), ['route_sent', 'route_acked', 'route_status']);
});
