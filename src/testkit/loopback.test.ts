import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { deadPort } from './loopback.ts';

test('a dead port stays dead: the kernel gives it to nobody, and nobody else gets it here', async () => {
  const [from = 0, to = 0] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split(/\s+/).map(Number);
  const ports = await Promise.all(Array.from({ length: 200 }, () => deadPort()));
  assert.equal(new Set(ports).size, ports.length);
  assert.deepEqual(ports.filter((port) => port >= from && port <= to), []);
});

test('nor does another process get it', async () => {
  const ports = new Set(await Promise.all(Array.from({ length: 2000 }, () => deadPort())));
  const program = `
    const { deadPort } = await import(${JSON.stringify(join(import.meta.dirname, 'loopback.ts'))});
    console.log(JSON.stringify(await Promise.all(Array.from({ length: 200 }, () => deadPort()))));
    process.exit();`;
  const others = JSON.parse(execFileSync(process.execPath, ['--no-warnings', '--input-type=module', '-e', program], { encoding: 'utf8' })) as number[];
  assert.equal(others.length, 200);
  assert.deepEqual(others.filter((port) => ports.has(port)), []);
});
