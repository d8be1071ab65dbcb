import assert from 'node:assert/strict';
import { test } from 'node:test';
import { proxyHeader } from './proxy-protocol.ts';

const v4 = { source: { address: '10.1.2.3', port: 4567 }, destination: { address: '10.96.0.1', port: 80 } };
const v6 = { source: { address: '2001:db8::1', port: 4567 }, destination: { address: '2001:db8::2', port: 80 } };
const mixed = { source: v6.source, destination: v4.destination };

test('version 1 is a line', () => {
  assert.equal(proxyHeader('V1', v4).toString('latin1'), 'PROXY TCP4 10.1.2.3 10.96.0.1 4567 80\r\n');
  assert.equal(proxyHeader('V1', v6).toString('latin1'), 'PROXY TCP6 2001:db8::1 2001:db8::2 4567 80\r\n');
});

test('version 2 is binary', () => {
  assert.equal(proxyHeader('V2', v4).toString('hex'), '0d0a0d0a000d0a515549540a2111000c0a0102030a60000111d70050');
  assert.equal(proxyHeader('V2', v6).subarray(12).toString('hex'), '2121002420010db800000000000000000000000120010db800000000000000000000000211d70050');
});

test('an IPv4 address beside an IPv6 one is written as one', () => assert.equal(proxyHeader('V2', mixed).subarray(32, 48).toString('hex'), '00000000000000000000ffff0a600001'));
