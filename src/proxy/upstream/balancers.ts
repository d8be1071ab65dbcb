/** Choosing among the hosts of one group. A balancer is made for a fixed list of hosts and made anew when the list changes. */
import { EdfScheduler } from './edf.ts';
import type { Hash64 } from './hash.ts';
import type { HashPolicy } from './hashing.ts';
import type { Host } from './host.ts';
import { type SlowStart, warmth } from './slow-start.ts';

export interface Balancer {
  /** @param hash from the route's hash policy
   * @param attempt how many hosts were picked and refused before, for this try */
  pick(hash: Hash64 | undefined, attempt: number): Host | undefined;
}

export type TurnPolicy =
  | { readonly kind: 'round-robin'; readonly slowStart?: SlowStart }
  | { readonly kind: 'least-request'; readonly choices: number; /** Weight is divided by (active + 1) to this power. */ readonly bias: number; readonly slowStart?: SlowStart }
  | { readonly kind: 'random' };

export type BalancerPolicy = TurnPolicy | HashPolicy;

export interface BalancerDeps {
  random(): number;
  /** Monotonic ms. */
  now(): number;
  /** Whose turn it is in plain round robin; kept from one list of hosts to the next. */
  readonly turn: { next: number };
}

export const NOBODY: Balancer = { pick: () => undefined };

/** Host weights count where Envoy counts them: in turns and least request, not in RANDOM. */
export function createBalancer(policy: TurnPolicy, hosts: readonly Host[], deps: BalancerDeps): Balancer {
  const [only] = hosts;
  if (!only) return NOBODY;
  if (hosts.length === 1) return { pick: () => only };
  if (policy.kind === 'random') return { pick: () => hosts[Math.floor(deps.random() * hosts.length)] };
  const isWarming = policy.slowStart !== undefined && hosts.some((host) => warmth(host, policy.slowStart ?? NEVER, deps.now()) < 1);
  if (isWarming || !haveEqualWeights(hosts)) {
    const turns = new EdfScheduler(hosts, weighing(policy, deps), Math.floor(deps.random() * hosts.length));
    return { pick: () => turns.pick() };
  }
  return policy.kind === 'round-robin' ? roundRobin(hosts, deps.turn) : leastRequest(hosts, policy.choices, deps.random);
}

const NEVER: SlowStart = { windowMs: 0, aggression: 1, minimum: 1 };

function haveEqualWeights(hosts: readonly Host[]): boolean {
  const first = hosts[0]?.config.weight;
  return hosts.every((host) => host.config.weight === first);
}

function weighing(policy: Exclude<TurnPolicy, { kind: 'random' }>, { now }: BalancerDeps): (host: Host) => number {
  const { slowStart } = policy;
  const bias = policy.kind === 'least-request' ? policy.bias : 0;
  const loaded = bias === 0 ? (host: Host) => host.config.weight : bias === 1 ? (host: Host) => host.config.weight / (host.activeRequests + 1) : (host: Host) => host.config.weight / (host.activeRequests + 1) ** bias;
  return slowStart ? (host) => loaded(host) * warmth(host, slowStart, now()) : loaded;
}

function roundRobin(hosts: readonly Host[], turn: { next: number }): Balancer {
  return {
    pick() {
      const at = turn.next % hosts.length;
      turn.next = at + 1;
      return hosts[at];
    },
  };
}

/** Of some random hosts the one with the fewest active requests. */
function leastRequest(hosts: readonly Host[], choices: number, random: () => number): Balancer {
  return {
    pick() {
      let best = hosts[Math.floor(random() * hosts.length)];
      for (let i = 1; i < choices; i++) {
        const other = hosts[Math.floor(random() * hosts.length)];
        if (other && best && other.activeRequests < best.activeRequests) best = other;
      }
      return best;
    },
  };
}
