import type { Host } from './host.ts';

/** How a new host comes to its full share. Envoy: `SlowStartConfig`. */
export interface SlowStart {
  readonly windowMs: number;
  /** 1: linear; more: faster at first. */
  readonly aggression: number;
  /** Share of the weight that a new host has at least, 0…1. */
  readonly minimum: number;
}

/** 0…1: what part of its weight a host has by now. */
export function warmth(host: Host, slowStart: SlowStart, now: number): number {
  const { healthySinceMs } = host;
  if (healthySinceMs === undefined || !host.healthy) return 1;
  const age = now - healthySinceMs;
  if (age >= slowStart.windowMs) return 1;
  const passed = Math.max(1, age) / slowStart.windowMs;
  return Math.max(slowStart.aggression === 1 ? passed : passed ** (1 / slowStart.aggression), slowStart.minimum);
}
