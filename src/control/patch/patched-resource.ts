/** Patches over resources as they are sent. What a client does not take of a patched resource is replaced by what it would be without
 * the patches: a bad EnvoyFilter takes nothing away. */
import { create, fromBinary, toBinary, type Message } from '@bufbuild/protobuf';
import { Cluster_DiscoveryType, type Cluster } from '../../xds/generated/envoy/config/cluster/v3/cluster_pb.js';
import { TrafficDirection } from '../../xds/generated/envoy/config/core/v3/base_pb.js';
import type { Listener } from '../../xds/generated/envoy/config/listener/v3/listener_pb.js';
import type { VirtualHost } from '../../xds/generated/envoy/config/route/v3/route_components_pb.js';
import type { RouteConfiguration } from '../../xds/generated/envoy/config/route/v3/route_pb.js';
import { messageTypes } from '../../xds/message-types.ts';
import { assemble, EncodedResource, type ResourcePart } from '../../xds/resource.ts';
import { TypeUrl } from '../../xds/type-urls.ts';
import { bytesField, concat } from '../../xds/wire.ts';
import type { Origin } from '../registry/origin.ts';
import { INBOUND_PASSTHROUGH_CLUSTER } from '../translate/names.ts';
import { patchCluster } from './clusters.ts';
import { patchListener } from './listeners.ts';
import type { GatewayPort, GatewayPorts } from './match.ts';
import { joined, NOTHING, Pass, type Outcome } from './pass.ts';
import { MESSAGE, typeOf, type Patch, type Situation } from './patch.ts';
import { patchHead, patchHosts } from './routes.ts';

export interface PatchedResource {
  /** Undefined: taken away. */
  readonly resource: EncodedResource | undefined;
  readonly outcome: Outcome;
}

export interface PatchesFor {
  readonly patches: readonly Patch[];
  readonly kind: 'sidecar' | 'router';
  /** Of a gateway. */
  readonly gatewayPorts: GatewayPorts;
  /** What came of virtual hosts, as long as they are there. */
  readonly parts: WeakMap<ResourcePart, PatchedPart>;
}

export function patchResource(resource: EncodedResource, by: PatchesFor): PatchedResource {
  const work = WORK[resource.typeUrl];
  return work ? work(resource, by) : { resource, outcome: NOTHING };
}

const WORK: Readonly<Record<string, (resource: EncodedResource, by: PatchesFor) => PatchedResource>> = {
  [TypeUrl.Cluster](resource, by) {
    const pass = new Pass(by.patches, by.kind === 'router' ? 'GATEWAY' : isInbound(resource.name) ? 'SIDECAR_INBOUND' : 'SIDECAR_OUTBOUND');
    const cluster = patchCluster(decode<Cluster>(MESSAGE.CLUSTER, resource.value), pass);
    return { outcome: pass, resource: cluster && (pass.changes === 0 ? resource : replaced(resource, encode(MESSAGE.CLUSTER, cluster), { pass, needsEndpoints: endpointsOf(cluster) })) };
  },
  [TypeUrl.Listener](resource, by) {
    const before = decode<Listener>(MESSAGE.LISTENER, resource.value);
    const situation: Situation = by.kind === 'router' ? 'GATEWAY' : before.trafficDirection === TrafficDirection.INBOUND ? 'SIDECAR_INBOUND' : 'SIDECAR_OUTBOUND';
    const pass = new Pass(by.patches, situation);
    const listener = patchListener(before, pass, by.gatewayPorts.get(resource.name)?.ports);
    return { outcome: pass, resource: listener && (pass.changes === 0 ? resource : replaced(resource, encode(MESSAGE.LISTENER, listener), { pass })) };
  },
  [TypeUrl.Route]: (resource, by) => patchTable(resource, by),
  [TypeUrl.VirtualHost](resource, by) {
    const table = resource.name.slice(0, resource.name.indexOf('/'));
    // What is added to the table stands in the table.
    const pass = new Pass(by.patches.filter((patch) => !addsHost(patch)), by.kind === 'router' ? 'GATEWAY' : 'SIDECAR_OUTBOUND');
    const [host] = patchHosts([decode<VirtualHost>(MESSAGE.VIRTUAL_HOST, resource.value)], { pass, name: table });
    return { outcome: pass, resource: host && (pass.changes === 0 ? resource : replaced(resource, encode(MESSAGE.VIRTUAL_HOST, host), { pass })) };
  },
};

/** Of clusters and routes. */
const isInbound = (name: string): boolean => name.startsWith('inbound|') || name === INBOUND_PASSTHROUGH_CLUSTER;

export const endpointsOf = ({ name, clusterDiscoveryType: type, edsClusterConfig }: Cluster): string | undefined =>
  type.case === 'type' && type.value === Cluster_DiscoveryType.EDS ? edsClusterConfig?.serviceName || name : undefined;

const originsOf = (outcome: Outcome): Origin[] => [...new Set(Array.from(outcome.applied, ({ origin }) => origin))];

/** A resource that is one part: who refuses it gets the one before. */
function replaced(resource: EncodedResource, bytes: Uint8Array, { pass, needsEndpoints }: { pass: Pass; needsEndpoints?: string }): EncodedResource {
  const { typeUrl, name, value } = resource;
  const added = originsOf(pass);
  return assemble({ typeUrl, name }, { head: EMPTY, list: [{ name: partName(name, bytes), origins: added, bytes, instead: () => value }] }, { origins: [...resource.origins, ...added], needsEndpoints });
}

const EMPTY = new Uint8Array();

/** Another for other content: in the place of a part that is refused stands what there is without patches, never an older patched one,
 * which knows nothing of what has changed since. */
const partName = (name: string, bytes: Uint8Array): string => `${name} patched ${new EncodedResource('', name, bytes).version}`;

/** Field number of RouteConfiguration.virtual_hosts. */
const VIRTUAL_HOSTS = 2;

/** A virtual host as the patches make it; without a part: taken away. */
export interface PatchedPart {
  readonly part: ResourcePart | undefined;
  readonly outcome: Outcome;
}

const addsHost = ({ place, operation }: Patch): boolean => place === 'VIRTUAL_HOST' && operation === 'ADD';

/** Host by host: of a table in which one has changed, one is patched anew. */
function patchTable(resource: EncodedResource, by: PatchesFor): PatchedResource {
  const { typeUrl, name, parts = { head: resource.value, list: [] } } = resource;
  const situation: Situation = by.kind === 'router' ? 'GATEWAY' : isInbound(name) ? 'SIDECAR_INBOUND' : 'SIDECAR_OUTBOUND';
  const gateway = by.gatewayPorts.get(name);
  const pass = new Pass(by.patches.filter((patch) => addsHost(patch) || patch.place === 'ROUTE_CONFIGURATION'), situation);
  const head = patchHead(decode<RouteConfiguration>(MESSAGE.ROUTE_CONFIGURATION, parts.head), pass, gateway);
  const isHeadPatched = pass.changes > 0;
  const hosts = parts.list.map((part) => patchPart(part, { name, gateway, situation, by }));
  const added = patchHosts([], { pass, name, gateway });
  const outcome = joined([pass, ...hosts.map((host) => host.outcome)]);
  if (pass.changes === 0 && hosts.every(({ part }, i) => part === parts.list[i])) return { resource, outcome };
  const bytes = isHeadPatched ? encode(MESSAGE.ROUTE_CONFIGURATION, head) : parts.head;
  const first: ResourcePart[] = isHeadPatched ? [{ name: partName('(routes)', bytes), origins: originsOf(pass), bytes, instead: () => parts.head }] : [];
  const more = added.map((host): ResourcePart => ({ name: host.name, origins: originsOf(pass), bytes: concat(bytesField(VIRTUAL_HOSTS, encode(MESSAGE.VIRTUAL_HOST, host))), instead: () => EMPTY }));
  const list = [...first, ...hosts.flatMap(({ part }) => part ?? []), ...more];
  return { outcome, resource: assemble({ typeUrl, name }, { head: isHeadPatched ? EMPTY : parts.head, list }, { origins: [...resource.origins, ...originsOf(outcome)] }) };
}

function patchPart(part: ResourcePart, at: { name: string; gateway: GatewayPort | undefined; situation: Situation; by: PatchesFor }): PatchedPart {
  const { name, gateway, situation, by } = at;
  const known = by.parts.get(part);
  if (known) return known;
  const pass = new Pass(by.patches.filter((patch) => !addsHost(patch)), situation);
  const [host] = patchHosts(decode<RouteConfiguration>(MESSAGE.ROUTE_CONFIGURATION, part.bytes).virtualHosts, { pass, name, gateway });
  const patched = { outcome: pass, part: pass.changes === 0 ? part : host && hostPart(host, part, originsOf(pass)) };
  by.parts.set(part, patched);
  return patched;
}

function hostPart(host: VirtualHost, before: ResourcePart, origins: readonly Origin[]): ResourcePart {
  const bytes = concat(bytesField(VIRTUAL_HOSTS, encode(MESSAGE.VIRTUAL_HOST, host)));
  return { name: partName(before.name, bytes), origins, bytes, instead: () => before.bytes };
}

/** What patches add beside what there is. */
export function addedResources(by: PatchesFor): { readonly resources: readonly EncodedResource[]; readonly outcome: Outcome } {
  const resources: EncodedResource[] = [];
  const passes = (by.kind === 'router' ? (['GATEWAY'] as const) : (['SIDECAR_OUTBOUND', 'SIDECAR_INBOUND'] as const)).map((situation) => new Pass(by.patches, situation));
  const done = new Set<Patch>();
  for (const pass of passes) {
    for (const { place, typeUrl } of ADDED) {
      for (const patch of pass.at(place)) {
        if (patch.operation !== 'ADD' || done.has(patch)) continue;
        done.add(patch);
        const made = pass.made<Named>(patch);
        // Only clusters have endpoints.
        if (made) resources.push(new EncodedResource(typeUrl, made.name, encode(MESSAGE[place], made), { origins: [patch.origin], ...(place === 'CLUSTER' ? { needsEndpoints: endpointsOf(made as unknown as Cluster) } : {}) }));
      }
    }
  }
  return { resources, outcome: { applied: new Set(passes.flatMap((p) => [...p.applied])), failed: new Map(passes.flatMap((p) => [...p.failed])), missed: new Map() } };
}

type Named = Message & { readonly name: string };

const ADDED = [{ place: 'CLUSTER', typeUrl: TypeUrl.Cluster }, { place: 'LISTENER', typeUrl: TypeUrl.Listener }, { place: 'EXTENSION_CONFIG', typeUrl: TypeUrl.ExtensionConfig }] as const;

// The registry finds the message by its name; its type is told by the caller.
const decode = <M extends Message>(type: string, bytes: Uint8Array): M => fromBinary(typeOf(type, messageTypes()), bytes) as Message as M;
function encode(type: string, message: Message): Uint8Array {
  const desc = typeOf(type, messageTypes());
  return toBinary(desc, message.$typeName === type ? message : create(desc, message));
}
