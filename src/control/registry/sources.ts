import type { ConfigMap, Namespace } from 'kubernetes-types/core/v1.d.ts';
import { AuthorizationPolicies } from '../../api/authorization-policy.ts';
import { DestinationRules } from '../../api/destination-rule.ts';
import { EnvoyFilters } from '../../api/envoy-filter.ts';
import { Gateways } from '../../api/gateway.ts';
import { decodeMeshConfig, defaultMeshConfig, type MeshConfig } from '../../api/mesh-config.ts';
import { ProxyConfigs, type ProxyConfigObject } from '../../api/proxy-config.ts';
import { issueText } from '../../api/issue.ts';
import { PeerAuthentications } from '../../api/peer-authentication.ts';
import { RequestAuthentications } from '../../api/request-authentication.ts';
import { ServiceEntries, type ServiceEntry } from '../../api/service-entry.ts';
import { Sidecars } from '../../api/sidecar.ts';
import { Telemetries } from '../../api/telemetry.ts';
import { VirtualServices } from '../../api/virtual-service.ts';
import { WasmPlugins } from '../../api/wasm-plugin.ts';
import { WorkloadEntries, type WorkloadEntry } from '../../api/workload-entry.ts';
import { KINDS } from '../../api/kinds.ts';
import { resourceOf, type MeshObject } from '../../api/schema/kind.ts';
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { CreateInformer, Informer, InformerEvent } from '../../kube/informer.ts';
import { objectKey, type KubeObject, type Stored } from '../../kube/object.ts';
import { ConfigMaps, EndpointSlices, Namespaces, Nodes, Pods, Secrets, Services, type Resource } from '../../kube/resource.ts';
import { createJwksStore } from './jwks-store.ts';
import type { MeshSettings } from './model.ts';
import type { MeshInputs } from './snapshot.ts';
import { createModuleStore } from './wasm-modules.ts';

export interface SourcesDeps {
  readonly client: KubeClient;
  readonly createInformer: CreateInformer;
  readonly clock: Clock;
  readonly log: Log;
  /** Where the control plane lives, and the ConfigMap with its configuration. */
  readonly rootNamespace: string;
  /** Default `istio`. */
  readonly configMapName?: string;
  readonly clusterDomain: string;
  readonly clusterId: string;
  /** Percent, when the mesh configuration says nothing; default 1. */
  readonly traceSampling?: number;
}

export type SourceKind = 'config' | 'eds' | 'svc';

/** Everything that is watched, as one value that changes. */
export interface Sources {
  /** Resolves when everything has been listed once. */
  start(): Promise<void>;
  close(): Promise<void>;
  inputs(): MeshInputs;
  /** Called for each change after the start. */
  onChange(listener: (kind: SourceKind) => void): void;
  readonly namespaces: Informer<Namespace>;
  readonly serviceEntries: Informer<ServiceEntry>;
  readonly workloadEntries: Informer<WorkloadEntry>;
  meshConfig(): MeshConfig;
  /** An object of the mesh with its newest status, which `inputs` does not follow. */
  current(kind: string, key: string): Stored<MeshObject<unknown>> | undefined;
  /** What injection and nothing else depends on; the same array as long as nothing in it changed. */
  proxyConfigs(): readonly Stored<ProxyConfigObject>[];
}

/** A watched list whose array stays the same as long as nothing in it changes. */
class Watched<T extends KubeObject> {
  readonly resource: Resource<T>;
  readonly informer: Informer<T>;
  readonly kind: SourceKind;
  readonly #isOurs: boolean;
  /** Of kinds with a status of ours: the objects as they were before changes that are not changes of what they say. */
  readonly #kept = new Map<string, Stored<T>>();
  #list: readonly Stored<T>[] | undefined;

  constructor(resource: Resource<T>, informer: Informer<T>, kind: SourceKind) {
    this.resource = resource;
    this.informer = informer;
    this.kind = kind;
    this.#isOurs = KINDS.some((k) => k.group === resource.group && k.kind === resource.kind);
  }

  subscribe(changed: () => void): () => void {
    return this.informer.subscribe((event) => {
      if (this.#isOurs && !this.#matters(event)) return;
      this.#list = undefined;
      changed();
    });
  }

  /** A status that we write ourselves comes back as an event, and must not move anything. */
  #matters({ type, object }: InformerEvent<T>): boolean {
    const key = objectKey(object);
    const before = this.#kept.get(key);
    if (type === 'deleted') this.#kept.delete(key);
    else if (before && saysTheSame(before, object)) return false;
    else this.#kept.set(key, object);
    return true;
  }

  get list(): readonly Stored<T>[] {
    this.#list ??= this.#isOurs ? [...this.#kept.values()] : this.informer.list();
    return this.#list;
  }
}

/** The API server counts changes of the spec in the generation. */
function saysTheSame(before: Stored, after: Stored): boolean {
  const [{ metadata: a }, { metadata: b }] = [before, after];
  return telling(before) === telling(after) && a.uid === b.uid && a.generation !== undefined && a.generation === b.generation && a.deletionTimestamp === b.deletionTimestamp && sameTexts(a.labels, b.labels) && sameTexts(a.annotations, b.annotations);
}

/** The parts of a status that the mesh is made from: addresses that were given to an entry, and how a machine is. */
function telling({ status }: Stored & { status?: { addresses?: unknown; conditions?: readonly { type: string; status: string }[] } }): string {
  return JSON.stringify([status?.addresses, status?.conditions?.find((c) => c.type === 'Healthy')?.status]);
}

function sameTexts(a: Readonly<Record<string, string>> = {}, b: Readonly<Record<string, string>> = {}): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}

export function createSources(deps: SourcesDeps): Sources {
  const { client, createInformer, clock, log, rootNamespace } = deps;
  const watch = <T extends KubeObject>(resource: Resource<T>, kind: SourceKind, at: { namespace?: string; fieldSelector?: string } = {}) =>
    new Watched(resource, createInformer(resource, { client, clock, log, ...at }), kind);
  const watched = {
    services: watch(Services, 'svc'),
    endpointSlices: watch(EndpointSlices, 'eds'),
    pods: watch(Pods, 'eds'),
    nodes: watch(Nodes, 'eds'),
    namespaces: watch(Namespaces, 'config'),
    secrets: watch(Secrets, 'config'),
    virtualServices: watch(VirtualServices, 'config'),
    destinationRules: watch(DestinationRules, 'config'),
    gateways: watch(Gateways, 'config'),
    serviceEntries: watch(ServiceEntries, 'svc'),
    sidecars: watch(Sidecars, 'config'),
    workloadEntries: watch(WorkloadEntries, 'eds'),
    peerAuthentications: watch(PeerAuthentications, 'config'),
    requestAuthentications: watch(RequestAuthentications, 'config'),
    authorizationPolicies: watch(AuthorizationPolicies, 'config'),
    telemetries: watch(Telemetries, 'config'),
    envoyFilters: watch(EnvoyFilters, 'config'),
    wasmPlugins: watch(WasmPlugins, 'config'),
  };
  const proxyConfigs = watch(ProxyConfigs, 'config');
  const used = new Set([...Object.values(watched), proxyConfigs].map(({ resource }) => resource.kind));
  const untranslated = KINDS.filter(({ kind }) => !used.has(kind)).map((kind) => watch(resourceOf<MeshObject<unknown>>(kind), 'config'));
  const name = deps.configMapName ?? 'istio';
  const meshConfigs = watch(ConfigMaps, 'config', { namespace: rootNamespace, fieldSelector: `metadata.name=${name}` });
  const needed = [...Object.values(watched), meshConfigs, proxyConfigs];
  const all = [...needed, ...untranslated];
  let listener: (kind: SourceKind) => void = () => {};
  let isStarted = false;
  const base = defaultMeshConfig(rootNamespace);
  const defaults: MeshConfig = { ...base, defaultConfig: { ...base.defaultConfig, tracing: { ...base.defaultConfig.tracing, sampling: deps.traceSampling ?? 1 } } };
  let config = defaults;
  let readFrom: Stored<ConfigMap> | undefined;
  let settings: MeshSettings | undefined;

  const readConfig = (): MeshSettings => {
    const object = meshConfigs.list.find((c) => c.metadata.name === name);
    if (settings && object === readFrom) return settings;
    readFrom = object;
    const { value, issues } = decodeMeshConfig(object?.data?.['mesh'] ?? '', defaults);
    const isBad = issues.some((issue) => issue.severity === 'error');
    if (isBad) log.error('mesh configuration cannot be read; the last good one stays in force', { configMap: `${rootNamespace}/${name}`, issues });
    else {
      config = value;
      for (const issue of issues) log.warn('mesh configuration', { configMap: `${rootNamespace}/${name}`, issue: issueText(issue) });
    }
    settings = { config, clusterDomain: deps.clusterDomain, clusterId: deps.clusterId };
    return settings;
  };
  const keys = createJwksStore({ clock, log, changed: () => { if (isStarted) listener('config'); } });
  const modules = createModuleStore({ clock, log, changed: () => { if (isStarted) listener('config'); } });
  const stops: (() => void)[] = [];
  return {
    namespaces: watched.namespaces.informer,
    serviceEntries: watched.serviceEntries.informer,
    workloadEntries: watched.workloadEntries.informer,
    proxyConfigs: () => proxyConfigs.list,
    async start() {
      for (const w of all) stops.push(w.subscribe(() => { if (isStarted) listener(w.kind); }));
      // Whoever brought CRDs of his own may not have them all: nothing waits for a kind that nothing is made of.
      for (const w of untranslated) void w.informer.start();
      await Promise.all(needed.map((w) => w.informer.start()));
      // A plugin whose module is not known yet is not there, and no token fits keys that are not: proxies that have them already must
      // not lose them when this process starts anew.
      await Promise.all([modules.settled(watched.wasmPlugins.list), keys.settled(watched.requestAuthentications.list)]);
      isStarted = true;
    },
    async close() {
      for (const stop of stops.splice(0)) stop();
      keys.close();
      modules.close();
      await Promise.all(all.map((w) => w.informer.close()));
    },
    onChange: (next) => void (listener = next),
    meshConfig: () => readConfig().config,
    // Of our kinds every object is one.
    current: (kind, key) => all.find((w) => w.resource.kind === kind)?.informer.get(key) as Stored<MeshObject<unknown>> | undefined,
    inputs: () => ({
      settings: readConfig(),
      services: watched.services.list, endpointSlices: watched.endpointSlices.list, pods: watched.pods.list, nodes: watched.nodes.list,
      namespaces: watched.namespaces.list, secrets: watched.secrets.list, virtualServices: watched.virtualServices.list,
      destinationRules: watched.destinationRules.list, gateways: watched.gateways.list, serviceEntries: watched.serviceEntries.list,
      sidecars: watched.sidecars.list, workloadEntries: watched.workloadEntries.list, peerAuthentications: watched.peerAuthentications.list,
      requestAuthentications: watched.requestAuthentications.list, authorizationPolicies: watched.authorizationPolicies.list, telemetries: watched.telemetries.list, envoyFilters: watched.envoyFilters.list, wasmPlugins: watched.wasmPlugins.list,
      untranslated: new Map([...untranslated, proxyConfigs].map((w) => [w.resource.kind, w.list])),
      jwks: keys.of(watched.requestAuthentications.list),
      modules: modules.of(watched.wasmPlugins.list),
    }),
  };
}
