import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { DescriptorTable } from './descriptor-table.ts';

const places = (): number => Number(/FDSize:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);

const isOpen = (fd: number): boolean => readdirSync('/proc/self/fd').includes(String(fd));

describe('the table of descriptors', () => {
  const asked: number[] = [];
  let limit = Infinity;
  const table = new DescriptorTable((least, onDone) => {
    asked.push(least);
    if (least >= limit) onDone(-1);
  });

  it('has room for a process that has few', () => {
    table.makeRoomAfter(63);
    assert.deepEqual(asked, []);
  });

  it('is enlarged when half of it is used, once', () => {
    for (const fd of [64, 65, 200, 511]) table.makeRoomAfter(fd);
    assert.deepEqual(asked, [1023]);
    table.makeRoomAfter(512);
    assert.deepEqual(asked, [1023, 8191]);
  });

  it('is enlarged as far as the limit on open files lets it', () => {
    limit = 20_000;
    table.makeRoomAfter(4096);
    assert.deepEqual(asked.splice(0), [1023, 8191, 65_535, 32_767, 16_383]);
    table.makeRoomAfter(16_000);
    assert.deepEqual(asked, []);
  });

  it('is enlarged by as much as it takes', () => {
    limit = Infinity;
    table.makeRoomAfter(70_000);
    assert.deepEqual(asked, [524_287]);
  });

  it('is enlarged by the kernel, and nothing stays open', { timeout: 10_000 }, async () => {
    assert.ok(places() < 1024, `${places()} places before`);
    new DescriptorTable().makeRoomAfter(64);
    while (places() < 1024 || isOpen(1023)) await setTimeout(1);
  });
});
