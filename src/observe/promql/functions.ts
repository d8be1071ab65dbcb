/** Calls a function by name. Each family has its own file; this one only finds it. */
import { CLOCK_FUNCTIONS } from './functions-clock.ts';
import { HISTOGRAM_FUNCTIONS } from './functions-histogram.ts';
import { LABEL_FUNCTIONS } from './functions-label.ts';
import { MATH_FUNCTIONS } from './functions-math.ts';
import { RANGE_FUNCTIONS } from './functions-range.ts';
import type { Call, PromFunction } from './call.ts';
import { executionError } from './errors.ts';
import type { Value } from './value.ts';

const FUNCTIONS: ReadonlyMap<string, PromFunction> = new Map([...RANGE_FUNCTIONS, ...MATH_FUNCTIONS, ...CLOCK_FUNCTIONS, ...LABEL_FUNCTIONS, ...HISTOGRAM_FUNCTIONS]);

export function callFunction(call: Call): Value {
  const run = FUNCTIONS.get(call.expr.name);
  if (!run) throw executionError(`unknown function with name "${call.expr.name}"`);
  return run(call);
}

export const implementedFunctions = (): string[] => [...FUNCTIONS.keys()].sort();
