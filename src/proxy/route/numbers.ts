/** Small numeric shapes of Envoy's API. */
import type { FractionalPercent } from '../../xds/generated/envoy/type/v3/percent_pb.js';

interface DurationMessage {
  readonly seconds: bigint;
  readonly nanos: number;
}

/** Milliseconds of a protobuf Duration; undefined stays undefined. */
export function durationMs(duration: DurationMessage | undefined): number | undefined {
  return duration === undefined ? undefined : Number(duration.seconds) * 1000 + duration.nanos / 1e6;
}

const DENOMINATORS: readonly number[] = [100, 10_000, 1_000_000];

/** 0…1; an absent message is the given default. */
export function fraction(percent: FractionalPercent | undefined, absent: number): number {
  return percent === undefined ? absent : percent.numerator / (DENOMINATORS[percent.denominator] ?? 100);
}
