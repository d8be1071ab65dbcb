/** A whole scenario on one side. */
import type { KubeObject } from '../../../src/kube/object.ts';
import type { Scenario } from '../scenario.ts';
import { assertGood, changed, meshOf, readObjects } from './mesh.ts';
import { strip, type Observation } from './observation.ts';
import type { Side } from './side.ts';
import { doStep } from './steps.ts';

let runs = 0;

/** @param objects of the scenario, as they are or with a field taken out
 * @returns what was observed, a part for each step that does something */
export async function runScenario(side: Side, scenario: Scenario, objects: readonly KubeObject[]): Promise<Observation[]> {
  runs += 1;
  let now = objects;
  let mesh = meshOf(scenario, now);
  await side.prepare(mesh, { apps: scenario.apps ?? {}, refuses: scenario.refuses ?? [], silent: scenario.silent ?? [] });
  const observations: Observation[] = [];
  for (const [i, step] of scenario.steps.entries()) {
    if (step.do === 'change') {
      now = changed(now, step);
      assertGood(now);
      mesh = meshOf(scenario, now);
      await side.update(mesh);
      continue;
    }
    observations.push(strip(await doStep(step, { side, mesh, id: `${runs}-${i}` }), scenario.ignores ?? []));
  }
  return observations;
}

/** The scenario's own objects; each has to be good.
 * @throws Error with what the API server would say */
export function objectsOf(scenario: Scenario): KubeObject[] {
  const objects = readObjects(scenario.mesh ?? []);
  assertGood(objects);
  return objects;
}
