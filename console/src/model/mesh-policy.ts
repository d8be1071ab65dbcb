/** Mutual TLS as the PeerAuthentications ask for it. */
import type { IstioObject } from '../api/kube.ts';

export type MtlsMode = 'STRICT' | 'PERMISSIVE' | 'DISABLE';

const MODES: readonly string[] = ['STRICT', 'PERMISSIVE', 'DISABLE'];

/** The mode for a namespace: its own policy without a selector, else the mesh's, else PERMISSIVE. */
export function mtlsMode(policies: readonly IstioObject[], namespace: string, rootNamespace = 'istio-system'): MtlsMode {
  for (const place of [namespace, rootNamespace]) {
    for (const policy of policies) {
      if (policy.metadata.namespace !== place || policy.spec?.['selector'] !== undefined) continue;
      const mode = (policy.spec?.['mtls'] as { mode?: string } | undefined)?.mode;
      // UNSET means: ask further up.
      if (mode !== undefined && MODES.includes(mode)) return mode as MtlsMode;
    }
  }
  return 'PERMISSIVE';
}
