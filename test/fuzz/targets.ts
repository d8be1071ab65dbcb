/** Every target there is, by the module that holds it: a thread loads only the one that it needs. */
import type { Target } from './target.ts';

export const MODULES = ['http', 'http2', 'request-values', 'tls', 'dns', 'observe', 'xds', 'agent', 'pki', 'kube', 'texts', 'patches'] as const;
export type TargetModule = (typeof MODULES)[number];

export async function loadTargets(module: TargetModule): Promise<readonly Target[]> {
  // Each of them exports its targets.
  const { targets } = (await import(`./targets/${module}.ts`)) as { targets: readonly Target[] };
  return targets;
}
