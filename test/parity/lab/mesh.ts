/** The objects of a scenario: read, changed, turned into what the control plane takes. */
import { parseAllDocuments } from 'yaml';
import { defaultMeshConfig, type MeshConfig } from '../../../src/api/mesh-config.ts';
import { checkObject } from './check-object.ts';
import { yamlMesh } from '../../../src/control/registry/testing/yaml-mesh.ts';
import type { MeshInputs } from '../../../src/control/registry/snapshot.ts';
import type { KubeObject } from '../../../src/kube/object.ts';
import type { Change, Scenario } from '../scenario.ts';
import { LOG_FORMAT } from './access-log.ts';
import { baseObjects, proxyPods } from './base-mesh.ts';

export function readObjects(texts: string | readonly string[]): KubeObject[] {
  return [texts].flat().flatMap((text) => parseAllDocuments(text)).flatMap((document) => {
    const value: unknown = document.toJS();
    // Test data: what is a map is an object of some kind.
    return typeof value === 'object' && value !== null ? [value as KubeObject] : [];
  });
}

/** @throws Error with every problem */
export function assertGood(objects: readonly KubeObject[]): void {
  const problems = objects.flatMap(checkObject);
  if (problems.length > 0) throw new Error(problems.join('\n'));
}

const idOf = (object: KubeObject) => `${object.kind}/${object.metadata?.name}`;

export function changed(objects: readonly KubeObject[], change: Change): KubeObject[] {
  const fresh = readObjects(change.apply ?? '');
  const gone = new Set([...(change.remove ?? []), ...fresh.map(idOf)]);
  return [...objects.filter((object) => !gone.has(idOf(object))), ...fresh];
}

/** Nothing but the proxies: what a scenario leaves behind is gone with it. */
export const emptyMesh = (): MeshInputs => inputs(proxyPods(), {});

/** @param objects of the scenario, as they are now */
export function meshOf(scenario: Scenario, objects: readonly KubeObject[]): MeshInputs {
  const { mesh = [], steps, without = {}, place } = scenario;
  return inputs([...proxyPods(place), ...baseObjects([...[mesh].flat(), JSON.stringify([steps, without])].join('\n')), ...objects], scenario.config ?? {});
}

function inputs(objects: readonly object[], config: Partial<MeshConfig>): MeshInputs {
  const logging = { accessLogFile: '/dev/stdout', accessLogEncoding: 'JSON' as const, accessLogFormat: JSON.stringify(LOG_FORMAT) };
  return yamlMesh(JSON.stringify({ items: objects }), { config: { ...defaultMeshConfig(), ...logging, ...config } });
}
