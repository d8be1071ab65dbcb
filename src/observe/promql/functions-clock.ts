/** Time and calendar, all in UTC. */
import { Labels } from '../metrics/labels.ts';
import { type Call, type FunctionTable, mapSamples, vector, vectorArg } from './call.ts';
import type { Value } from './value.ts';

/** Without an argument the functions look at the moment of evaluation. */
function dated(read: (date: Date) => number) {
  return (call: Call): Value => {
    if (call.args.length === 0) return vector([{ labels: Labels.empty, value: read(new Date(call.nowMs)) }]);
    return mapSamples(vectorArg(call, 0), (sample) => read(new Date(Math.floor(sample.value) * 1000)));
  };
}

const DAY_MS = 86_400_000;

export const CLOCK_FUNCTIONS: FunctionTable = [
  ['time', (call) => ({ t: 'scalar', value: call.nowMs / 1000 })],
  ['start', (call) => ({ t: 'scalar', value: call.context.startMs / 1000 })],
  ['end', (call) => ({ t: 'scalar', value: call.context.endMs / 1000 })],
  ['range', (call) => ({ t: 'scalar', value: (call.context.endMs - call.context.startMs) / 1000 })],
  ['step', (call) => ({ t: 'scalar', value: call.context.stepMs / 1000 })],
  ['timestamp', (call) => mapSamples(vectorArg(call, 0), (sample) => (sample.timeMs ?? call.nowMs) / 1000)],
  ['minute', dated((date) => date.getUTCMinutes())],
  ['hour', dated((date) => date.getUTCHours())],
  ['day_of_week', dated((date) => date.getUTCDay())],
  ['day_of_month', dated((date) => date.getUTCDate())],
  ['day_of_year', dated((date) => Math.floor((date.getTime() - Date.UTC(date.getUTCFullYear(), 0, 1)) / DAY_MS) + 1)],
  ['days_in_month', dated((date) => new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate())],
  ['month', dated((date) => date.getUTCMonth() + 1)],
  ['year', dated((date) => date.getUTCFullYear())],
];
