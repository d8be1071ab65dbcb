import type { Secret, Namespace, Node, Pod, Service } from 'kubernetes-types/core/v1.d.ts';
import type { EndpointSlice } from 'kubernetes-types/discovery/v1.d.ts';
import type { AuthorizationPolicy } from '../../api/authorization-policy.ts';
import type { DestinationRule } from '../../api/destination-rule.ts';
import type { EnvoyFilter } from '../../api/envoy-filter.ts';
import type { Gateway } from '../../api/gateway.ts';
import type { PeerAuthentication } from '../../api/peer-authentication.ts';
import type { RequestAuthentication } from '../../api/request-authentication.ts';
import type { ServiceEntry } from '../../api/service-entry.ts';
import type { Sidecar } from '../../api/sidecar.ts';
import type { Telemetry } from '../../api/telemetry.ts';
import type { VirtualService } from '../../api/virtual-service.ts';
import type { WasmPlugin } from '../../api/wasm-plugin.ts';
import type { WorkloadEntry } from '../../api/workload-entry.ts';
import type { Issue } from '../../api/issue.ts';
import type { MeshObject } from '../../api/schema/kind.ts';
import type { Stored } from '../../kube/object.ts';
import type { HostPolicy, HostPolicyIndex } from './destination-rules.ts';
import type { EnvoyFilterIndex } from './envoy-filters.ts';
import type { WasmModules } from './wasm-modules.ts';
import type { WasmPluginIndex } from './wasm-plugins.ts';
import type { MeshService, MeshSettings, ServiceEndpoints, Workload } from './model.ts';
import type { Origin } from './origin.ts';
import type { AuthorizationIndex, PeerAuthenticationIndex, RequestAuthenticationIndex, TelemetryIndex } from './policies.ts';
import type { RoutingRules } from './virtual-services.ts';

/** Everything the control plane watches. A list whose objects did not change must be the same array as before. */
export interface MeshInputs {
  readonly settings: MeshSettings;
  readonly services: readonly Stored<Service>[];
  readonly endpointSlices: readonly Stored<EndpointSlice>[];
  readonly pods: readonly Stored<Pod>[];
  readonly nodes: readonly Stored<Node>[];
  readonly namespaces: readonly Stored<Namespace>[];
  readonly secrets: readonly Stored<Secret>[];
  readonly virtualServices: readonly Stored<VirtualService>[];
  readonly destinationRules: readonly Stored<DestinationRule>[];
  readonly gateways: readonly Stored<Gateway>[];
  readonly serviceEntries: readonly Stored<ServiceEntry>[];
  readonly sidecars: readonly Stored<Sidecar>[];
  readonly workloadEntries: readonly Stored<WorkloadEntry>[];
  readonly peerAuthentications: readonly Stored<PeerAuthentication>[];
  readonly requestAuthentications: readonly Stored<RequestAuthentication>[];
  readonly authorizationPolicies: readonly Stored<AuthorizationPolicy>[];
  readonly telemetries: readonly Stored<Telemetry>[];
  readonly envoyFilters: readonly Stored<EnvoyFilter>[];
  readonly wasmPlugins: readonly Stored<WasmPlugin>[];
  /** By kind: objects of the mesh of which no resources are made, which only get a status. */
  readonly untranslated: ReadonlyMap<string, readonly Stored<MeshObject<unknown>>[]>;
  /** Key sets by the address they were fetched from. */
  readonly jwks: ReadonlyMap<string, string>;
  readonly modules: WasmModules;
}

/** An object that could not be used, and why. It harms no other. */
export interface LeftOut {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** The rest of the object is in effect, this field is not: `spec.http[0].retries.backoff`. Shown in the object's status. */
  readonly field?: string;
  readonly reason: string;
}

/** The mesh at one moment, with indexes. Parts that did not change are the same objects as in the snapshot before. */
export interface MeshSnapshot {
  /** For humans: when it was made and its number. */
  readonly version: string;
  /** Counts up. */
  readonly number: number;
  readonly settings: MeshSettings;
  /** Oldest first. */
  readonly services: readonly MeshService[];
  /** The same in groups, each of which stays the same array as long as nothing in it changes. */
  readonly servicesByNamespace: ReadonlyMap<string, readonly MeshService[]>;
  readonly endpoints: ReadonlyMap<string, ServiceEndpoints>;
  /** By address. */
  readonly workloads: ReadonlyMap<string, Workload>;
  /** Oldest first. */
  readonly routing: readonly RoutingRules[];
  readonly hostPolicies: HostPolicyIndex;
  readonly gateways: readonly Stored<Gateway>[];
  readonly sidecars: readonly Stored<Sidecar>[];
  readonly peerAuthentications: PeerAuthenticationIndex;
  readonly requestAuthentications: RequestAuthenticationIndex;
  readonly authorizationPolicies: AuthorizationIndex;
  readonly telemetries: TelemetryIndex;
  readonly envoyFilters: EnvoyFilterIndex;
  readonly wasmPlugins: WasmPluginIndex;
  readonly modules: WasmModules;
  /** By `namespace/name`; only those that may hold certificates. */
  readonly secrets: ReadonlyMap<string, Stored<Secret>>;
  /** Key sets of token issuers, by address. */
  readonly jwks: ReadonlyMap<string, string>;
  /** By kind: every object of the mesh as it was read, also those that are left out. */
  readonly objects: ReadonlyMap<string, readonly Stored<MeshObject<unknown>>[]>;
  /** What is wrong with objects, or doubtful. Only of those that something is to be said of. */
  readonly issues: ReadonlyMap<Origin, readonly Issue[]>;
  /** Those that are left out as a whole because of their errors. */
  readonly unusable: ReadonlySet<Origin>;
  readonly leftOut: readonly LeftOut[];
}

/** Parts of a snapshot that configuration is made from. */
export const CONFIG_PARTS = ['settings', 'services', 'routing', 'hostPolicies', 'gateways', 'sidecars', 'peerAuthentications', 'requestAuthentications', 'authorizationPolicies', 'telemetries', 'envoyFilters', 'wasmPlugins', 'modules', 'jwks'] as const;
export type ConfigPart = (typeof CONFIG_PARTS)[number];

/** What differs between two snapshots. */
export interface SnapshotDiff {
  readonly config: ReadonlySet<ConfigPart>;
  /** Services that came, went or changed: as they were, and as they are. */
  readonly services: ReadonlySet<MeshService>;
  /** The same of VirtualServices. */
  readonly routing: ReadonlySet<RoutingRules>;
  /** The same of DestinationRules. */
  readonly hostPolicies: ReadonlySet<HostPolicy>;
  /** Services whose endpoints changed. */
  readonly endpoints: ReadonlySet<string>;
  /** Addresses of workloads that came, went or changed. */
  readonly workloads: ReadonlySet<string>;
  readonly secrets: ReadonlySet<string>;
}

export function diffSnapshots(before: MeshSnapshot, after: MeshSnapshot): SnapshotDiff {
  return {
    config: new Set(CONFIG_PARTS.filter((part) => before[part] !== after[part])),
    services: changedItems(before.services, after.services),
    routing: changedItems(before.routing, after.routing),
    hostPolicies: before.hostPolicies === after.hostPolicies ? new Set() : changedItems(allPolicies(before), allPolicies(after)),
    endpoints: changedKeys(before.endpoints, after.endpoints),
    workloads: changedKeys(before.workloads, after.workloads),
    secrets: changedKeys(before.secrets, after.secrets),
  };
}

const allPolicies = ({ hostPolicies }: MeshSnapshot): HostPolicy[] => [...hostPolicies.byNamespace.values()].flatMap((hosts) => [...hosts.values()].flat());

const changedItems = <T>(before: readonly T[], after: readonly T[]): Set<T> => (before === after ? new Set() : new Set(before).symmetricDifference(new Set(after)));

export const isEmptyDiff = (diff: SnapshotDiff): boolean => diff.config.size === 0 && diff.endpoints.size === 0 && diff.workloads.size === 0 && diff.secrets.size === 0;

function changedKeys<V>(before: ReadonlyMap<string, V>, after: ReadonlyMap<string, V>): Set<string> {
  const changed = new Set<string>();
  if (before === after) return changed;
  for (const [key, value] of after) if (before.get(key) !== value) changed.add(key);
  for (const key of before.keys()) if (!after.has(key)) changed.add(key);
  return changed;
}
