import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeHost, sequence } from '../testkit/hosts.ts';
import { createBalancer, type TurnPolicy } from './balancers.ts';
import type { Host } from './host.ts';

const ROUND_ROBIN: TurnPolicy = { kind: 'round-robin' };
const LEAST_REQUEST: TurnPolicy = { kind: 'least-request', choices: 2, bias: 1 };
const SLOW = { windowMs: 10_000, aggression: 1, minimum: 0.1 };

interface World {
  readonly policy: TurnPolicy;
  readonly hosts: readonly Host[];
  readonly now?: number;
}

function shares({ policy, hosts, now = 0 }: World, picks: number): number[] {
  const balancer = createBalancer(policy, hosts, { random: sequence(), now: () => now, turn: { next: 0 } });
  const counts = new Map<Host, number>();
  for (let i = 0; i < picks; i++) {
    const host = balancer.pick(undefined, 0);
    if (host) counts.set(host, (counts.get(host) ?? 0) + 1);
  }
  return hosts.map((host) => (counts.get(host) ?? 0) / picks);
}

const near = (actual: readonly number[], want: readonly number[], slack: number) => actual.forEach((share, i) => assert.ok(Math.abs(share - (want[i] ?? 0)) <= slack, `${actual.join(' ')} is not ${want.join(' ')}`));
const warming = (index: number, since: number, weight = 1) => Object.assign(makeHost(index, { weight }), { healthySinceMs: since });

test('round robin takes turns exactly', () => assert.deepEqual(shares({ policy: ROUND_ROBIN, hosts: [makeHost(1), makeHost(2), makeHost(3)] }, 300), [1 / 3, 1 / 3, 1 / 3]));

test('round robin goes on where it was when the list changes', () => {
  const turn = { next: 7 };
  const deps = { random: () => 0, now: () => 0, turn };
  const hosts = [makeHost(1), makeHost(2), makeHost(3)];
  assert.equal(createBalancer(ROUND_ROBIN, hosts, deps).pick(undefined, 0), hosts[1]);
  assert.equal(createBalancer(ROUND_ROBIN, hosts, deps).pick(undefined, 0), hosts[2]);
});

test('round robin with weights is exact', () => assert.deepEqual(shares({ policy: ROUND_ROBIN, hosts: [makeHost(1, { weight: 5 }), makeHost(2), makeHost(3)] }, 700), [5 / 7, 1 / 7, 1 / 7]));

test('random knows no weights, as in Envoy', () => near(shares({ policy: { kind: 'random' }, hosts: [makeHost(1, { weight: 3 }), makeHost(2)] }, 20_000), [0.5, 0.5], 0.02));

test('least request prefers the idle host', () => {
  const hosts = [Object.assign(makeHost(1), { activeRequests: 10 }), makeHost(2)];
  // Only when both choices fall on the busy one does it get the request.
  near(shares({ policy: LEAST_REQUEST, hosts }, 10_000), [0.25, 0.75], 0.02);
});

test('least request with weights shares by weight when nobody is busy', () => near(shares({ policy: LEAST_REQUEST, hosts: [makeHost(1, { weight: 3 }), makeHost(2)] }, 4000), [0.75, 0.25], 0.01));

test('least request with weights divides them by the requests in flight', () => {
  const hosts = [Object.assign(makeHost(1, { weight: 3 }), { activeRequests: 8 }), makeHost(2)];
  // 3 / 9 against 1 / 1.
  near(shares({ policy: LEAST_REQUEST, hosts }, 4000), [0.25, 0.75], 0.01);
});

test('a bias of 0 forgets the requests in flight, one of 2 squares them', () => {
  const hosts = () => [Object.assign(makeHost(1, { weight: 3 }), { activeRequests: 2 }), makeHost(2)];
  near(shares({ policy: { ...LEAST_REQUEST, bias: 0 }, hosts: hosts() }, 4000), [0.75, 0.25], 0.01);
  near(shares({ policy: { ...LEAST_REQUEST, bias: 2 }, hosts: hosts() }, 4000), [0.25, 0.75], 0.01);
});

const slow: readonly [name: string, policy: TurnPolicy, age: number, want: number][] = [
  ['at first a new host gets the minimum', { ...ROUND_ROBIN, slowStart: SLOW }, 0, 0.1],
  ['half-way it gets half', { ...ROUND_ROBIN, slowStart: SLOW }, 5000, 0.5],
  ['after the window it gets its share', { ...ROUND_ROBIN, slowStart: SLOW }, 10_000, 1],
  ['aggression makes it faster at first', { ...ROUND_ROBIN, slowStart: { ...SLOW, aggression: 2 } }, 2500, 0.5],
  ['least request warms up too', { ...LEAST_REQUEST, slowStart: SLOW }, 5000, 0.5],
];
for (const [name, policy, age, want] of slow) {
  test(`slow start: ${name}`, () => {
    const hosts = [warming(1, -60_000), warming(2, 0)];
    // P2C of least request is random once nobody warms up any more.
    near(shares({ policy, hosts, now: age }, 6000), [1 / (1 + want), want / (1 + want)], 0.02);
  });
}

test('slow start respects weights', () => near(shares({ policy: { ...ROUND_ROBIN, slowStart: SLOW }, hosts: [warming(1, -60_000, 1), warming(2, 0, 4)], now: 5000 }, 3000), [1 / 3, 2 / 3], 0.01));

test('no hosts, no choice; one host, no choice either', () => {
  const deps = { random: () => 0, now: () => 0, turn: { next: 0 } };
  const only = makeHost(1);
  for (const policy of [ROUND_ROBIN, LEAST_REQUEST, { kind: 'random' }] as const) {
    assert.equal(createBalancer(policy, [], deps).pick(undefined, 0), undefined);
    assert.equal(createBalancer(policy, [only], deps).pick(undefined, 0), only);
  }
});
