import assert from 'node:assert/strict';
import test from 'node:test';
import * as fc from 'fast-check';
import { ModuleMemory } from './memory.ts';
import { WebAssembly } from './web-assembly.ts';

const SIZE = 65_536;
/** As a module passes it: 32 bits with a sign. */
const word = fc.oneof(fc.integer(), fc.integer({ min: SIZE - 16, max: SIZE + 16 }), fc.integer({ min: -16, max: 16 }));

test('whatever place a module names, it is one in its memory, or none', () => {
  fc.assert(fc.property(word, word, word, (pointer, length, allocated) => {
    const memory = new ModuleMemory(new WebAssembly.Memory({ initial: 1 }), () => allocated);
    const isWithin = (pointer >>> 0) + (length >>> 0) <= SIZE;
    assert.equal(memory.read(pointer, length)?.length, isWithin ? length >>> 0 : undefined);
    assert.equal(memory.writeU32(pointer, 7), (pointer >>> 0) + 4 <= SIZE);
    assert.equal(memory.writeU64(pointer, -1n), (pointer >>> 0) + 8 <= SIZE);
    const isGiven = allocated !== 0 && (allocated >>> 0) + 3 <= SIZE && (pointer >>> 0) + 4 <= SIZE && (length >>> 0) + 4 <= SIZE;
    assert.equal(memory.give(Buffer.from('abc'), pointer, length), isGiven);
  }), { numRuns: 1000 });
});
