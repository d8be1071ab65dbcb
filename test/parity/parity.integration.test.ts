/** Every scenario through Envoy and through our proxy, sent the same by the same control plane: what it says must come true of
 * both, and all that is observed must be equal. Then each field that it covers is taken out, and something must be different.
 * `PARITY='word|other'` runs the scenarios whose name contains one of the words; `PARITY_TIMES=20` each so often, to see whether any of it is chance. */
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { differences, unmet, type Observation } from './lab/observation.ts';
import { checkObject } from './lab/check-object.ts';
import { DIFFERENCES } from './differences.ts';
import { LabAuthority } from './lab/identities.ts';
import { mutate } from './lab/mutate.ts';
import { bundleLateen } from './lab/proxies.ts';
import { objectsOf, runScenario } from './lab/run-scenario.ts';
import { Side } from './lab/side.ts';
import type { Scenario, Step } from './scenario.ts';
import { SCENARIOS } from './scenarios.ts';

const words = (process.env['PARITY'] ?? '').split('|');
const times = Number(process.env['PARITY_TIMES'] ?? 1);
const chosen = SCENARIOS.filter(({ name }) => words.some((word) => name.includes(word)));

test('our proxy does as Envoy does, and every covered field has an effect', async (t) => {
  const home = mkdtempSync(join(tmpdir(), 'lateen-parity-'));
  chmodSync(home, 0o755);
  t.after(() => rmSync(home, { recursive: true, force: true }));
  await bundleLateen();
  const authority = new LabAuthority();
  const [envoy, lateen] = await Promise.all([Side.start('envoy', join(home, 'envoy'), authority), Side.start('lateen', join(home, 'lateen'), authority)]);
  t.after(() => Promise.all([envoy.close(), lateen.close()]));

  for (const scenario of chosen) {
    await t.test(scenario.name, async (each) => {
      const objects = objectsOf(scenario);
      const both = () => Promise.all([runScenario(envoy, scenario, objects), runScenario(lateen, scenario, objects)]);
      for (let i = 1; i < times; i++) compare(scenario, ...(await both()), [...envoy.notes, ...lateen.notes]);
      const [theirs, ours] = await both();
      assert.deepEqual(lateen.control.digests(), envoy.control.digests(), 'both were sent the same');
      compare(scenario, theirs, ours, [...envoy.notes, ...lateen.notes]);
      for (const field of scenario.covers ?? []) await each.test(`${field} has an effect`, () => assertEffect({ side: lateen, scenario, field, before: ours }));
    });
  }
});

function compare(scenario: Scenario, theirs: readonly Observation[], ours: readonly Observation[], notes: readonly string[]): void {
  const difference = DIFFERENCES[scenario.name];
  const isMeant = (line: string) => difference?.at.some((path) => line.startsWith(path)) === true;
  const failed = [...missed(scenario, theirs).map((line) => `Envoy ${line}`), ...missed(scenario, ours).map((line) => `Lateen ${line}`)].filter((line) => !isMeant(line.replace(/^\w+ /, '')));
  const different = differences([...theirs], [...ours]);
  const unmeant = different.filter((line) => !isMeant(line));
  assert.deepEqual({ failed, differs: unmeant }, { failed: [], differs: [] }, [report(failed, unmeant), ...notes].join('\n'));
  for (const path of difference?.at ?? []) assert.ok(different.some((line) => line.startsWith(path)), `${path} no longer differs; take it off the list: ${difference?.why}`);
}

const report = (failed: readonly string[], differs: readonly string[]) => ['', ...failed.map((line) => `not as expected: ${line}`), ...differs.map((line) => `Envoy ≠ Lateen: ${line}`)].join('\n');

/** Expectations that did not come true, as `[step].path: …`. */
function missed(scenario: Scenario, observations: readonly Observation[]): string[] {
  const acting = scenario.steps.filter((step) => step.do !== 'change');
  return acting.flatMap((step, i) => unmetStep(step, observations[i] ?? {}, `[${i}]`));
}

function unmetStep(step: Step, observation: Observation, path: string): string[] {
  if (step.do === 'change') return [];
  if (step.do === 'eject') return unmet(observation, { ejected: step.endpoints }, path);
  if (step.do === 'together') return step.steps.flatMap((part, i) => unmetStep(part, (observation['parts'] as readonly Observation[])[i] ?? {}, `${path}.parts[${i}]`));
  if (step.do === 'talk') {
    const { received, end, seen, log } = step.expect;
    return unmet(observation, { received, end, seen, log }, path);
  }
  const { seen, log, shares, end = 'complete', ...answer } = step.expect;
  if (step.times !== undefined) return unmet({ shares: observation['tally'] }, { shares }, path);
  return unmet(observation, { answer: { ...answer, end }, seen, log }, path);
}

async function assertEffect(of: { side: Side; scenario: Scenario; field: string; before: readonly Observation[] }): Promise<void> {
  const { side, scenario, field, before } = of;
  const objects = mutate(objectsOf(scenario), field, scenario.without?.[field]);
  // An object that is refused without the field: it cannot be ignored.
  if (objects.flatMap(checkObject).length > 0) return;
  const after = await runScenario(side, scenario, objects);
  assert.notDeepEqual(differences([...before], [...after]), [], `${field} was taken out, and nothing was different`);
}
