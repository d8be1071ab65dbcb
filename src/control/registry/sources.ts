import type { ConfigMap, Namespace } from 'kubernetes-types/core/v1.d.ts';
import { AuthorizationPolicies } from '../../api/authorization-policy.ts';
import { DestinationRules } from '../../api/destination-rule.ts';
import { Gateways } from '../../api/gateway.ts';
import { decodeMeshConfig, defaultMeshConfig, type MeshConfig } from '../../api/mesh-config.ts';
import { PeerAuthentications } from '../../api/peer-authentication.ts';
import { RequestAuthentications } from '../../api/request-authentication.ts';
import { ServiceEntries } from '../../api/service-entry.ts';
import { Sidecars } from '../../api/sidecar.ts';
import { Telemetries } from '../../api/telemetry.ts';
import { VirtualServices } from '../../api/virtual-service.ts';
import { WorkloadEntries } from '../../api/workload-entry.ts';
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { CreateInformer, Informer } from '../../kube/informer.ts';
import type { KubeObject, Stored } from '../../kube/object.ts';
import { ConfigMaps, EndpointSlices, Namespaces, Nodes, Pods, Secrets, Services, type Resource } from '../../kube/resource.ts';
import { createJwksStore } from './jwks-store.ts';
import type { MeshSettings } from './model.ts';
import type { MeshInputs } from './snapshot.ts';

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
  meshConfig(): MeshConfig;
}

/** A watched list whose array stays the same as long as nothing in it changes. */
class Watched<T extends KubeObject> {
  readonly informer: Informer<T>;
  readonly kind: SourceKind;
  #list: readonly Stored<T>[] | undefined;

  constructor(informer: Informer<T>, kind: SourceKind) {
    this.informer = informer;
    this.kind = kind;
  }

  subscribe(changed: () => void): () => void {
    return this.informer.subscribe(() => {
      this.#list = undefined;
      changed();
    });
  }

  get list(): readonly Stored<T>[] {
    this.#list ??= this.informer.list();
    return this.#list;
  }
}

export function createSources(deps: SourcesDeps): Sources {
  const { client, createInformer, clock, log, rootNamespace } = deps;
  const watch = <T extends KubeObject>(resource: Resource<T>, kind: SourceKind, at: { namespace?: string; fieldSelector?: string } = {}) =>
    new Watched(createInformer(resource, { client, clock, log, ...at }), kind);
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
  };
  const name = deps.configMapName ?? 'istio';
  const meshConfigs = watch(ConfigMaps, 'config', { namespace: rootNamespace, fieldSelector: `metadata.name=${name}` });
  const all = [...Object.values(watched), meshConfigs];
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
    else config = value;
    settings = { config, clusterDomain: deps.clusterDomain, clusterId: deps.clusterId };
    return settings;
  };
  const keys = createJwksStore({ clock, log, changed: () => { if (isStarted) listener('config'); } });
  const stops: (() => void)[] = [];
  return {
    namespaces: watched.namespaces.informer,
    async start() {
      for (const w of all) stops.push(w.subscribe(() => { if (isStarted) listener(w.kind); }));
      await Promise.all(all.map((w) => w.informer.start()));
      isStarted = true;
    },
    async close() {
      for (const stop of stops.splice(0)) stop();
      keys.close();
      await Promise.all(all.map((w) => w.informer.close()));
    },
    onChange: (next) => void (listener = next),
    meshConfig: () => readConfig().config,
    inputs: () => ({
      settings: readConfig(),
      services: watched.services.list, endpointSlices: watched.endpointSlices.list, pods: watched.pods.list, nodes: watched.nodes.list,
      namespaces: watched.namespaces.list, secrets: watched.secrets.list, virtualServices: watched.virtualServices.list,
      destinationRules: watched.destinationRules.list, gateways: watched.gateways.list, serviceEntries: watched.serviceEntries.list,
      sidecars: watched.sidecars.list, workloadEntries: watched.workloadEntries.list, peerAuthentications: watched.peerAuthentications.list,
      requestAuthentications: watched.requestAuthentications.list, authorizationPolicies: watched.authorizationPolicies.list, telemetries: watched.telemetries.list,
      jwks: keys.of(watched.requestAuthentications.list),
    }),
  };
}
