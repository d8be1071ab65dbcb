import { ListenerSchema } from '../../xds/generated/envoy/config/listener/v3/listener_pb.js';
import { ResourceSet } from '../../xds/resource-set.ts';
import { Cell } from '../registry/memo.ts';
import { CONFIG_PARTS, type LeftOut, type MeshSnapshot } from '../registry/snapshot.ts';
import type { GatewayPort, GatewayPorts } from '../patch/match.ts';
import type { Context } from '../translate/context.ts';
import { buildEdgeListener } from '../translate/gateway-listeners.ts';
import { planEdge, type EdgeChain, type EdgePlan } from '../translate/gateway-plan.ts';
import { edgeHosts } from '../translate/gateway-routes.ts';
import { guardsOf } from '../translate/guards.ts';
import { encode } from './encode.ts';
import { moduleClusters } from './module-clusters.ts';
import { sniClusters } from './outbound-resources.ts';
import { edgeOrigins, securityOrigins, telemetryOrigins } from './origins.ts';
import { runtimeResources } from './runtime-resource.ts';
import { securityExtensions } from './security-extensions.ts';
import { stableSecurity, stableTelemetry, type StableSecurity, type StableTelemetry } from './stable.ts';
import { noRoutes, routesResource, wholeHost } from './virtual-hosts.ts';
import type { Made, Workshop } from './workshop.ts';

const PARTS = CONFIG_PARTS.filter((part) => part !== 'envoyFilters');

interface Plan extends EdgePlan {
  readonly ports: GatewayPorts;
  readonly reports: readonly LeftOut[];
}

/** Listeners and routes of a gateway. There are few gateways: each change of the configuration plans them anew, and content
 * tells what differs. */
export class EdgeResources {
  readonly #key: string;
  readonly #workshop: Workshop;
  readonly #plan = new Cell<Plan>();
  readonly #all = new Cell<readonly LeftOut[]>();
  #snapshot: MeshSnapshot | undefined;
  /** Number of the snapshot for which it was asked last. */
  usedAt = 0;
  #telemetry: StableTelemetry | undefined;
  #security: StableSecurity | undefined;
  /** Besides those of every client. */
  clusters = ResourceSet.empty;
  listeners = ResourceSet.empty;
  routes = ResourceSet.empty;
  extensions = ResourceSet.empty;
  runtime = ResourceSet.empty;
  reports: readonly LeftOut[] = [];
  /** What its listeners and routes are for. */
  ports: GatewayPorts = new Map();

  constructor(key: string, workshop: Workshop) {
    this.#key = key;
    this.#workshop = workshop;
  }

  /** @param contextOf of any replica */
  update(snapshot: MeshSnapshot, contextOf: () => Context): void {
    this.usedAt = snapshot.number;
    if (snapshot === this.#snapshot) return;
    this.#snapshot = snapshot;
    const context = contextOf();
    this.reports = this.#all.get([context.workload?.namedPorts, ...PARTS.map((part) => snapshot[part])], () => this.#make(context));
  }

  #make(context: Context): LeftOut[] {
    const { snapshot } = context;
    const plan = this.#plan.get([snapshot.gateways, snapshot.services, snapshot.settings, context.workload?.namedPorts], () => {
      const made = planEdge(context);
      return { ...made, ports: portsOf(made), reports: made.conflicts.map(({ server, reason }) => ({ kind: 'Gateway', namespace: server.namespace, name: server.name, reason })) };
    });
    this.ports = plan.ports;
    const { value: made, reports } = this.#workshop.noting(() => [this.#makeListeners(plan, context), this.#makeRoutes(plan, context), this.#makeClusters(plan, context)] as const);
    const [listeners, routes, clusters] = made;
    this.clusters = this.clusters.become(clusters.flatMap((m) => m.resource ?? []));
    this.listeners = this.listeners.become(listeners.flatMap((m) => m.resource ?? []));
    this.extensions = this.extensions.become((this.#security ? securityExtensions(this.#key, { security: this.#security, policies: securityOrigins(context) }, this.#workshop) : []).flatMap((m) => m.resource ?? []));
    this.runtime = this.runtime.become(runtimeResources(this.#key, { context, origins: telemetryOrigins(context) }, this.#workshop).flatMap((m) => m.resource ?? []));
    this.routes = this.routes.become(routes.flatMap((m) => m.resource ?? []));
    return [...plan.reports, ...reports, ...[...listeners, ...routes, ...clusters].flatMap((m) => m.reports)];
  }

  #makeListeners(plan: EdgePlan, context: Context): Made[] {
    const { settings, scope, proxy } = context;
    const telemetry = (this.#telemetry = stableTelemetry(context, 'CLIENT', this.#telemetry));
    const security = (this.#security = stableSecurity(context, this.#security));
    const policies = [...telemetryOrigins(context), ...securityOrigins(context)];
    return plan.listeners.map((listener) => {
      const name = `${listener.address}_${listener.port}`;
      return this.#workshop.make(`listener ${this.#key} ${name}`, [listener, scope, settings, telemetry, security, policies.join()], { kind: 'Listener', namespace: proxy.namespace, name }, () => {
        const made = buildEdgeListener(listener, { context, telemetry, security });
        return made && encode(ListenerSchema, name, made, { origins: [...listener.chains.flatMap((chain) => edgeOrigins(chain, context)), ...policies] });
      });
    });
  }

  #makeClusters(plan: EdgePlan, context: Context): Made[] {
    const modules = moduleClusters(context, this.#workshop);
    if (!plan.listeners.some(({ chains }) => chains.some(({ kind }) => kind === 'sni-dnat'))) return modules;
    return [...modules, ...context.scope.services.flatMap((service) => sniClusters(service, context, this.#workshop))];
  }

  #makeRoutes(plan: EdgePlan, context: Context): Made[] {
    const { settings, scope, snapshot, proxy } = context;
    const guards = guardsOf(context).join();
    return [...plan.routes.keys()].map((name) => {
      const what = { kind: 'RouteConfiguration', namespace: proxy.namespace, name };
      const made = this.#workshop.make(`routes ${this.#key} ${name}`, [scope, snapshot.hostPolicies, settings, plan, guards], what, () => routesResource(name, edgeHosts(name, plan, context).map(({ host, origins }) => wholeHost(host, origins))));
      return made.resource ? made : { ...made, resource: noRoutes(name) };
    });
  }
}

function portsOf({ listeners, routes }: EdgePlan): GatewayPorts {
  const of = (chains: readonly EdgeChain[]): GatewayPort => ({
    ports: new Set(chains.map((chain) => chain.serverPort)),
    portNames: new Set(chains.flatMap((chain) => chain.servers.map(({ server }) => server.port.name))),
    gateways: new Set(chains.flatMap((chain) => chain.servers.map(({ gateway }) => gateway))),
  });
  return new Map([...listeners.map((listener) => [`${listener.address}_${listener.port}`, of(listener.chains)] as const), ...[...routes].map(([name, chain]) => [name, of([chain])] as const)]);
}
