/** A function call at one moment, with its evaluated arguments. Types were checked before; the readers below only narrow. */
import type { CallExpr } from './ast.ts';
import type { QueryContext } from './context.ts';
import { executionError } from './errors.ts';
import { requireUnique } from './unique.ts';
import type { RangeSlice, Sample, Value } from './value.ts';

export interface Call {
  readonly expr: CallExpr;
  readonly nowMs: number;
  readonly context: QueryContext;
  readonly args: readonly Value[];
}

export type PromFunction = (call: Call) => Value;
export type FunctionTable = readonly (readonly [string, PromFunction])[];

export interface Matrix {
  readonly series: readonly RangeSlice[];
  readonly startMs: number;
  readonly endMs: number;
}

export function scalarArg(call: Call, index: number, fallback?: number): number {
  const value = call.args[index];
  if (value?.t === 'scalar') return value.value;
  if (value === undefined && fallback !== undefined) return fallback;
  throw executionError(`${call.expr.name}: argument ${index + 1} must be a scalar`);
}

export function stringArg(call: Call, index: number): string {
  const value = call.args[index];
  if (value?.t === 'string') return value.value;
  throw executionError(`${call.expr.name}: argument ${index + 1} must be a string`);
}

export function vectorArg(call: Call, index: number): readonly Sample[] {
  const value = call.args[index];
  if (value?.t === 'vector') return value.samples;
  throw executionError(`${call.expr.name}: argument ${index + 1} must be an instant vector`);
}

export function matrixArg(call: Call, index: number): Matrix {
  const value = call.args[index];
  if (value?.t === 'matrix') return value;
  throw executionError(`${call.expr.name}: argument ${index + 1} must be a range vector`);
}

export const vector = (samples: readonly Sample[]): Value => ({ t: 'vector', samples });

/** One sample in, one out, without its name; undefined leaves the sample out. */
export function mapSamples(samples: readonly Sample[], compute: (sample: Sample) => number | undefined): Value {
  const result: Sample[] = [];
  for (const sample of samples) {
    const value = compute(sample);
    if (value !== undefined) result.push({ labels: sample.labels.bare, value });
  }
  return vector(requireUnique(result));
}
