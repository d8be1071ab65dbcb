import type { EndpointSlice } from 'kubernetes-types/discovery/v1.d.ts';
import type { DestinationRule } from '../../api/destination-rule.ts';
import { isError, issueText, type Issue } from '../../api/issue.ts';
import { KINDS } from '../../api/kinds.ts';
import type { Kind, MeshObject } from '../../api/schema/kind.ts';
import type { ServiceEntry } from '../../api/service-entry.ts';
import type { VirtualService } from '../../api/virtual-service.ts';
import type { KubeObject, Stored } from '../../kube/object.ts';
import { objectKey } from '../../kube/object.ts';
import { judge, type Verdict } from './acceptance.ts';
import { byAge } from './by-age.ts';
import { Discovered } from './discovered.ts';
import { indexEnvoyFilters } from './envoy-filters.ts';
import { indexHostPolicies, type HostPolicy, type HostPolicyIndex } from './destination-rules.ts';
import { sliceEndpoints, summed } from './endpoints.ts';
import { kubeService } from './kube-services.ts';
import { DependencyMemo, ObjectMemo, sameItems, Stable } from './memo.ts';
import { mergeServices } from './merge-services.ts';
import type { Endpoint, MeshService, MeshSettings, ServiceEndpoints, Share, Workload } from './model.ts';
import { originOf, type Origin } from './origin.ts';
import { acceptsMutualTls, type PeerAuthenticationIndex } from './policies.ts';
import { indexPolicies } from './policy-index.ts';
import { entryEndpoints, entryServices, machineOrigins, selectedEntries, type EntryBackends } from './service-entries.ts';
import { saidInVain } from './said-in-vain.ts';
import type { LeftOut, MeshInputs, MeshSnapshot } from './snapshot.ts';
import { keepSubsetsInUse } from './subsets-in-use.ts';
import { routingRules, type RoutingRules } from './virtual-services.ts';
import { pluginProblems } from './wasm-modules.ts';
import { indexWasmPlugins } from './wasm-plugins.ts';
import { nodeLocality, podWorkload } from './workloads.ts';

const SERVICE_NAME = 'kubernetes.io/service-name';

/** Makes snapshots, one after the other. Keeps what it derived before, so that the cost of a snapshot follows the size of
 * the change; derived things that come out equal keep their identity. */
export class SnapshotBuilder {
  readonly #discovered = new Discovered();
  readonly #indexes = new DependencyMemo<unknown>();
  readonly #verdicts = new ObjectMemo<Stored<MeshObject<unknown>>, Verdict>();
  readonly #services = new ObjectMemo<KubeObject, MeshService[]>();
  readonly #stableServices = new Stable<MeshService>();
  readonly #stableMerged = new Stable<MeshService>();
  readonly #shares = new DependencyMemo<readonly Share[]>();
  readonly #told = new DependencyMemo<MeshService>();
  readonly #podWorkloads = new ObjectMemo<KubeObject, { readonly made: Workload | undefined }>();
  readonly #stableWorkloads = new Stable<Workload>();
  readonly #stablePolicies = new Stable<HostPolicy>();
  readonly #stableRouting = new Stable<RoutingRules>();
  readonly #endpoints = new DependencyMemo<ServiceEndpoints>();
  readonly #listOf = new Map<string, readonly unknown[]>();
  #rulesBefore: readonly Stored<DestinationRule>[] = [];
  #count = 0;

  /** @param nowMs only for the version's text */
  build(all: MeshInputs, nowMs: number): MeshSnapshot {
    const given = this.#discovered.of(all);
    const objects = objectsOf(given);
    const judged = new Map([...objects].map(([kind, list]) => [kind, this.#judged(kind, list)] as const));
    const inputs = withUsable(given, judged);
    const leftOut: LeftOut[] = [...[...judged.values()].flatMap((j) => j.leftOut), ...this.#inVain(inputs), ...this.#index('modules', [inputs.wasmPlugins, inputs.modules], () => pluginProblems(inputs.wasmPlugins, inputs.modules))];
    const { settings } = inputs;
    const workloads = this.#workloads(inputs);
    const found = this.#meshServices(inputs, leftOut);
    const peerAuthentications = this.#index('peer', [inputs.peerAuthentications], () => indexPolicies(inputs.peerAuthentications));
    const endpoints = this.#allEndpoints(inputs, found, workloads);
    const services = this.#withShares(found, endpoints, { peerAuthentications, rootNamespace: settings.config.rootNamespace });
    const routing = this.#index('routing', [settings, inputs.virtualServices], () => this.#routing(inputs));
    const destinationRules = this.#destinationRules(inputs, routing, leftOut);
    this.#count += 1;
    const snapshot: MeshSnapshot = {
      version: `${new Date(nowMs).toISOString()}/${this.#count}`,
      number: this.#count,
      settings,
      services,
      servicesByNamespace: this.#index('by namespace', [services], () => this.#byNamespace(services)),
      workloads,
      endpoints,
      routing,
      hostPolicies: this.#index('hostPolicies', [settings, destinationRules], () => this.#hostPolicies(destinationRules, settings)),
      gateways: inputs.gateways,
      sidecars: inputs.sidecars,
      peerAuthentications,
      requestAuthentications: this.#index('request', [inputs.requestAuthentications], () => indexPolicies(inputs.requestAuthentications)),
      authorizationPolicies: this.#index('authorization', [inputs.authorizationPolicies], () => indexPolicies(inputs.authorizationPolicies)),
      telemetries: this.#index('telemetry', [inputs.telemetries], () => indexPolicies(inputs.telemetries)),
      envoyFilters: this.#index('envoy filters', [inputs.envoyFilters], () => indexEnvoyFilters(inputs.envoyFilters)),
      wasmPlugins: this.#index('wasm plugins', [inputs.wasmPlugins], () => indexWasmPlugins(inputs.wasmPlugins)),
      modules: inputs.modules,
      secrets: this.#index('secrets', [inputs.secrets], () => new Map(inputs.secrets.map((s) => [objectKey(s), s]))),
      jwks: inputs.jwks,
      objects: this.#index('objects', [...objects.values()], () => objects),
      issues: this.#index('issues', [...judged.values()], () => new Map([...judged.values()].flatMap((j) => [...j.issues]))),
      unusable: this.#index('unusable', [...judged.values()], () => new Set([...judged.values()].flatMap((j) => j.leftOut.map((l) => originOf(l.kind, l))))),
      leftOut,
    };
    this.#endpoints.sweep();
    return snapshot;
  }

  /** What can be used of a list; the list itself when that is all of it. */
  #judged(name: string, list: readonly Stored<MeshObject<unknown>>[]): Judged {
    return this.#index(`judged ${name}`, [list], () => {
      const kind = MESH_KINDS.get(name);
      if (!kind) return { usable: list, issues: new Map(), leftOut: [] };
      const verdicts = list.map((object) => ({ object, verdict: this.#verdicts.get(object, undefined, () => judge(kind, object)) }));
      const bad = verdicts.filter(({ verdict }) => !verdict.isUsable);
      return {
        usable: bad.length === 0 ? list : verdicts.filter(({ verdict }) => verdict.isUsable).map(({ object }) => object),
        issues: new Map(verdicts.filter(({ verdict }) => verdict.issues.length > 0).map(({ object, verdict }) => [originOf(name, object.metadata), verdict.issues])),
        leftOut: bad.map(({ object, verdict }) => ({ kind: name, namespace: object.metadata.namespace ?? '', name: object.metadata.name, reason: verdict.issues.filter(isError).map(issueText).join('; ') })),
      };
    });
  }

  /** What objects without a status of ours say in vain. */
  #inVain({ services, namespaces }: MeshInputs): readonly LeftOut[] {
    const of = <T extends KubeObject>(kind: string, list: readonly Stored<T>[]) => this.#index(`in vain ${kind}`, [list], () => list.flatMap((object) => saidInVain(kind, object)));
    return [...of('Service', services), ...of('Namespace', namespaces)];
  }

  #index<V>(name: string, deps: readonly unknown[], make: () => V): V {
    // The key decides the type: each name is used with one `make`.
    return this.#indexes.get(name, deps, make) as V;
  }

  /** The same array as last time when the items are the same. */
  #sameList<V>(name: string, items: readonly V[]): readonly V[] {
    const before = this.#listOf.get(name);
    // As above: one name, one type of items.
    if (before && sameItems(before, items)) return before as readonly V[];
    this.#listOf.set(name, items);
    return items;
  }

  #byNamespace(services: readonly MeshService[]): ReadonlyMap<string, readonly MeshService[]> {
    const groups = Map.groupBy(services, (service) => service.namespace);
    return new Map([...groups].map(([namespace, list]) => [namespace, this.#sameList(`services of ${namespace}`, list)]));
  }

  #workloads(inputs: MeshInputs): ReadonlyMap<string, Workload> {
    return this.#index('workloads', [inputs.pods, inputs.nodes], () => {
      const nodes = new Map(inputs.nodes.map((n) => [n.metadata.name, n]));
      const byAddress = new Map<string, Workload>();
      for (const pod of inputs.pods) {
        if (pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed') continue;
        const workload = this.#podWorkloads.get(pod, inputs.nodes, () => ({ made: podWorkload(pod, nodeLocality(nodes.get(pod.spec?.nodeName ?? ''))) })).made;
        if (workload) byAddress.set(workload.address, this.#stableWorkloads.keep(objectKey(pod), workload));
      }
      this.#stableWorkloads.turn();
      return byAddress;
    });
  }

  #meshServices(inputs: MeshInputs, leftOut: LeftOut[]): readonly MeshService[] {
    const { settings } = inputs;
    const all = this.#index('services', [settings, inputs.services, inputs.serviceEntries], () => {
      const kube = inputs.services.map((s) => this.#services.get(s, settings, () => [kubeService(s, settings)]));
      const entries = inputs.serviceEntries.map((e) => this.#services.get(e, settings, () => entryServices(e, settings)));
      const kept = [...kube, ...entries].flat().map((s) => this.#stableServices.keep(`${s.origin} ${s.key} ${s.name}`, s));
      this.#stableServices.turn();
      return kept.sort((a, b) => a.createdMs - b.createdMs || (a.key < b.key ? -1 : 1));
    });
    const merged = this.#index('merged', [all], () => {
      const left: LeftOut[] = [];
      const kept = mergeServices(all, (object) => void left.push(object)).map((s) => this.#stableMerged.keep(s.key, s));
      this.#stableMerged.turn();
      return { services: kept, left };
    });
    leftOut.push(...merged.left);
    return this.#sameList('services', merged.services);
  }

  /** Says of every port how many of its endpoints take mutual TLS. */
  #withShares(services: readonly MeshService[], endpoints: ReadonlyMap<string, ServiceEndpoints>, by: MutualTlsRules): readonly MeshService[] {
    const told = services.map((service) => {
      const found = endpoints.get(service.key);
      const shares = this.#shares.get(service.key, [service, found, by.peerAuthentications, by.rootNamespace], () => service.ports.map((port) => mutualTlsShare(found?.byPort.get(port.port) ?? [], by)));
      if (shares.every((share) => share === 'all')) return service;
      return this.#told.get(service.key, [service, shares.join()], () => ({ ...service, ports: service.ports.map((port, i) => ({ ...port, mutualTls: shares[i] ?? 'all' })) }));
    });
    this.#shares.sweep();
    this.#told.sweep();
    return this.#sameList('told services', told);
  }

  /** With the subsets that routes still ask for. */
  #destinationRules({ destinationRules, settings }: MeshInputs, routing: readonly RoutingRules[], leftOut: LeftOut[]): readonly Stored<DestinationRule>[] {
    const kept = this.#index('subsets in use', [settings, destinationRules, routing], () => keepSubsetsInUse(destinationRules, this.#rulesBefore, { routing, settings }));
    this.#rulesBefore = kept.rules;
    leftOut.push(...kept.leftOut);
    return kept.rules;
  }

  #hostPolicies(destinationRules: readonly Stored<DestinationRule>[], settings: MeshSettings): HostPolicyIndex {
    const index = indexHostPolicies(destinationRules, settings, (key, policy) => this.#stablePolicies.keep(key, policy));
    this.#stablePolicies.turn();
    return index;
  }

  #routing(inputs: MeshInputs): readonly RoutingRules[] {
    const byName = new Map(inputs.virtualServices.map((v) => [objectKey(v), v]));
    const delegate = (namespace: string, name: string): Stored<VirtualService> | undefined => byName.get(`${namespace}/${name}`);
    const rules: RoutingRules[] = [];
    for (const object of inputs.virtualServices.toSorted(byAge)) {
      const resolved = routingRules(object, inputs.settings, delegate);
      if (resolved) rules.push(this.#stableRouting.keep(objectKey(object), resolved));
    }
    this.#stableRouting.turn();
    return this.#sameList('routing', rules);
  }

  #allEndpoints(inputs: MeshInputs, services: readonly MeshService[], workloads: ReadonlyMap<string, Workload>): ReadonlyMap<string, ServiceEndpoints> {
    return this.#index('endpoints', [services, inputs.endpointSlices, workloads, inputs.workloadEntries, inputs.serviceEntries], () => {
      const slices = Map.groupBy(inputs.endpointSlices, (s) => `${s.metadata.namespace}/${s.metadata.labels?.[SERVICE_NAME]}`);
      const entries = new Map(inputs.serviceEntries.map((e) => [objectKey(e), e]));
      const backends: EntryBackends = { workloads: [...workloads.values()], entries: inputs.workloadEntries };
      return new Map(services.map((service) => {
        const own = service.entries.flatMap((name) => entries.get(`${service.namespace}/${name}`) ?? []);
        const parts = { slices: service.origin === 'Kubernetes' ? (slices.get(`${service.namespace}/${service.name}`) ?? []) : [], entries: own };
        return [service.key, this.#serviceEndpoints(service, parts, { workloads, backends })];
      }));
    });
  }

  #serviceEndpoints(service: MeshService, parts: { slices: readonly Stored<EndpointSlice>[]; entries: readonly Stored<ServiceEntry>[] }, from: { workloads: ReadonlyMap<string, Workload>; backends: EntryBackends }): ServiceEndpoints {
    const { slices, entries } = parts;
    const { workloads, backends } = from;
    const behind = slices.flatMap((s) => s.endpoints.map((e) => workloads.get(e.addresses[0] ?? '')));
    // Selectors of entries and of services find machines; those of entries find pods too.
    const machines = service.selector !== undefined || entries.some((e) => e.spec.workloadSelector) ? backends.entries : undefined;
    const pods = entries.some((e) => e.spec.workloadSelector) ? backends.workloads : [];
    return this.#endpoints.get(service.key, [service, ...slices, ...behind, ...entries, machines, ...pods], () =>
      summed(service, [
        sliceEndpoints(service, slices, (address) => workloads.get(address)),
        ...(service.origin === 'Kubernetes' ? [selectedEntries(service, backends.entries)] : []),
        ...entries.map((entry) => entryEndpoints(service, entry, backends)),
      ], machineOrigins(service, entries, backends.entries)));
  }
}

interface MutualTlsRules {
  readonly peerAuthentications: PeerAuthenticationIndex;
  readonly rootNamespace: string;
}

function mutualTlsShare(endpoints: readonly Endpoint[], by: MutualTlsRules): Share {
  const takers = endpoints.filter((e) => acceptsMutualTls(e, by.peerAuthentications, by.rootNamespace)).length;
  return takers === endpoints.length ? 'all' : takers === 0 ? 'none' : 'some';
}

interface Judged {
  readonly usable: readonly Stored<MeshObject<unknown>>[];
  readonly issues: ReadonlyMap<Origin, readonly Issue[]>;
  readonly leftOut: readonly LeftOut[];
}

const MESH_KINDS: ReadonlyMap<string, Kind> = new Map(KINDS.map((kind) => [kind.kind, kind]));

/** Where the objects of each kind stand in the inputs. */
const LISTS = {
  VirtualService: 'virtualServices', DestinationRule: 'destinationRules', Gateway: 'gateways', ServiceEntry: 'serviceEntries', Sidecar: 'sidecars', WorkloadEntry: 'workloadEntries',
  PeerAuthentication: 'peerAuthentications', RequestAuthentication: 'requestAuthentications', AuthorizationPolicy: 'authorizationPolicies', Telemetry: 'telemetries', EnvoyFilter: 'envoyFilters', WasmPlugin: 'wasmPlugins',
} as const satisfies Readonly<Record<string, keyof MeshInputs>>;

const objectsOf = (inputs: MeshInputs): Map<string, readonly Stored<MeshObject<unknown>>[]> =>
  new Map([...Object.entries(LISTS).map(([kind, list]) => [kind, inputs[list]] as const), ...inputs.untranslated]);

function withUsable(inputs: MeshInputs, judged: ReadonlyMap<string, Judged>): MeshInputs {
  const usable = Object.fromEntries(Object.entries(LISTS).map(([kind, list]) => [list, judged.get(kind)?.usable ?? inputs[list]]));
  // A part of a list has the type of the list.
  return { ...inputs, ...usable } as MeshInputs;
}

/** For tests and tools: one snapshot out of objects, without watching anything. */
export const snapshotOf = (inputs: MeshInputs): MeshSnapshot => new SnapshotBuilder().build(inputs, 0);
