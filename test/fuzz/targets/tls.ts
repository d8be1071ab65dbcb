import assert from 'node:assert/strict';
import { readClientHello } from '../../../src/proxy/net/client-hello.ts';
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

assert.deepEqual(readClientHello(hello('a.b', ['h2'])), { serverName: 'a.b', alpn: ['h2'] });

export const targets: readonly Target[] = [clientHello];
