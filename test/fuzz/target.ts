import type { Shape } from './shape.ts';

/** One thing that reads strangers' bytes, and what must hold for every input. */
export interface Target {
  /** Also the name of its folder in the corpus. */
  readonly name: string;
  /** Well-formed inputs: the mutations of these get deep. */
  readonly seeds: readonly Buffer[];
  /** Words of the format, to be put in at random places. */
  readonly words?: readonly string[];
  /** Of formats with lengths. */
  readonly shape?: Shape;
  /** Throws when something does not hold. The numbers decide what the input leaves open, such as where a stream is cut. */
  check(input: Buffer, random: Random): void | Promise<void>;
  /** Ends what it holds; nothing is tried afterwards. */
  close?(): Promise<void>;
}

/** 0 ≤ result < below, a whole number. */
export type Random = (below: number) => number;

/** A small generator that can be started again from its seed (mulberry32). */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4_294_967_296) * below);
  };
}

/** The numbers that go with an input: the same each time it is tried. */
export function randomOf(input: Uint8Array): Random {
  let hash = 0x811c9dc5;
  for (const octet of input) hash = Math.imul(hash ^ octet, 0x01000193);
  return randomFrom(hash);
}

/** Runs `parse`; what it throws must be an error of the documented kind, anything else is a finding. */
export function allowing<T>(kind: abstract new (...args: never[]) => Error, parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (error instanceof kind) return undefined;
    throw error;
  }
}

export const text = (value: string): Buffer => Buffer.from(value, 'utf8');
export const json = (value: unknown): Buffer => text(JSON.stringify(value));

/** The input as JSON, or undefined when it is none: for readers that come after JSON.parse. */
export function parsedJson(input: Buffer): unknown {
  try {
    return JSON.parse(input.toString('utf8'));
  } catch {
    return undefined;
  }
}

/** Cuts the input at up to six places. */
export function pieces(input: Buffer, random: Random): Buffer[] {
  const cuts = Array.from({ length: random(7) }, () => random(input.length + 1)).sort((a, b) => a - b);
  return [...cuts, input.length].map((end, i) => input.subarray(i === 0 ? 0 : cuts[i - 1], end));
}

/** One byte at a time, as far as that takes no time worth mentioning. */
export const singles = (input: Buffer): Buffer[] => (input.length > 4096 ? [input] : Array.from(input, (_, i) => input.subarray(i, i + 1)));
