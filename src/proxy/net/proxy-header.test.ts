import assert from 'node:assert/strict';
import test from 'node:test';
import { proxyHeader } from '../upstream/proxy-protocol.ts';
import { readProxyHeader, type ProxyHeaderResult } from './proxy-header.ts';

const v4 = { source: { address: '10.1.2.3', port: 4567 }, destination: { address: '10.96.0.1', port: 80 } };
const v6 = { source: { address: '2001:db8::1', port: 4567 }, destination: { address: '2001:db8::2', port: 65_535 } };
const line = (text: string) => Buffer.from(`${text}\r\n`, 'latin1');
const binary = (hex: string) => Buffer.from(`0d0a0d0a000d0a515549540a${hex}`, 'hex');

for (const version of ['V1', 'V2'] as const) {
  for (const behind of [v4, v6]) {
    test(`what we write as ${version} we read, however it is cut: ${behind.source.address}`, () => {
      const header = proxyHeader(version, behind);
      for (let size = 0; size < header.length; size++) assert.equal(readProxyHeader(header.subarray(0, size)), 'more');
      assert.deepEqual(readProxyHeader(Buffer.concat([header, Buffer.from('GET /')])), { length: header.length, behind });
    });
  }
}

const CASES: readonly (readonly [name: string, bytes: Buffer, want: ProxyHeaderResult | RegExp])[] = [
  ['who speaks for itself, version 1', line('PROXY UNKNOWN'), { length: 15 }],
  ['who speaks for itself, with addresses', line('PROXY UNKNOWN ffff::1 ffff::2 1 2'), { length: 35 }],
  ['who speaks for itself, version 2', binary('20000000'), { length: 16 }],
  ['facts after the addresses', binary('211100100a0102030a60000111d7005001000161'), { length: 32, behind: v4 }],
  ['no header', Buffer.from('GET / HTTP/1.1\r\n\r\n'), /no PROXY protocol header/],
  ['a line without end', Buffer.alloc(200, 'PROXY TCP4 '), /longer than 107/],
  ['another family', line('PROXY UDP4 1.2.3.4 1.2.3.4 1 2'), /no known family/],
  ['an address of the other family', line('PROXY TCP4 ::1 1.2.3.4 1 2'), /wrong addresses/],
  ['a port that is none', line('PROXY TCP4 1.2.3.4 1.2.3.4 1 65536'), /wrong addresses/],
  ['too many words', line('PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3'), /wrong addresses/],
  ['too few words', line('PROXY TCP4 1.2.3.4 1.2.3.4 1'), /wrong addresses/],
  ['another version', binary('31110000'), /unknown version/],
  ['another command', binary('22110000'), /unknown version or command/],
  ['datagrams', binary('2112000c0a0102030a60000111d70050'), /another family than TCP/],
  ['addresses that are cut', binary('211100040a010203'), /too short/],
];
for (const [name, bytes, want] of CASES) {
  test(`a PROXY header: ${name}`, () => {
    const result = readProxyHeader(bytes);
    if (want instanceof RegExp) assert.match(typeof result === 'object' && 'problem' in result ? result.problem : JSON.stringify(result), want);
    else assert.deepEqual(result, want);
  });
}
