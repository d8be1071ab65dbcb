/** Every target there is. */
import type { Target } from './target.ts';

export async function loadTargets(): Promise<readonly Target[]> {
  const modules = await Promise.all([import('./targets/http.ts'), import('./targets/http2.ts'), import('./targets/tls.ts'), import('./targets/dns.ts'), import('./targets/observe.ts'), import('./targets/xds.ts'), import('./targets/agent.ts'), import('./targets/pki.ts'), import('./targets/kube.ts'), import('./targets/texts.ts')]);
  return modules.flatMap((module) => module.targets);
}
