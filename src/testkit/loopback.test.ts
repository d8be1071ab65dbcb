import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { deadPort } from './loopback.ts';

test('a dead port stays dead: the kernel gives it to nobody, and nobody else gets it here', async () => {
  const [from = 0, to = 0] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split(/\s+/).map(Number);
  const ports = await Promise.all(Array.from({ length: 200 }, () => deadPort()));
  assert.equal(new Set(ports).size, ports.length);
  assert.deepEqual(ports.filter((port) => port >= from && port <= to), []);
});
