/** What is served, in both shapes: one document per group version, and aggregated into one.
 * Kubernetes: meta/v1 APIResourceList, apidiscovery/v2 APIGroupDiscoveryList. */
import type { Kind } from '../kinds/kind.ts';
import type { KindRegistry } from '../kinds/registry.ts';

const SUBRESOURCES: Readonly<Record<string, { group?: string; version?: string; kind?: string; verbs: string[] }>> = {
  status: { verbs: ['get', 'patch', 'update'] },
  scale: { group: 'autoscaling', version: 'v1', kind: 'Scale', verbs: ['get', 'patch', 'update'] },
  log: { verbs: ['get'] },
  exec: { kind: 'PodExecOptions', verbs: ['create', 'get'] },
  attach: { kind: 'PodAttachOptions', verbs: ['create', 'get'] },
  portforward: { kind: 'PodPortForwardOptions', verbs: ['create', 'get'] },
  binding: { kind: 'Binding', verbs: ['create'] },
  eviction: { group: 'policy', version: 'v1', kind: 'Eviction', verbs: ['create'] },
  token: { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest', verbs: ['create'] },
  finalize: { verbs: ['update'] },
  approval: { verbs: ['get', 'patch', 'update'] },
  ephemeralcontainers: { verbs: ['get', 'patch', 'update'] },
  resize: { verbs: ['get', 'patch', 'update'] },
};

interface GroupVersions {
  group: string;
  versions: { version: string; kinds: Kind[] }[];
}

/** Groups in the order of registration, versions with the preferred one first. */
export function groupsOf(kinds: KindRegistry): GroupVersions[] {
  const groups = new Map<string, Map<string, Kind[]>>();
  for (const kind of kinds.all()) {
    const { group, version } = kind.resource;
    const versions = groups.get(group) ?? new Map<string, Kind[]>();
    groups.set(group, versions);
    versions.set(version, [...(versions.get(version) ?? []), kind]);
  }
  return [...groups].map(([group, versions]) => ({
    group, versions: [...versions].map(([version, list]) => ({ version, kinds: list })).sort((a, b) => compareVersions(a.version, b.version)),
  }));
}

/** Kubernetes' order of versions: v2, v1, v1beta2, v1beta1, v1alpha1, then others by name. */
export function compareVersions(a: string, b: string): number {
  const rank = (version: string) => {
    const match = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(version);
    return match ? [match[2] === undefined ? 3 : match[2] === 'beta' ? 2 : 1, Number(match[1]), Number(match[3] ?? 0)] : [0, 0, 0];
  };
  const [x, y] = [rank(a), rank(b)];
  for (const i of [0, 1, 2]) if (x[i] !== y[i]) return (y[i] ?? 0) - (x[i] ?? 0);
  return a < b ? -1 : a > b ? 1 : 0;
}

const groupVersion = (group: string, version: string) => (group === '' ? version : `${group}/${version}`);

/** `/api/v1`, `/apis/apps/v1`; undefined when nothing is served there. */
export function resourceList(kinds: KindRegistry, group: string, version: string): object | undefined {
  const served = kinds.all().filter(({ resource: r }) => r.group === group && r.version === version);
  if (served.length === 0) return undefined;
  const resources = served.flatMap((kind) => [resourceEntry(kind), ...kind.subresources.map((name) => subresourceEntry(kind, name))]);
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: groupVersion(group, version), resources };
}

function resourceEntry(kind: Kind): object {
  return {
    name: kind.resource.plural, singularName: kind.singular, namespaced: kind.resource.namespaced, kind: kind.resource.kind, verbs: kind.verbs,
    ...(kind.shortNames.length > 0 ? { shortNames: kind.shortNames } : {}), ...(kind.categories.length > 0 ? { categories: kind.categories } : {}),
  };
}

function subresourceEntry(kind: Kind, name: string): object {
  const facts = SUBRESOURCES[name];
  return {
    name: `${kind.resource.plural}/${name}`, singularName: '', namespaced: kind.resource.namespaced,
    ...(facts?.group === undefined ? {} : { group: facts.group, version: facts.version }), kind: facts?.kind ?? kind.resource.kind, verbs: facts?.verbs ?? ['get'],
  };
}

/** `/api` */
export const coreVersions = (): object => ({ kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] });

/** `/apis` */
export function groupList(kinds: KindRegistry): object {
  return { kind: 'APIGroupList', apiVersion: 'v1', groups: groupsOf(kinds).filter(({ group }) => group !== '').map(groupEntry) };
}

/** `/apis/apps` */
export function groupDocument(kinds: KindRegistry, group: string): object | undefined {
  const found = groupsOf(kinds).find((entry) => entry.group === group);
  return found && { kind: 'APIGroup', apiVersion: 'v1', ...groupEntry(found) };
}

function groupEntry({ group, versions }: GroupVersions): object {
  const entries = versions.map(({ version }) => ({ groupVersion: groupVersion(group, version), version }));
  return { name: group, versions: entries, preferredVersion: entries[0] };
}

/** `/api` and `/apis` for clients that ask for `as=APIGroupDiscoveryList`. */
export function aggregatedDiscovery(kinds: KindRegistry, options: { core: boolean; version: string }): object {
  return {
    kind: 'APIGroupDiscoveryList', apiVersion: `apidiscovery.k8s.io/${options.version}`, metadata: {},
    items: groupsOf(kinds).filter(({ group }) => (group === '') === options.core).map(({ group, versions }) => ({
      metadata: { ...(group === '' ? {} : { name: group }), creationTimestamp: null },
      versions: versions.map(({ version, kinds: list }) => ({ version, freshness: 'Current', resources: list.map((kind) => aggregatedEntry(kind)) })),
    })),
  };
}

function aggregatedEntry(kind: Kind): object {
  const { resource: r } = kind;
  const responseKind = (facts: { group?: string; version?: string; kind?: string } | undefined) => ({ group: facts?.group ?? r.group, version: facts?.version ?? r.version, kind: facts?.kind ?? r.kind });
  return {
    resource: r.plural, responseKind: responseKind(undefined), scope: r.namespaced ? 'Namespaced' : 'Cluster', singularResource: kind.singular, verbs: kind.verbs,
    ...(kind.shortNames.length > 0 ? { shortNames: kind.shortNames } : {}), ...(kind.categories.length > 0 ? { categories: kind.categories } : {}),
    ...(kind.subresources.length > 0 ? { subresources: kind.subresources.map((name) => ({ subresource: name, responseKind: responseKind(SUBRESOURCES[name]), verbs: SUBRESOURCES[name]?.verbs ?? ['get'] })) } : {}),
  };
}
