import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { proportionalSteps, rollingSteps, rolloutLimits } from './rollout-plan.ts';
import type { RolloutLimits, SetSize } from './rollout-plan.ts';

const deployment = (replicas: number, rollingUpdate: { maxSurge?: number | string; maxUnavailable?: number | string }, type = 'RollingUpdate') =>
  ({ spec: { replicas, selector: {}, template: {}, strategy: { type, rollingUpdate } } }) as Parameters<typeof rolloutLimits>[0];

for (const [name, given, want] of [
  ['the defaults of one replica are one more, none less', deployment(1, {}), { replicas: 1, maxSurge: 1, maxUnavailable: 0 }],
  ['of ten replicas a quarter is 3 up and 2 down', deployment(10, {}), { replicas: 10, maxSurge: 3, maxUnavailable: 2 }],
  ['no surge and nothing unavailable would never move: one may be unavailable', deployment(3, { maxSurge: 0, maxUnavailable: 0 }), { replicas: 3, maxSurge: 0, maxUnavailable: 1 }],
  ['more unavailable than there are is all of them', deployment(2, { maxSurge: 1, maxUnavailable: 5 }), { replicas: 2, maxSurge: 1, maxUnavailable: 2 }],
  ['Recreate has no surge', deployment(4, {}, 'Recreate'), { replicas: 4, maxSurge: 0, maxUnavailable: 0 }],
] as const) {
  test(name, () => assert.deepEqual(rolloutLimits(given), want));
}

const set = (name: string, wanted: number, available: number): SetSize => ({ name, wanted, available });

for (const [name, fresh, old, want] of [
  ['the new set grows by the surge first', set('new', 0, 0), [set('old', 4, 4)], [{ name: 'new', from: 0, to: 1 }]],
  ['old pods go only as far as the promise of availability goes', set('new', 1, 0), [set('old', 4, 4)], [{ name: 'old', from: 4, to: 3 }]],
  ['nothing moves while new pods are not available', set('new', 2, 0), [set('old', 3, 3)], []],
  ['an old set with pods that do not work shrinks by those first', set('new', 1, 0), [set('broken', 2, 1), set('old', 2, 2)], [{ name: 'broken', from: 2, to: 1 }]],
  ['a new set that is too large shrinks', set('new', 6, 6), [], [{ name: 'new', from: 6, to: 4 }]],
] as const) {
  test(name, () => assert.deepEqual(rollingSteps({ replicas: 4, maxSurge: 1, maxUnavailable: 1 }, fresh, old), want));
}

test('scaling in the middle of a rollout keeps the shares', () => {
  const sets = [{ ...set('old', 5, 5), full: 13 }, { ...set('new', 8, 8), full: 13 }];
  const steps = proportionalSteps({ replicas: 15, maxSurge: 3, maxUnavailable: 2 }, sets);
  assert.deepEqual(new Map(steps.map((step) => [step.name, step.to])), new Map([['new', 11], ['old', 7]]));
});

/** Pods of the world that the plan acts on. A ReplicaSet makes and ends them, some time or other. */
interface World {
  limits: RolloutLimits;
  pods: { set: number; ready: boolean }[];
  wanted: number[];
}

test('a rolling update never breaks its two promises and always ends, in whatever order things happen', () => {
  const scenario = fc.record({
    replicas: fc.integer({ min: 1, max: 12 }),
    maxSurge: fc.integer({ min: 0, max: 4 }),
    maxUnavailable: fc.integer({ min: 0, max: 4 }),
    old: fc.integer({ min: 1, max: 2 }),
    dice: fc.array(fc.nat(1_000_000), { minLength: 400, maxLength: 400 }),
  });
  fc.assert(
    fc.property(scenario, ({ replicas, maxSurge, maxUnavailable, old, dice }) => {
      const limits = rolloutLimits(deployment(replicas, { maxSurge, maxUnavailable }));
      const world = startedWorld(limits, old);
      let turn = 0;
      const roll = (n: number) => (dice[turn++ % dice.length] ?? 0) % n;
      for (let step = 0; step < 4000 && !isDone(world); step++) {
        act(world, roll);
        check(world);
      }
      assert.ok(isDone(world), `never ended: ${JSON.stringify(world)}`);
    }),
    { numRuns: 150 },
  );
});

function startedWorld(limits: RolloutLimits, old: number): World {
  const wanted = Array.from({ length: old + 1 }, (_, i) => (i === 1 ? limits.replicas : 0));
  return { limits, wanted, pods: Array.from({ length: limits.replicas }, () => ({ set: 1, ready: true })) };
}

/** One thing happens: the plan is made again from what is seen, a ReplicaSet acts, or a pod becomes ready. */
function act(world: World, roll: (n: number) => number): void {
  const kind = roll(3);
  if (kind === 0) return plan(world);
  if (kind === 1) return settle(world, roll(world.wanted.length));
  const starting = world.pods.filter((pod) => !pod.ready);
  const chosen = starting[roll(Math.max(1, starting.length))];
  if (chosen) chosen.ready = true;
}

function plan(world: World): void {
  const sizes = world.wanted.map((wanted, i) => set(String(i), wanted, world.pods.filter((pod) => pod.set === i && pod.ready).length));
  const [fresh, ...old] = sizes;
  if (!fresh) return;
  for (const step of rollingSteps(world.limits, fresh, old)) world.wanted[Number(step.name)] = step.to;
}

function settle(world: World, index: number): void {
  const mine = world.pods.filter((pod) => pod.set === index).sort((a, b) => Number(a.ready) - Number(b.ready));
  const missing = (world.wanted[index] ?? 0) - mine.length;
  for (let i = 0; i < missing; i++) world.pods.push({ set: index, ready: false });
  const surplus = new Set(mine.slice(0, Math.max(0, -missing)));
  world.pods = world.pods.filter((pod) => !surplus.has(pod));
}

function check({ limits, pods, wanted }: World): void {
  const most = limits.replicas + limits.maxSurge;
  assert.ok(wanted.reduce((a, b) => a + b, 0) <= most, `asked for ${wanted.join('+')}, allowed ${most}`);
  assert.ok(pods.filter((pod) => pod.ready).length >= limits.replicas - limits.maxUnavailable, 'too few are available');
}

function isDone({ limits, pods }: World): boolean {
  return pods.length === limits.replicas && pods.every((pod) => pod.set === 0 && pod.ready);
}
