/** Several objects that define one host in one namespace become one service. Istio: PushContext.initServiceRegistry,
 * SidecarScope: a Kubernetes Service wins over ServiceEntries, and the oldest entry over later ones. */
import type { MeshService } from './model.ts';
import type { LeftOut } from './snapshot.ts';

/** @param services oldest first
 * @param report takes note of entries that have no part in the result */
export function mergeServices(services: readonly MeshService[], report: (object: LeftOut) => void): MeshService[] {
  const byKey = Map.groupBy(services, (s) => s.key);
  if (byKey.size === services.length) return [...services];
  return [...byKey.values()].map((same) => mergeGroup(same, report));
}

function mergeGroup(same: readonly MeshService[], report: (object: LeftOut) => void): MeshService {
  const base = same.find((s) => s.origin === 'Kubernetes') ?? same[0];
  if (base === undefined) throw new Error('a group has members');
  const others = same.filter((s) => s !== base);
  return others.reduce((into, other) => {
    const problem = obstacle(into, other);
    if (problem === undefined) return join(into, other);
    report({ kind: 'ServiceEntry', namespace: other.namespace, name: other.name, reason: problem });
    return into;
  }, base);
}

/** Why an entry cannot be a part of the service. */
function obstacle(base: MeshService, other: MeshService): string | undefined {
  const already = `host ${other.host} is already defined by ${base.origin === 'Kubernetes' ? 'Service' : 'ServiceEntry'} ${base.name} in this namespace`;
  if (base.origin === 'Kubernetes') return base.resolution === 'endpoints' || base.resolution === 'passthrough' ? undefined : `${already}, which is an ExternalName`;
  if (base.resolution !== other.resolution) return `${already} with another resolution`;
  if (base.isMeshExternal !== other.isMeshExternal) return `${already} with another location`;
  const clash = other.ports.find((p) => base.ports.some((b) => b.port === p.port && b.protocol !== p.protocol));
  return clash && `${already} with another protocol on port ${clash.port}`;
}

/** Ports, addresses and names are added up; endpoints follow from the entries. The ports of a Kubernetes service are its own. */
function join(base: MeshService, other: MeshService): MeshService {
  const isKube = base.origin === 'Kubernetes';
  return {
    ...base,
    entries: [...base.entries, ...other.entries],
    ports: isKube ? base.ports : [...base.ports, ...other.ports.filter((p) => !base.ports.some((b) => b.port === p.port))],
    addresses: isKube ? base.addresses : [...new Set([...base.addresses, ...other.addresses])],
    allocatedAddresses: isKube ? [] : base.allocatedAddresses.length > 0 ? base.allocatedAddresses : other.allocatedAddresses,
    subjectAltNames: [...new Set([...base.subjectAltNames, ...other.subjectAltNames])],
  };
}
