/** What Services and Namespaces, which have no status of ours, ask of the mesh in vain: `/debug/left_out` and the log tell it. */
import type { Service } from 'kubernetes-types/core/v1.d.ts';
import { metadataNotInEffect } from '../../api/metadata-not-in-effect.ts';
import type { KubeObject, Stored } from '../../kube/object.ts';
import type { LeftOut } from './snapshot.ts';

export function saidInVain(kind: string, object: Stored): LeftOut[] {
  const { name, namespace = '' } = object.metadata;
  const own = kind === 'Service' ? ofService(object) : [];
  return [...own, ...metadataNotInEffect(kind, object.metadata).map(({ path, why }) => ({ field: path, reason: why }))].map((told) => ({ kind, namespace, name, ...told }));
}

function ofService({ spec }: KubeObject & { spec?: Service['spec'] }): { field: string; reason: string }[] {
  const told: { field: string; reason: string }[] = [];
  if (spec?.sessionAffinity === 'ClientIP') told.push({ field: 'spec.sessionAffinity', reason: 'the mesh balances by DestinationRules, as Istio does: set loadBalancer.consistentHash.useSourceIp for calls through a proxy' });
  if (spec?.trafficDistribution === 'PreferSameNode') told.push({ field: 'spec.trafficDistribution', reason: 'proxies do not know nodes: endpoints of the same zone are preferred, as by PreferSameZone' });
  if (spec?.internalTrafficPolicy === 'Local') told.push({ field: 'spec.internalTrafficPolicy', reason: 'proxies do not know nodes: endpoints of every node are called' });
  return told;
}
