import { ClusterSchema } from '../../xds/generated/envoy/config/cluster/v3/cluster_pb.js';
import { ListenerSchema, type Listener } from '../../xds/generated/envoy/config/listener/v3/listener_pb.js';
import { ResourceSet } from '../../xds/resource-set.ts';
import { Cell, sameItems } from '../registry/memo.ts';
import { serviceOrigins } from '../registry/model.ts';
import type { Origin } from '../registry/origin.ts';
import { CONFIG_PARTS, type ConfigPart, type LeftOut, type MeshSnapshot } from '../registry/snapshot.ts';
import { inboundPassthroughCluster } from '../translate/builtin-clusters.ts';
import { hostPolicy, type Context } from '../translate/context.ts';
import { buildInboundCluster } from '../translate/inbound-clusters.ts';
import { boundListenerName, buildBoundListener, buildInboundListener, inboundHost, inboundRoutePlans, inboundRoutesHead } from '../translate/inbound-listener.ts';
import { keepsHeaderCase } from '../translate/header-case.ts';
import { inboundPorts, type InboundPort } from '../translate/inbound-services.ts';
import { inboundCluster, VIRTUAL_INBOUND } from '../translate/names.ts';
import { buildOutboundListener } from '../translate/outbound-listeners.ts';
import type { Audience, SharedListeners } from './audience.ts';
import { encode } from './encode.ts';
import { moduleClusters } from './module-clusters.ts';
import { securityOrigins, sidecarOrigins, telemetryOrigins } from './origins.ts';
import { stableSecurity, stableTelemetry, type StableSecurity, type StableTelemetry } from './stable.ts';
import { runtimeResources } from './runtime-resource.ts';
import { securityExtensions } from './security-extensions.ts';
import { soleHostRoutes } from './virtual-hosts.ts';
import type { Made, Workshop } from './workshop.ts';

/** Parts of the mesh without influence on what stands behind a workload's own ports, and on what is put around them. A part that
 * is not named here makes everything again. */
const NOT_BEHIND_PORTS: readonly ConfigPart[] = ['services', 'routing', 'gateways', 'requestAuthentications', 'authorizationPolicies', 'telemetries', 'envoyFilters', 'jwks'];
const NOT_AROUND_PORTS: readonly ConfigPart[] = ['services', 'routing', 'gateways', 'hostPolicies', 'envoyFilters'];

/** Parts that a workload's own resources are not made from, or of which other things are looked at. */
const NOT_ITS_OWN: readonly ConfigPart[] = ['services', 'routing', 'gateways', 'envoyFilters'];

const partsBut = (snapshot: MeshSnapshot, left: readonly ConfigPart[]): unknown[] => CONFIG_PARTS.filter((part) => !left.includes(part)).map((part) => snapshot[part]);

/** What a sidecar gets because of its workload: where its own ports lead, who may call them, and listeners that bear its name.
 * Replicas share it. */
export class OwnResources {
  readonly #key: string;
  readonly #workshop: Workshop;
  readonly #ports = new Cell<readonly InboundPort[]>();
  readonly #clusters = new Cell<readonly Made[]>();
  readonly #listeners = new Cell<readonly Made[]>();
  readonly #plans = new Cell<OwnPlans>();
  readonly #apart = new Cell<Apart>();
  readonly #runtime = new Cell<readonly Made[]>();
  #snapshot: MeshSnapshot | undefined;
  #namespace: string | undefined;
  /** What it was made from. */
  #from: readonly unknown[] = [];
  #shared: SharedListeners | undefined;
  /** Number of the snapshot for which it was asked last. */
  usedAt = 0;
  clusters = ResourceSet.empty;
  listeners = ResourceSet.empty;
  /** Those that the listeners refer to, of a proxy that fetches them. */
  routes = ResourceSet.empty;
  extensions = ResourceSet.empty;
  runtime = ResourceSet.empty;
  /** Shared with other workloads. */
  sharedListeners = ResourceSet.empty;
  #made: readonly (readonly Made[])[] = [];
  #plansMade: OwnPlans | undefined;
  #portsMade: readonly InboundPort[] = [];
  #reports: readonly LeftOut[] = [];
  #reported: readonly LeftOut[] | undefined;

  constructor(key: string, workshop: Workshop) {
    this.#key = key;
    this.#workshop = workshop;
  }

  get reports(): readonly LeftOut[] {
    return this.#reports;
  }

  /** @param contextOf of any replica */
  update(snapshot: MeshSnapshot, audience: Audience, contextOf: () => Context): void {
    this.usedAt = snapshot.number;
    if (snapshot === this.#snapshot) return;
    this.#snapshot = snapshot;
    if (this.#shared) this.#shared.usedAt = snapshot.number;
    const { own, shared, hidden } = audience.outbound;
    const from = [audience, own, shared, hidden, this.#namespace === undefined ? undefined : snapshot.servicesByNamespace.get(this.#namespace), ...partsBut(snapshot, NOT_ITS_OWN)];
    if (sameItems(from, this.#from)) return;
    const context = contextOf();
    const { settings, scope, proxy } = context;
    this.#namespace = proxy.namespace;
    this.#from = from;
    const services = snapshot.servicesByNamespace.get(proxy.namespace);
    const ports = this.#ports.get([services, settings, scope.sidecar], () => (this.#portsMade = samePorts(this.#portsMade, inboundPorts(context))));
    const clusters = this.#clusters.get([ports, ...partsBut(snapshot, NOT_BEHIND_PORTS)], () => this.#makeClusters(ports, context));
    const plans = this.#plans.get(partsBut(snapshot, NOT_AROUND_PORTS), () => this.#plan(context));
    this.#shared = audience.sharedListeners(plans.client, plans.telemetries, context);
    this.sharedListeners = this.#shared.set;
    const listeners = this.#listeners.get([ports, plans, audience.outbound.own, settings, scope.outbound, scope.sidecar, snapshot.peerAuthentications], () => this.#makeListeners(ports, { context, audience, plans }));
    const apart = this.#apart.get([ports, plans, settings, scope.sidecar], () => (proxy.fetchesParts ? { routes: this.#makeRoutes(ports, { context, plans }), extensions: securityExtensions(this.#key, plans, this.#workshop) } : NOTHING_APART));
    const runtime = this.#runtime.get(partsBut(snapshot, NOT_AROUND_PORTS), () => runtimeResources(this.#key, { context, origins: plans.telemetries }, this.#workshop));
    this.routes = this.routes.become(apart.routes.flatMap((made) => made.resource ?? []));
    this.extensions = this.extensions.become(apart.extensions.flatMap((made) => made.resource ?? []));
    this.runtime = this.runtime.become(runtime.flatMap((made) => made.resource ?? []));
    if (this.#made[0] !== clusters) this.clusters = this.clusters.become(clusters.flatMap((made) => made.resource ?? []));
    if (this.#made[1] !== listeners) this.listeners = this.listeners.become(listeners.flatMap((made) => made.resource ?? []));
    if (this.#made[0] === clusters && this.#made[1] === listeners && this.#reported === plans.reports) return;
    this.#made = [clusters, listeners];
    this.#reported = plans.reports;
    this.#reports = [...[...clusters, ...listeners].flatMap((made) => made.reports), ...plans.reports];
  }

  #makeClusters(ports: readonly InboundPort[], context: Context): Made[] {
    const { proxy, settings, scope } = context;
    const passthrough = this.#workshop.make(`cluster InboundPassthrough ${keepsHeaderCase(context)}`, [settings], { kind: 'Cluster', namespace: '', name: 'InboundPassthroughCluster' }, () => encode(ClusterSchema, 'InboundPassthroughCluster', inboundPassthroughCluster(context)));
    return [
      passthrough,
      ...moduleClusters(context, this.#workshop),
      ...ports.map((port) => {
        const name = inboundCluster(port.port);
        const policy = port.service && hostPolicy(context, port.service);
        const origins = [...sidecarOrigins(context), ...(policy?.origins ?? []), ...(port.service ? serviceOrigins(port.service) : [])];
        const what = { kind: 'Service', namespace: proxy.namespace, name: port.service?.name ?? name, origins };
        return this.#workshop.make(`inbound ${this.#key} ${name}`, [port.service, port.protocol, port.endpoint, policy, scope.sidecar, settings], what, () => encode(ClusterSchema, name, buildInboundCluster(port, context), { origins }));
      }),
    ];
  }

  #makeRoutes(ports: readonly InboundPort[], { context, plans }: { context: Context; plans: OwnPlans }): Made[] {
    const { policies } = plans;
    return inboundRoutePlans(ports).map((plan) => {
      const name = plan.cluster;
      return this.#workshop.make(`routes ${this.#key} ${name}`, [context.settings, policies.join(), plan.operation, plan.servicePort], { kind: 'RouteConfiguration', namespace: context.proxy.namespace, name, origins: policies }, () =>
        soleHostRoutes(inboundRoutesHead(name), inboundHost(plan, context), policies));
    });
  }

  /** The same object as before when nothing in it differs. */
  #plan(context: Context): OwnPlans {
    const before = this.#plansMade;
    const { value, reports } = this.#workshop.noting(() => ({
      client: stableTelemetry(context, 'CLIENT', before?.client), server: stableTelemetry(context, 'SERVER', before?.server), security: stableSecurity(context, before?.security),
      telemetries: telemetryOrigins(context), policies: securityOrigins(context),
    }));
    const isSame = before?.client === value.client && before.server === value.server && before.security === value.security && before.telemetries.join() === value.telemetries.join() && before.policies.join() === value.policies.join();
    this.#plansMade = isSame ? Object.assign(before, { reports }) : { ...value, reports };
    return this.#plansMade;
  }

  #makeListeners(ports: readonly InboundPort[], parts: { context: Context; audience: Audience; plans: OwnPlans }): Made[] {
    const { context, audience, plans } = parts;
    const { settings, scope, snapshot, proxy } = context;
    const { client, server, security } = plans;
    const shape = JSON.stringify(ports.map((p) => [p.port, p.protocol, p.servicePort, p.service?.host, p.endpoint, p.bind, p.tls]));
    const make = (name: string, deps: readonly unknown[], at: { origins: readonly Origin[]; build: () => Listener }) =>
      this.#workshop.make(`listener ${this.#key} ${name}`, [settings, at.origins.join(), ...deps], { kind: 'Listener', namespace: proxy.namespace, name, origins: at.origins }, () => encode(ListenerSchema, name, at.build(), at));
    return [
      ...audience.outbound.own.map(({ plan, text }) => make(plan.name, [text, scope.outbound, client], { origins: [...plan.origins, ...plans.telemetries], build: () => buildOutboundListener(plan, context, client) })),
      make(VIRTUAL_INBOUND, [shape, snapshot.peerAuthentications, server, security], { origins: [...sidecarOrigins(context), ...plans.telemetries, ...plans.policies], build: () => buildInboundListener(ports, { context, telemetry: server, security }) }),
      ...ports.filter((port) => port.bind !== undefined).map((port) =>
        make(boundListenerName(port), [shape, snapshot.peerAuthentications, server, security], { origins: [...sidecarOrigins(context), ...plans.telemetries, ...plans.policies], build: () => buildBoundListener(port, { context, telemetry: server, security }) })),
    ];
  }
}

/** The older ones, when both say the same: most changes of a namespace's services concern other workloads. */
function samePorts(before: readonly InboundPort[], now: readonly InboundPort[]): readonly InboundPort[] {
  const facts = (ports: readonly InboundPort[]) => ports.flatMap(({ port, protocol, service, servicePort, endpoint, tls, bind }) => [port, protocol, service, servicePort, endpoint, tls, bind]);
  return sameItems(facts(before), facts(now)) ? before : now;
}

interface Apart {
  readonly routes: readonly Made[];
  readonly extensions: readonly Made[];
}

const NOTHING_APART: Apart = { routes: [], extensions: [] };

interface OwnPlans {
  readonly client: StableTelemetry;
  readonly server: StableTelemetry;
  readonly security: StableSecurity;
  readonly telemetries: readonly Origin[];
  readonly policies: readonly Origin[];
  reports: readonly LeftOut[];
}
