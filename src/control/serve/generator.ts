import { create } from '@bufbuild/protobuf';
import { errorText } from '../../base/errors.ts';
import { Cluster_DiscoveryType, ClusterSchema, type Cluster } from '../../xds/generated/envoy/config/cluster/v3/cluster_pb.js';
import { ClusterLoadAssignmentSchema } from '../../xds/generated/envoy/config/endpoint/v3/endpoint_pb.js';
import { ListenerSchema, type Listener } from '../../xds/generated/envoy/config/listener/v3/listener_pb.js';
import { RouteConfigurationSchema } from '../../xds/generated/envoy/config/route/v3/route_pb.js';
import { SecretSchema } from '../../xds/generated/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import type { NameSet } from '../../xds/name-set.ts';
import { encodeNameTable } from '../../xds/name-table.ts';
import { EncodedResource } from '../../xds/resource.ts';
import { ResourceSet } from '../../xds/resource-set.ts';
import { TypeUrl } from '../../xds/type-urls.ts';
import { DependencyMemo } from '../registry/memo.ts';
import { isHeadless, serviceOrigins } from '../registry/model.ts';
import { originOf, originsOf, parseOrigin, type Origin } from '../registry/origin.ts';
import { effectiveMtls, policiesFor } from '../registry/policies.ts';
import { buildScope, sidecarFor, type Scope } from '../registry/scope.ts';
import type { LeftOut, MeshSnapshot } from '../registry/snapshot.ts';
import { inboundPassthroughCluster, passthroughClusters } from '../translate/builtin-clusters.ts';
import { hostPolicy, type Context } from '../translate/context.ts';
import { buildAssignment } from '../translate/endpoints.ts';
import { buildEdgeListener } from '../translate/gateway-listeners.ts';
import { boundRules, planEdge, type EdgeChain, type EdgePlan } from '../translate/gateway-plan.ts';
import { edgeHosts } from '../translate/gateway-routes.ts';
import { buildInboundCluster } from '../translate/inbound-clusters.ts';
import { buildInboundListener } from '../translate/inbound-listener.ts';
import { inboundPorts } from '../translate/inbound-services.ts';
import { localityText } from '../translate/locality.ts';
import { serviceNames } from '../translate/name-table.ts';
import { inboundCluster, parseCluster, VIRTUAL_INBOUND, VIRTUAL_OUTBOUND } from '../translate/names.ts';
import { buildOutboundCluster, planClusters } from '../translate/outbound-clusters.ts';
import { buildOutboundListener, buildVirtualOutbound } from '../translate/outbound-listeners.ts';
import { planOutbound, type OutboundPlan } from '../translate/outbound-plan.ts';
import type { Proxy } from '../translate/proxy.ts';
import { buildSecret } from '../translate/secrets.ts';
import { buildSecurity, type Security } from '../translate/security.ts';
import { telemetryPlan, type Side, type TelemetryPlan } from '../translate/telemetry.ts';
import { encode } from './encode.ts';
import { fingerprintSecurity, fingerprintTelemetry } from './fingerprint.ts';
import { OriginIndex } from './origin-index.ts';
import { RouteEncoder } from './route-encoder.ts';

export type Resources = ReadonlyMap<string, EncodedResource>;

/** With a digest of the access logs alone. */
type StableTelemetry = TelemetryPlan & { readonly logs: string };

interface PlannedOutbound {
  readonly listeners: readonly { readonly plan: OutboundPlan; readonly text: string }[];
  readonly hidden: { readonly addresses: readonly string[]; readonly text: string };
}

/** Makes the resources of proxies out of the newest snapshot. What several proxies share is made and encoded once; what did
 * not change since the last snapshot is not made again. Not tied to connections. */
export class Generator {
  readonly #memo = new DependencyMemo<EncodedResource | undefined>();
  readonly #parts = new DependencyMemo<unknown>();
  readonly #routeEncoder = new RouteEncoder();
  /** Where to look for what was made from an object. */
  readonly origins = new OriginIndex();
  readonly #sets = new Map<string, ResourceSet>();
  /** Valid for one snapshot. */
  #shared = new Map<string, unknown>();
  #snapshot: MeshSnapshot;
  /** By the thing that was made without them; kept until it is made again. */
  readonly #left = new Map<string, readonly LeftOut[]>();
  /** What the thing that is being made reports. */
  #reports: LeftOut[] = [];

  constructor(snapshot: MeshSnapshot) {
    this.#snapshot = snapshot;
  }

  get snapshot(): MeshSnapshot {
    return this.#snapshot;
  }

  /** Objects that could not be translated, with the reason. */
  get leftOut(): LeftOut[] {
    const all = [...this.#snapshot.leftOut, ...[...this.#left.values()].flat()];
    return [...new Map(all.map((l) => [JSON.stringify(l), l])).values()];
  }

  use(snapshot: MeshSnapshot): void {
    this.#snapshot = snapshot;
    this.#shared = new Map();
    this.#memo.sweep(8);
    this.#parts.sweep(8);
    this.#routeEncoder.sweep();
  }

  contextOf(proxy: Proxy): Context {
    const { workloads, settings, sidecars } = this.#snapshot;
    const found = workloads.get(proxy.address);
    const workload = found?.namespace === proxy.namespace ? found : undefined;
    const labels = workload?.labels ?? proxy.labels;
    const sidecar = proxy.kind === 'sidecar' ? sidecarFor(sidecars, { namespace: proxy.namespace, labels }, settings.config.rootNamespace) : undefined;
    return { snapshot: this.#snapshot, settings, proxy, workload, labels, scope: this.#scope(proxy.namespace, sidecar), report: (object) => void this.#reports.push(object) };
  }

  /** What a proxy should hold now. Unknown names of endpoints and routes are answered with empty resources, so that nobody
   * waits for them. */
  resources(proxy: Proxy, typeUrl: string, names: ReadonlySet<string> | 'all'): Resources {
    const context = this.contextOf(proxy);
    switch (typeUrl) {
      case TypeUrl.Cluster:
        return picked(this.#clusters(context), names);
      case TypeUrl.Listener:
        return picked(this.#listeners(context), names);
      case TypeUrl.Endpoints:
        return named(names, (name) => this.#assignment(name, context));
      case TypeUrl.Route:
        return named(names, (name) => this.#routes(name, context));
      case TypeUrl.Secret:
        return named(names, (name) => this.#secret(name, context));
      case TypeUrl.NameTable:
        return picked(this.#names(context), names);
      default:
        return new Map();
    }
  }

  /** True when something that is made from the object is for the proxy: for those that have not got it yet. */
  wants(proxy: Proxy, origin: Origin): boolean {
    // Makes what was not made yet, so that the index knows it.
    this.resources(proxy, TypeUrl.Cluster, 'all');
    this.resources(proxy, TypeUrl.Listener, 'all');
    if (proxy.kind === 'sidecar' && this.contextOf(proxy).scope.routing.some((rules) => rules.origins.includes(origin))) return true;
    for (const [typeUrl, names] of this.origins.get(origin)) for (const made of this.resources(proxy, typeUrl, names).values()) if (made.origins.has(origin)) return true;
    return false;
  }

  /** The same as sets, for sessions. */
  sets(proxy: Proxy, typeUrl: string, names: NameSet): readonly ResourceSet[] {
    const context = this.contextOf(proxy);
    const who = this.#workloadKey(context);
    switch (typeUrl) {
      case TypeUrl.Cluster:
        return [this.#set(`clusters ${this.#audience(context)}`, () => this.#once(`clusters ${this.#audience(context)}`, () => this.#outboundClusters(context))), this.#set(`inbound clusters ${who}`, () => this.#inboundClusters(context))];
      case TypeUrl.Listener:
        return [this.#set(`listeners ${who}`, () => this.#listeners(context))];
      case TypeUrl.Endpoints:
        return [this.#set(`endpoints ${this.#audience(context)}`, () => named(endpointNames(this.#clusters(context)), (name) => this.#assignment(name, context)))];
      case TypeUrl.Route:
        return [this.#set(`routes ${this.#audience(context)} ${who} ${[...names].join()}`, () => named(new Set(names), (name) => this.#routes(name, context)))];
      case TypeUrl.Secret:
        return [this.#set(`secrets ${context.proxy.namespace} ${[...names].join()}`, () => named(new Set(names), (name) => this.#secret(name, context)))];
      case TypeUrl.NameTable:
        return [this.#set(`names ${context.proxy.kind} ${this.#namesKey(context)}`, () => this.#names(context))];
      default:
        return [];
    }
  }

  /** Nobody shall wait for endpoints and routes that do not exist. */
  absent(typeUrl: string, name: string): EncodedResource | undefined {
    if (typeUrl === TypeUrl.Endpoints) return this.#emptyAssignment(name);
    return typeUrl === TypeUrl.Route ? encode(RouteConfigurationSchema, name, create(RouteConfigurationSchema, { name })) : undefined;
  }

  #set(key: string, resources: () => Resources): ResourceSet {
    return this.#once(`set ${key}`, () => {
      const set = (this.#sets.get(key) ?? ResourceSet.empty).become(resources().values());
      this.#sets.set(key, set);
      return set;
    });
  }

  #scope(namespace: string, sidecar: Scope['sidecar']): Scope {
    const { services, routing, settings } = this.#snapshot;
    const key = `scope ${namespace} ${sidecar?.metadata.uid ?? ''}`;
    return this.#part(key, [services, routing, settings, sidecar], () => buildScope({ namespace, sidecar, services, routing, settings }));
  }

  #part<V>(key: string, deps: readonly unknown[], make: () => V): V {
    // The key decides the type: each kind of key is used with one `make`.
    return this.#parts.get(key, deps, make) as V;
  }

  #once<V>(key: string, make: () => V): V {
    if (!this.#shared.has(key)) this.#shared.set(key, make());
    // As above.
    return this.#shared.get(key) as V;
  }

  /** One object that cannot be translated must not keep others from their configuration. */
  #safely(key: string, what: Pick<LeftOut, 'kind' | 'namespace' | 'name'> & { readonly origins?: readonly Origin[] }, make: () => EncodedResource | undefined): EncodedResource | undefined {
    return this.#noting(key, () => {
      try {
        const made = make();
        if (made) this.origins.add(made);
        return made;
      } catch (error) {
        const { origins = [], ...thing } = what;
        const objects = origins.map(parseOrigin);
        this.#reports.push(...(objects.length > 0 ? objects : [thing]).map((object) => ({ ...object, reason: errorText(error) })));
        return undefined;
      }
    });
  }

  /** Keeps what is reported while something is made, until it is made again. */
  #noting<V>(key: string, make: () => V): V {
    const outer = this.#reports;
    const reports: LeftOut[] = [];
    this.#reports = reports;
    try {
      return make();
    } finally {
      this.#reports = outer;
      if (reports.length > 0) this.#left.set(key, reports);
      else this.#left.delete(key);
    }
  }

  #clusters(context: Context): Resources {
    return new Map([...this.#once(`clusters ${this.#audience(context)}`, () => this.#outboundClusters(context)), ...this.#inboundClusters(context)]);
  }

  #inboundClusters(context: Context): Resources {
    const { proxy, settings } = context;
    const all = new Map<string, EncodedResource>();
    if (proxy.kind === 'router') return all;
    const passthrough = this.#memo.get('cluster InboundPassthrough', [settings], () => encode(ClusterSchema, 'InboundPassthroughCluster', inboundPassthroughCluster(settings.config)));
    add(all, passthrough);
    for (const port of inboundPorts(context)) {
      const name = inboundCluster(port.port);
      const policy = port.service && hostPolicy(context, port.service);
      const key = `inbound ${this.#workloadKey(context)} ${name} ${port.endpoint?.startsWith('0.0.0.0') ? proxy.address : ''}`;
      const origins = [...sidecarOrigins(context), ...(policy?.origins ?? []), ...(port.service ? serviceOrigins(port.service) : [])];
      add(all, this.#memo.get(key, [port.service, port.protocol, port.endpoint, policy, context.scope.sidecar, settings], () =>
        this.#safely(key, { kind: 'Service', namespace: proxy.namespace, name: port.service?.name ?? name, origins }, () => encode(ClusterSchema, name, buildInboundCluster(port, context), { origins }))));
    }
    return all;
  }

  #outboundClusters(context: Context): Resources {
    const { settings, scope, proxy } = context;
    const all = new Map<string, EncodedResource>();
    for (const cluster of this.#part('passthrough', [settings], () => passthroughClusters(settings.config).map((c) => encode(ClusterSchema, c.name, c)))) add(all, cluster);
    for (const service of scope.services) {
      for (const plan of planClusters(context, service)) {
        const isDns = service.resolution === 'dns' || service.resolution === 'dns-round-robin';
        const endpoints = isDns ? context.snapshot.endpoints.get(service.key) : undefined;
        const key = `${proxy.kind} ${proxy.outcomes ?? ''} ${plan.name} ${service.key} ${plan.policy?.namespace}/${plan.policy?.name} ${isDns ? localityText(proxy.locality) : ''}`;
        const origins = [...serviceOrigins(service), ...(plan.policy?.origins ?? [])];
        add(all, this.#memo.get(key, [service, plan.policy, settings, plan.accounts.join(), plan.speaksMutualTls, endpoints], () =>
          this.#safely(key, { kind: 'Service', namespace: service.namespace, name: service.name, origins }, () => encodeCluster(buildOutboundCluster(plan, context), origins))));
      }
    }
    return all;
  }

  /** Proxies that see the same services and policies. Labels count only where some object depends on them. */
  #audience(context: Context): string {
    const { scope, proxy, labels } = context;
    const byLabels = this.#snapshot.hostPolicies.dependsOnLabels || scope.routing.some((r) => r.dependsOnLabels);
    return `${proxy.kind} ${scope.key} ${proxy.answersDns ? 'dns ' : ''}${[...proxy.lacks].join()} ${proxy.outcomes ?? ''} ${byLabels ? JSON.stringify(labels) : ''} ${localityText(proxy.locality)}`;
  }

  /** Replicas of one workload get the same listeners. */
  #workloadKey({ scope, proxy, labels, workload }: Context): string {
    const ports = workload ? [...workload.namedPorts] : [];
    const { locality } = proxy;
    return JSON.stringify([locality, proxy.kind, proxy.answersDns, proxy.interception, scope.key, proxy.namespace, labels, [...proxy.extensions], [...proxy.lacks], proxy.outcomes, proxy.workloadName, proxy.clusterId, proxy.workloadName === '' ? proxy.name : '', ports]);
  }

  #assignment(name: string, context: Context): EncodedResource {
    const { proxy, scope, settings, snapshot } = context;
    const at = parseCluster(name);
    const service = at && scope.byHost.get(at.host);
    if (!at || !service) return this.#emptyAssignment(name);
    const policy = hostPolicy(context, service);
    const failoverLabels = policy?.trafficPolicy?.loadBalancer?.localityLbSetting?.failoverPriority ? JSON.stringify(context.labels) : '';
    const key = `endpoints ${name} ${service.key} ${localityText(proxy.locality)} ${proxy.clusterId} ${policy?.namespace}/${policy?.name} ${failoverLabels}`;
    const endpoints = snapshot.endpoints.get(service.key);
    const origins = [...serviceOrigins(service), ...(policy?.origins ?? []), ...(endpoints?.origins ?? [])];
    const made = this.#memo.get(key, [endpoints, policy, snapshot.peerAuthentications, settings], () =>
      this.#safely(key, { kind: 'Service', namespace: service.namespace, name: service.name, origins }, () =>
        encode(ClusterLoadAssignmentSchema, name, buildAssignment({ name, service, port: { port: at.port }, subset: at.subset || undefined, policy }, context), { origins })));
    return made ?? this.#emptyAssignment(name);
  }

  #emptyAssignment(name: string): EncodedResource {
    return this.#part(`no endpoints ${name}`, [], () => encode(ClusterLoadAssignmentSchema, name, create(ClusterLoadAssignmentSchema, { clusterName: name })));
  }

  #routes(name: string, context: Context): EncodedResource {
    const { proxy, scope, settings } = context;
    const edge = proxy.kind === 'router' ? this.#edge(context) : undefined;
    const deps = [scope, this.#snapshot.hostPolicies, settings, edge];
    const key = `routes ${this.#audience(context)} ${edge ? JSON.stringify(context.labels) : ''} ${name}`;
    const made = this.#memo.get(key, deps, () =>
      this.#safely(key, { kind: 'RouteConfiguration', namespace: proxy.namespace, name }, () =>
        edge ? this.#routeEncoder.encodeEdge(name, edgeHosts(edge.routes.get(name), context)) : this.#routeEncoder.encode(name, context)));
    return made ?? encode(RouteConfigurationSchema, name, create(RouteConfigurationSchema, { name }));
  }

  #namesKey({ scope, proxy }: Context): string {
    return `${scope.key} ${proxy.answersDns} ${proxy.address.includes(':')}`;
  }

  /** One resource for each service, under its host. */
  #names(context: Context): Resources {
    if (context.proxy.kind === 'router') return new Map();
    const key = this.#namesKey(context);
    return this.#once(`names ${key}`, () => {
      const all = new Map<string, EncodedResource>();
      for (const service of context.scope.services) {
        const pods = isHeadless(service) ? context.snapshot.endpoints.get(service.key) : undefined;
        add(all, this.#memo.get(`names ${service.key} ${context.proxy.answersDns} ${context.proxy.address.includes(':')}`, [service, pods], () => {
          const table = serviceNames(service, context);
          return table.size > 0 ? new EncodedResource(TypeUrl.NameTable, service.host, encodeNameTable(table), { origins: serviceOrigins(service) }) : undefined;
        }));
      }
      return all;
    });
  }

  #edge(context: Context): EdgePlan {
    const { gateways, services } = this.#snapshot;
    const key = `edge ${context.proxy.namespace} ${JSON.stringify(context.labels)} ${context.workload ? '' : context.proxy.id}`;
    return this.#part(key, [gateways, services, this.#snapshot.settings], () => {
      const plan = planEdge(context);
      this.#left.set(key, plan.conflicts.map(({ server, reason }) => ({ kind: 'Gateway', namespace: server.namespace, name: server.name, reason })));
      return plan;
    });
  }

  #telemetry(context: Context, side: Side): StableTelemetry {
    const plan = telemetryPlan(context, side);
    const logs = fingerprintTelemetry({ accessLog: plan.accessLog, outcomes: plan.outcomes });
    return this.#part(`telemetry ${this.#workloadKey(context)} ${side}`, [fingerprintTelemetry(plan)], () => ({ ...plan, logs }));
  }

  #security(context: Context): Security {
    const { authorizationPolicies, requestAuthentications, settings, jwks } = this.#snapshot;
    const key = `security ${this.#workloadKey(context)}`;
    const built = this.#part(key, [authorizationPolicies, requestAuthentications, settings, jwks], () => this.#noting(key, () => buildSecurity(context)));
    return this.#part(`stable ${key}`, [fingerprintSecurity(built)], () => built);
  }

  #listeners(context: Context): Resources {
    return this.#once(`listeners ${this.#workloadKey(context)}`, () => (context.proxy.kind === 'router' ? this.#edgeListeners(context) : this.#sidecarListeners(context)));
  }

  /** The list is the same object as long as no listener differs, so that it need not be looked through for each proxy. */
  #outboundPlans(context: Context): PlannedOutbound {
    const audience = this.#audience(context);
    return this.#once(`outbound ${audience}`, () => {
      const { plans, hidden } = planOutbound(context);
      const planned: PlannedOutbound = { listeners: plans.map((plan) => ({ plan, text: JSON.stringify(plan) })), hidden: { addresses: hidden, text: hidden.join() } };
      return this.#part(`outbound ${audience}`, [planned.hidden.text, ...planned.listeners.map((p) => p.text)], () => planned);
    });
  }

  #sidecarListeners(context: Context): Resources {
    const { settings, snapshot, scope } = context;
    const who = this.#workloadKey(context);
    const client = this.#telemetry(context, 'CLIENT');
    const server = this.#telemetry(context, 'SERVER');
    const security = this.#security(context);
    const plans = this.#outboundPlans(context);
    const ports = inboundPorts(context);
    const shape = JSON.stringify(ports.map((p) => [p.port, p.protocol, p.servicePort, p.service?.host, p.endpoint]));
    const telemetries = originsOf('Telemetry', policiesFor(snapshot.telemetries, subjectOf(context), settings.config.rootNamespace));
    const policies = securityOrigins(context);
    return this.#part(`listeners ${who}`, [settings, scope.outbound, scope.sidecar, client, server, security, plans, shape, snapshot.peerAuthentications, telemetries.join(), policies.join()], () => {
      const all = new Map<string, EncodedResource>();
      const audience = `${this.#audience(context)} ${[...context.proxy.extensions].join()}`;
      const make = (key: string, deps: readonly unknown[], build: () => Listener, at: { name: string; origins: readonly Origin[] }) =>
        add(all, this.#memo.get(key, [...deps, at.origins.join()], () =>
          this.#safely(key, { kind: 'Listener', namespace: context.proxy.namespace, name: at.name, origins: at.origins }, () => encode(ListenerSchema, at.name, build(), at))));
      const { addresses, text: hidden } = plans.hidden;
      make(`${audience} ${VIRTUAL_OUTBOUND} ${client.logs}`, [settings, scope.outbound, hidden], () => buildVirtualOutbound(addresses, context, client), { name: VIRTUAL_OUTBOUND, origins: [...sidecarOrigins(context), ...telemetries] });
      for (const { plan, text } of plans.listeners) {
        // Spans are named after the workload, but TCP has none: those listeners are shared by all that log alike.
        const key = !hasHttp(plan) ? `${audience} ${plan.name} ${client.logs}` : `${who} ${plan.name}`;
        make(key, !hasHttp(plan) ? [text, settings, scope.outbound] : [text, settings, scope.outbound, client], () => buildOutboundListener(plan, context, client), { name: plan.name, origins: [...plan.origins, ...telemetries] });
      }
      make(`${who} ${VIRTUAL_INBOUND}`, [shape, settings, snapshot.peerAuthentications, server, security], () => buildInboundListener(ports, { context, telemetry: server, security }), { name: VIRTUAL_INBOUND, origins: [...sidecarOrigins(context), ...telemetries, ...policies] });
      return all;
    });
  }

  #edgeListeners(context: Context): Resources {
    const { settings, scope, proxy } = context;
    const all = new Map<string, EncodedResource>();
    const plan = this.#edge(context);
    const telemetry = this.#telemetry(context, 'CLIENT');
    const security = this.#security(context);
    const policies = [...originsOf('Telemetry', policiesFor(this.#snapshot.telemetries, subjectOf(context), settings.config.rootNamespace)), ...securityOrigins(context)];
    for (const listener of plan.listeners) {
      const name = `${listener.address}_${listener.port}`;
      const key = `${this.#workloadKey(context)} ${name}`;
      add(all, this.#memo.get(key, [listener, scope, settings, telemetry, security, policies.join()], () =>
        this.#safely(key, { kind: 'Listener', namespace: proxy.namespace, name }, () => {
          const made = buildEdgeListener(listener, { context, telemetry, security });
          return made && encode(ListenerSchema, name, made, { origins: [...listener.chains.flatMap((chain) => edgeOrigins(chain, context)), ...policies] });
        })));
    }
    return all;
  }

  /** A gateway gets secrets of its own namespace only. */
  #secret(name: string, context: Context): EncodedResource | undefined {
    if (context.proxy.kind !== 'router') return undefined;
    const { secrets } = this.#snapshot;
    return this.#memo.get(`secret ${context.proxy.namespace} ${name}`, [secrets], () => {
      const secret = buildSecret(name, context.proxy.namespace, secrets);
      return secret && encode(SecretSchema, name, secret);
    });
  }
}

const hasHttp = (plan: OutboundPlan): boolean => plan.http !== undefined || plan.chains.some((c) => c.http !== undefined);

function encodeCluster(cluster: Cluster, origins: readonly Origin[]): EncodedResource {
  const isEds = cluster.clusterDiscoveryType.case === 'type' && cluster.clusterDiscoveryType.value === Cluster_DiscoveryType.EDS;
  return encode(ClusterSchema, cluster.name, cluster, { origins, ...(isEds ? { needsEndpoints: cluster.name } : {}) });
}

const subjectOf = ({ proxy, labels }: Context) => ({ namespace: proxy.namespace, labels });

const sidecarOrigins = ({ scope }: Context): Origin[] => (scope.sidecar ? [originOf('Sidecar', scope.sidecar.metadata)] : []);

/** Gateways of a chain, and the VirtualServices that are bound to them. */
function edgeOrigins(chain: EdgeChain | undefined, context: Context): Origin[] {
  if (!chain) return [];
  return [...chain.servers.map((server) => originOf('Gateway', server)), ...boundRules(chain, context).flatMap(({ rules }) => rules.origins)];
}

function securityOrigins(context: Context): Origin[] {
  const { snapshot, settings } = context;
  const { rootNamespace } = settings.config;
  const subject = subjectOf(context);
  return [
    ...effectiveMtls(snapshot.peerAuthentications, subject, rootNamespace).origins,
    ...originsOf('RequestAuthentication', policiesFor(snapshot.requestAuthentications, subject, rootNamespace)),
    ...originsOf('AuthorizationPolicy', policiesFor(snapshot.authorizationPolicies, subject, rootNamespace)),
  ];
}

function add(into: Map<string, EncodedResource>, resource: EncodedResource | undefined): void {
  if (resource) into.set(resource.name, resource);
}

const endpointNames = (clusters: Resources): Set<string> => new Set([...clusters.values()].flatMap((c) => c.needsEndpoints ?? []));

function picked(all: Resources, names: ReadonlySet<string> | 'all'): Resources {
  if (names === 'all') return all;
  return new Map([...names].flatMap((name) => {
    const resource = all.get(name);
    return resource ? [[name, resource] as const] : [];
  }));
}

function named(names: ReadonlySet<string> | 'all', make: (name: string) => EncodedResource | undefined): Resources {
  const out = new Map<string, EncodedResource>();
  if (names !== 'all') for (const name of names) add(out, make(name));
  return out;
}
