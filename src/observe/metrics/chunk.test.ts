import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { Chunk, STALE, type SampleValue } from './chunk.ts';

function roundTrip(samples: readonly (readonly [number, SampleValue])[]): [number, SampleValue][] {
  const chunk = new Chunk(samples[0]?.[0] ?? 0);
  for (const [time, value] of samples) chunk.append(time, value);
  chunk.seal();
  const read: [number, SampleValue][] = [];
  chunk.read({ add: (time, value) => void read.push([time, value]) });
  return read;
}

test('a chunk gives back exactly what was put in', () => {
  const value = fc.oneof(fc.double(), fc.integer(), fc.maxSafeInteger(), fc.constantFrom<SampleValue>(STALE, 0, -0, Number.NaN, Infinity, -Infinity, 2 ** 53, -(2 ** 53), 0.1));
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 42 }), fc.array(fc.tuple(fc.integer({ min: 1, max: 10_000_000 }), value), { maxLength: 300 }), (start, steps) => {
      let time = start;
      const samples = steps.map(([step, v]) => [(time += step), v] as const);
      assert.deepEqual(roundTrip(samples), samples.map((sample) => [...sample]));
    }),
    { numRuns: 200 },
  );
});

test('an hour of a quiet counter at a steady beat costs about a byte a sample', () => {
  const chunk = new Chunk(1_700_000_000_000);
  for (let i = 0; i < 1800; i++) chunk.append(1_700_000_000_000 + i * 2000, 42);
  chunk.seal();
  assert.ok(chunk.byteLength < 1900, `${chunk.byteLength} bytes`);
});
