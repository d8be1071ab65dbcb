import assert from 'node:assert/strict';
import test from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runCold } from './run-cold.ts';

setFlagsFromString('--allow-natives-syntax');
/** V8: bit 4 of the status is Maglev, bit 5 Turbofan. */
const status = new Function('f', 'return %GetOptimizationStatus(f) & 0b110000') as (f: (n: number) => number) => number;
const optimize = new Function('f', '%PrepareFunctionForOptimization(f); f(1); %OptimizeFunctionOnNextCall(f); f(1);') as (f: (n: number) => number) => void;
const CALLS = 2_000_000;

function callOften(f: (n: number) => number): void {
  let sum = 0;
  for (let i = 0; i < CALLS; i++) sum = f(sum);
  assert.notEqual(sum, -1);
}

test('what reads much data once is not optimized while it does', () => {
  const hot = (n: number): number => (n * 31 + 7) & 0xffff;
  runCold(1 << 20, () => callOften(hot));
  assert.equal(status(hot), 0);
});

test('afterwards, and after an error, functions are optimized as before', () => {
  assert.throws(() => runCold(1 << 20, () => { throw new Error('damaged'); }), /damaged/);
  const hot = (n: number): number => (n * 17 + 3) & 0xffff;
  optimize(hot);
  assert.notEqual(status(hot), 0);
});

test('what reads little runs as everything does', () => {
  const hot = (n: number): number => (n * 13 + 5) & 0xffff;
  assert.equal(runCold(100, () => (optimize(hot), 'done')), 'done');
  assert.notEqual(status(hot), 0);
});
