import type { Change } from '../../xds/session.ts';
import { TypeUrl } from '../../xds/type-urls.ts';
import { CONFIG_PARTS, type ConfigPart, type MeshSnapshot, type SnapshotDiff } from '../registry/snapshot.ts';
import { outboundCluster } from '../translate/names.ts';

const { Cluster, Endpoints, Listener, Route, Secret } = TypeUrl;

/** Which types are made from which part of the mesh. */
const MADE_FROM: Readonly<Record<ConfigPart, readonly string[]>> = {
  settings: [Cluster, Endpoints, Listener, Route],
  services: [Cluster, Endpoints, Listener, Route],
  sidecars: [Cluster, Endpoints, Listener, Route],
  hostPolicies: [Cluster, Endpoints, Listener, Route],
  // Routes of TCP and TLS stand in the listeners.
  routing: [Listener, Route],
  gateways: [Listener, Route],
  // Where the caller's address is kept, the cluster says whether mutual TLS is spoken there.
  peerAuthentications: [Cluster, Endpoints, Listener],
  requestAuthentications: [Listener],
  authorizationPolicies: [Listener],
  telemetries: [Listener],
  jwks: [Listener],
};

export const EVERYTHING: Change = new Map([Cluster, Endpoints, Listener, Route, Secret].map((typeUrl) => [typeUrl, 'all' as const]));

/** What a change of the mesh means for every proxy. Endpoints alone touch endpoints alone, with these exceptions: new
 * identities are in the clusters, headless pods have listeners, and DNS services have their endpoints in the cluster. */
export function sharedChange(diff: SnapshotDiff, snapshot: MeshSnapshot): Change {
  const change = new Map<string, ReadonlySet<string> | 'all'>();
  const names = new Set<string>();
  if (diff.endpoints.size > 0) {
    const subsets = subsetNames(snapshot);
    for (const service of snapshot.services) {
      if (!diff.endpoints.has(service.key)) continue;
      if (service.resolution === 'passthrough') change.set(Listener, 'all');
      if (service.resolution !== 'endpoints' || diff.accounts.has(service.key)) change.set(Cluster, 'all');
      for (const { port } of service.ports) for (const subset of subsets) names.add(outboundCluster({ port, subset, host: service.host }));
    }
  }
  if (names.size > 0) change.set(Endpoints, names);
  for (const part of CONFIG_PARTS) if (diff.config.has(part)) for (const typeUrl of MADE_FROM[part]) change.set(typeUrl, 'all');
  if (diff.secrets.size > 0) change.set(Secret, 'all');
  return change;
}

function subsetNames({ hostPolicies }: MeshSnapshot): Set<string | undefined> {
  const names = new Set<string | undefined>([undefined]);
  for (const hosts of hostPolicies.byNamespace.values()) for (const policies of hosts.values()) for (const policy of policies) for (const { name } of policy.subsets) names.add(name);
  return names;
}
