/** When to renew a certificate. Pure. */
export interface RenewalPolicy {
  /** Share of the lifetime to let pass, 0…1. */
  readonly graceRatio: number;
  /** The share is varied by up to this much in either direction, so that a fleet does not renew at the same moment. */
  readonly graceJitter: number;
}

/** Milliseconds from now until the renewal; 0 when it is due.
 * @param validity measured from the receipt, since `notBefore` lies in the past on purpose
 * @param random 0 ≤ random < 1 */
export function renewalDelay(validity: { receivedMs: number; notAfterMs: number; nowMs: number }, policy: RenewalPolicy, random: number): number {
  const lifetime = Math.max(0, validity.notAfterMs - validity.receivedMs);
  const ratio = Math.min(1, Math.max(0, 1 - policy.graceRatio + policy.graceJitter * (random * 2 - 1)));
  return Math.max(0, validity.receivedMs + lifetime * ratio - validity.nowMs);
}
