import assert from 'node:assert/strict';
import { readClientHello } from '../../../src/proxy/net/client-hello.ts';
import { readProxyHeader } from '../../../src/proxy/net/proxy-header.ts';
import { proxyHeader } from '../../../src/proxy/upstream/proxy-protocol.ts';
import type { Target } from '../target.ts';

function extension(type: number, ...body: Buffer[]): Buffer {
  const data = Buffer.concat(body);
  return Buffer.concat([uint16(type), uint16(data.length), data]);
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value & 0xffff);
  return bytes;
}

/** A ClientHello in one record, or in records of `recordBytes`. */
function hello(name: string, alpn: readonly string[], recordBytes = 16_384): Buffer {
  const protocols = Buffer.concat(alpn.map((p) => Buffer.concat([Buffer.from([p.length]), Buffer.from(p)])));
  const extensions = Buffer.concat([
    extension(0, uint16(name.length + 3), Buffer.from([0]), uint16(name.length), Buffer.from(name)),
    extension(16, uint16(protocols.length), protocols), extension(43, Buffer.from([2, 3, 4])),
  ]);
  const body = Buffer.concat([uint16(0x0303), Buffer.alloc(32, 9), Buffer.from([0]), uint16(2), uint16(0x1301), Buffer.from([1, 0]), uint16(extensions.length), extensions]);
  const message = Buffer.concat([Buffer.from([1, 0]), uint16(body.length), body]);
  const records: Buffer[] = [];
  for (let at = 0; at < message.length; at += recordBytes) {
    const part = message.subarray(at, at + recordBytes);
    records.push(Buffer.from([0x16, 3, 1]), uint16(part.length), part);
  }
  return Buffer.concat(records);
}

const clientHello: Target = {
  name: 'tls-client-hello',
  seeds: [hello('reviews.default.svc.cluster.local', ['istio-http/1.1', 'istio']), hello('a', ['h2', 'http/1.1'], 20), hello('outbound_.9080_.v1_.reviews.default.svc.cluster.local', [], 1), hello('a'.repeat(10_000), [], 1)],
  check(input) {
    const final = readClientHello(input);
    for (let size = 0; size < input.length; size += size < 200 ? 1 : 499) {
      const early = readClientHello(input.subarray(0, size));
      if (early === 'more') continue;
      assert.deepEqual(final, early, `decided after ${size} bytes, and differently with more`);
      return;
    }
  },
};

const v4 = { source: { address: '10.1.2.3', port: 4567 }, destination: { address: '10.96.0.1', port: 80 } };
const v6 = { source: { address: '2001:db8::1', port: 1 }, destination: { address: '::', port: 65_535 } };

const proxied: Target = {
  name: 'proxy-header',
  seeds: [...[v4, v6].flatMap((behind) => [proxyHeader('V1', behind), proxyHeader('V2', behind)]), Buffer.from('PROXY UNKNOWN\r\n')],
  words: ['PROXY ', 'TCP4', 'TCP6', 'UNKNOWN', '\r\n', ' '],
  /** What is decided early is decided the same with more; what was read can be written and read again. */
  check(input) {
    const final = readProxyHeader(input);
    for (let size = 0; size < input.length; size += size < 300 ? 1 : 499) {
      const early = readProxyHeader(input.subarray(0, size));
      if (early === 'more') continue;
      assert.deepEqual(final, early, `decided after ${size} bytes, and differently with more`);
      break;
    }
    if (final === 'more' || 'problem' in final) return;
    assert.ok(final.length <= input.length);
    if (!final.behind) return;
    const again = readProxyHeader(proxyHeader('V2', final.behind));
    assert.ok(again !== 'more' && !('problem' in again) && again.behind?.source.port === final.behind.source.port);
  },
};

assert.deepEqual(readClientHello(hello('a.b', ['h2'])), { serverName: 'a.b', alpn: ['h2'] });

export const targets: readonly Target[] = [clientHello, proxied];
