/** Functions of one number, and those between scalars and vectors. */
import { Labels } from '../metrics/labels.ts';
import { absentLabels } from './absent.ts';
import { type Call, type FunctionTable, mapSamples, scalarArg, vector, vectorArg } from './call.ts';
import { ascending } from './numbers.ts';
import type { Sample, Value } from './value.ts';

const each = (compute: (value: number) => number) => (call: Call): Value => mapSamples(vectorArg(call, 0), (sample) => compute(sample.value));

const DEGREES = 180 / Math.PI;

/** Go's max and min: NaN wins. */
const clamp = (value: number, low: number, high: number) => (Number.isNaN(low) || Number.isNaN(high) ? Number.NaN : Math.max(low, Math.min(high, value)));

function round(call: Call): Value {
  const inverse = 1 / scalarArg(call, 1, 1);
  return mapSamples(vectorArg(call, 0), (sample) => Math.floor(sample.value * inverse + 0.5) / inverse);
}

function clampCall(call: Call): Value {
  const low = scalarArg(call, 1);
  const high = scalarArg(call, 2);
  return low > high ? vector([]) : mapSamples(vectorArg(call, 0), (sample) => clamp(sample.value, low, high));
}

function sorted(compare: (a: Sample, b: Sample) => number) {
  return (call: Call): Value => {
    const samples = vectorArg(call, 0);
    // NaN comes last in both directions.
    return vector([...samples].sort((a, b) => Number(Number.isNaN(a.value)) - Number(Number.isNaN(b.value)) || compare(a, b)));
  };
}

function scalar(call: Call): Value {
  const samples = vectorArg(call, 0);
  return { t: 'scalar', value: samples.length === 1 ? (samples[0]?.value ?? Number.NaN) : Number.NaN };
}

function absent(call: Call): Value {
  const argument = call.expr.args[0];
  return vector(vectorArg(call, 0).length > 0 || !argument ? [] : [{ labels: absentLabels(argument), value: 1 }]);
}

export const MATH_FUNCTIONS: FunctionTable = [
  ...(['abs', 'acos', 'acosh', 'asin', 'asinh', 'atan', 'atanh', 'ceil', 'cos', 'cosh', 'exp', 'floor', 'log10', 'log2', 'sin', 'sinh', 'sqrt', 'tan', 'tanh'] as const).map((name) => [name, each(Math[name])] as const),
  ['ln', each(Math.log)],
  ['sgn', each(Math.sign)],
  ['deg', each((value) => value * DEGREES)],
  ['rad', each((value) => value / DEGREES)],
  ['round', round],
  ['clamp', clampCall],
  ['clamp_min', (call) => mapSamples(vectorArg(call, 0), (sample) => clamp(sample.value, scalarArg(call, 1), Infinity))],
  ['clamp_max', (call) => mapSamples(vectorArg(call, 0), (sample) => clamp(sample.value, -Infinity, scalarArg(call, 1)))],
  ['sort', sorted((a, b) => ascending(a.value, b.value))],
  ['sort_desc', sorted((a, b) => ascending(b.value, a.value))],
  ['absent', absent],
  ['scalar', scalar],
  ['vector', (call) => vector([{ labels: Labels.empty, value: scalarArg(call, 0) }])],
  ['pi', () => ({ t: 'scalar', value: Math.PI })],
];
