import assert from 'node:assert/strict';
import test from 'node:test';
import { FakeClock } from '../../testkit/fake-clock.ts';
import { Headers } from '../../codec/headers.ts';
import type { FilterContext } from '../http/filter.ts';
import { attributeOf, type Exchanged } from './attributes.ts';
import { encodePairs } from './pairs.ts';

const clock = new FakeClock();
const request = { method: 'POST', path: '/a/b?c=d', authority: 'shop.test', scheme: 'https', protocol: 'HTTP/2', headers: Headers.of('x-request-id', 'id', 'user-agent', 'me', 'x-two', '1', 'x-two', '2'), bodyLength: 3 };
const connection = { facts: { downstreamRemote: '10.0.0.1:5000', downstreamLocal: '10.0.0.2:80', tlsVersion: 'TLSv1.3' }, remote: { address: '10.0.0.1', port: 5000 }, local: { address: '10.0.0.2', port: 80 }, reporter: 'destination', certificate: { uri: 'spiffe://a', dns: [], sha256: 'ff', subject: 'CN=a', pem: '' } };
// As much of an exchange as attributes are read from.
const exchanged: Exchanged = { context: { request, connection, clock, route: { name: 'r' }, destination: { cluster: 'c' } } as unknown as FilterContext, response: { status: 204, headers: Headers.of('grpc-status', '7'), bodyLength: 0 }, startMs: clock.now() - 5 };

const number = (value: number | bigint): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(BigInt(value));
  return bytes;
};

for (const [path, expected] of [
  ['request.path', '/a/b?c=d'], ['request.url_path', '/a/b'], ['request.query', 'c=d'], ['request.host', 'shop.test'], ['request.scheme', 'https'], ['request.method', 'POST'], ['request.protocol', 'HTTP/2'], ['request.id', 'id'],
  ['request.useragent', 'me'], ['request.referer', undefined], ['request.headers.x-two', '1,2'], ['request.headers.x-none', undefined], ['request.duration', number(5_000_000)],
  ['response.code', number(204)], ['response.grpc_status', number(7)], ['response.headers', encodePairs([[Buffer.from('grpc-status'), Buffer.from('7')]])], ['response.headers.grpc-status', '7'],
  ['source.address', '10.0.0.1:5000'], ['source.port', number(5000)], ['destination.address', '10.0.0.2:80'], ['destination.port', number(80)],
  ['connection.mtls', Buffer.from([1])], ['connection.tls_version', 'TLSv1.3'], ['connection.uri_san_peer_certificate', 'spiffe://a'], ['connection.requested_server_name', undefined],
  ['route_name', 'r'], ['cluster_name', 'c'], ['xds.cluster_name', 'c'], ['listener_direction', number(1)],
  ['request', undefined], ['request.constructor', undefined], ['nothing.at.all', undefined], ['request.path.x', undefined], ['', undefined],
] as const) {
  test(`attribute ${path === '' ? '(none)' : path}`, () => {
    assert.deepEqual(attributeOf(path.split('.'), exchanged), typeof expected === 'string' ? Buffer.from(expected) : expected);
  });
}
