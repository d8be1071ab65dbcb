import type { Node, Pod } from 'kubernetes-types/core/v1.d.ts';
import type { Stored } from '../../kube/object.ts';
import type { Locality, Workload } from './model.ts';

export const NO_LOCALITY: Locality = { region: '', zone: '', subzone: '' };

/** `region/zone/subzone`, with what is missing left empty. */
export function parseLocality(text: string | undefined): Locality {
  const [region = '', zone = '', subzone = ''] = (text ?? '').split('/');
  return region === '' ? NO_LOCALITY : { region, zone, subzone };
}

export function nodeLocality(node: Stored<Node> | undefined): Locality {
  const labels = node?.metadata.labels ?? {};
  const region = labels['topology.kubernetes.io/region'] ?? '';
  if (region === '') return NO_LOCALITY;
  return { region, zone: labels['topology.kubernetes.io/zone'] ?? '', subzone: labels['topology.istio.io/subzone'] ?? '' };
}

/** A pod as a workload; undefined while it has no address, and for pods that share the node's. */
export function podWorkload(pod: Stored<Pod>, locality: Locality): Workload | undefined {
  const { metadata, spec, status } = pod;
  const address = status?.podIP;
  if (!address || spec?.hostNetwork === true) return undefined;
  const labels = metadata.labels ?? {};
  const override = (labels['topology.istio.io/locality'] ?? labels['istio-locality'])?.replaceAll('.', '/');
  return {
    name: metadata.name,
    namespace: metadata.namespace ?? '',
    address,
    labels,
    serviceAccount: spec?.serviceAccountName ?? 'default',
    workloadName: ownerName(pod),
    locality: override === undefined ? locality : parseLocality(override),
    speaksMutualTls: labels['security.istio.io/tlsMode'] === 'istio',
    namedPorts: namedPorts(pod),
    isReady: isReady(pod),
  };
}

function namedPorts(pod: Stored<Pod>): ReadonlyMap<string, number> {
  const containers = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? []).filter((c) => c.restartPolicy === 'Always')];
  return new Map(containers.flatMap((c) => c.ports ?? []).flatMap((p) => (p.name ? [[p.name, p.containerPort] as const] : [])));
}

function isReady(pod: Stored<Pod>): boolean {
  const { metadata, status } = pod;
  if (metadata.deletionTimestamp !== undefined || status?.phase === 'Failed' || status?.phase === 'Succeeded') return false;
  return status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') === true;
}

/** Name of what manages the pod. A ReplicaSet of a Deployment ends in the hash that its pods carry as a label. */
function ownerName(pod: Stored<Pod>): string {
  const owner = pod.metadata.ownerReferences?.find((o) => o.controller === true);
  if (!owner) return pod.metadata.name;
  const hash = pod.metadata.labels?.['pod-template-hash'];
  if (owner.kind === 'ReplicaSet' && hash !== undefined && owner.name.endsWith(`-${hash}`)) return owner.name.slice(0, -hash.length - 1);
  if (owner.kind === 'Job') return owner.name.replace(/-\d{8,10}$/, '');
  return owner.name;
}
