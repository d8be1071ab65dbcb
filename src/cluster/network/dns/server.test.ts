import assert from 'node:assert/strict';
import { Resolver } from 'node:dns/promises';
import { connect } from 'node:net';
import { test } from 'node:test';
import { silentLog } from '../../../base/log.ts';
import type { Stored } from '../../../kube/object.ts';
import type { Service } from 'kubernetes-types/core/v1.d.ts';
import { createDnsServer } from './server.ts';
import type { ZoneView } from './zone.ts';

const web: Stored<Service> = { metadata: { name: 'web', namespace: 'default', uid: 'u', resourceVersion: '1', creationTimestamp: '' }, spec: { clusterIP: '10.96.1.1', ports: [{ port: 80, name: 'http' }] } };
const view: ZoneView = { domain: 'cluster.local', service: (ns, name) => (ns === 'default' && name === 'web' ? web : undefined), slices: () => [], hasNamespace: (name) => name === 'default', reverse: () => undefined };

test('a resolver gets addresses over UDP, and a fast "no such name" for what is not of the cluster', async (t) => {
  const server = createDnsServer(view, silentLog);
  t.after(() => server.close());
  const port = await server.start(['127.0.0.1'], 0);
  const resolver = new Resolver({ timeout: 1000, tries: 1 });
  resolver.setServers([`127.0.0.1:${port}`]);
  assert.deepEqual(await resolver.resolve4('web.default.svc.cluster.local'), ['10.96.1.1']);
  const [port80] = await resolver.resolveSrv('_http._tcp.web.default.svc.cluster.local');
  assert.deepEqual([port80?.name, port80?.port, port80?.weight], ['web.default.svc.cluster.local', 80, 100]);
  await assert.rejects(resolver.resolve4('www.example.org'), { code: 'ENOTFOUND' });
  await assert.rejects(resolver.resolve6('web.default.svc.cluster.local'), { code: 'ENODATA' });
});

test('several questions on one TCP connection are each answered, also when they come in pieces', async (t) => {
  const server = createDnsServer(view, silentLog);
  t.after(() => server.close());
  const port = await server.start(['127.0.0.1'], 0);
  const name = 'web.default.svc.cluster.local'.split('.').flatMap((label) => [label.length, ...Buffer.from(label)]);
  const query = Buffer.from([0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...name, 0, 0, 1, 0, 1]);
  const framed = Buffer.concat([Buffer.from([0, query.length]), query]);
  const socket = connect(port, '127.0.0.1');
  t.after(() => socket.destroy());
  socket.write(framed.subarray(0, 5));
  setImmediate(() => socket.write(Buffer.concat([framed.subarray(5), framed])));
  const received: Buffer[] = [];
  const wanted = 2 * (2 + query.length + 16);
  for await (const chunk of socket) {
    received.push(chunk as Buffer);
    if (Buffer.concat(received).length >= wanted) break;
  }
  const all = Buffer.concat(received);
  assert.equal(all.length, wanted);
  assert.deepEqual([...all.subarray(-4)], [10, 96, 1, 1]);
});
