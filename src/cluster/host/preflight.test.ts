import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findProblems } from './preflight.ts';
import type { Machine } from './preflight.ts';

const good: Machine = { platform: 'linux', uid: 0, has: () => true, tryNamespaces: () => '', fileSystems: () => 'nodev\ttmpfs\nnodev\toverlay\n' };

for (const [why, machine, want] of [
  ['a machine that has everything', good, []],
  ['another system', { ...good, platform: 'darwin' }, [/needs Linux.*Linux virtual machine/]],
  ['a user who is not root', { ...good, uid: 1000 }, [/needs root.*sudo/]],
  ['programs that are missing', { ...good, has: (p: string) => p !== 'nft' && p !== 'ip' }, [/Not installed: ip, nft\..*apt-get install iproute2 nftables/]],
  ['a container without privileges', { ...good, tryNamespaces: () => 'unshare failed: Operation not permitted' }, [/namespaces \(unshare failed: Operation not permitted\).*--privileged/]],
  ['a kernel without overlay', { ...good, fileSystems: () => 'ext4\n' }, [/no overlay file system.*modprobe overlay/]],
] as const) {
  test(`${why} gets ${want.length === 0 ? 'no complaint' : 'one sentence that says what to do'}`, () => {
    const problems = findProblems(machine);
    assert.equal(problems.length, want.length);
    for (const [i, pattern] of want.entries()) assert.match(problems[i] ?? '', pattern);
  });
}
