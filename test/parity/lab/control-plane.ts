/** The control plane of one side: snapshots of a YAML mesh, ADS for its proxies and SDS for Envoy, on a Unix socket. */
import { chmodSync } from 'node:fs';
import { fromBinary } from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import { systemClock } from '../../../src/base/clock.ts';
import { silentLog } from '../../../src/base/log.ts';
import { SnapshotBuilder } from '../../../src/control/registry/snapshot-builder.ts';
import type { LeftOut, MeshInputs } from '../../../src/control/registry/snapshot.ts';
import { createDiscovery, type ConnectedProxy, type Discovery } from '../../../src/control/serve/discovery.ts';
import { Generator } from '../../../src/control/generate/generator.ts';
import { createGrpcServer, type GrpcServer } from '../../../src/grpc/server.ts';
import { createPilotMetrics } from '../../../src/control/serve/metrics.ts';
import { secretService, type WorkloadCertificate } from '../../../src/control/serve/testing/secret-service.ts';
import { eventually } from '../../../src/testkit/eventually.ts';
import { ListenerSchema } from '../../../src/xds/generated/envoy/config/listener/v3/listener_pb.js';
import { HttpConnectionManagerSchema } from '../../../src/xds/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import type { EncodedResource } from '../../../src/xds/resource.ts';
import { shortType, TypeUrl } from '../../../src/xds/type-urls.ts';

export class ControlPlane {
  readonly socket: string;
  readonly #server: GrpcServer;
  readonly #builder: SnapshotBuilder;
  readonly #generator: Generator;
  readonly #discovery: Discovery;
  /** Names of the routes that a listener needs, by the listener's digest. */
  readonly #routeNames = new Map<string, readonly string[]>();

  private constructor(parts: { socket: string; server: GrpcServer; builder: SnapshotBuilder; generator: Generator; discovery: Discovery }) {
    this.socket = parts.socket;
    this.#server = parts.server;
    this.#builder = parts.builder;
    this.#generator = parts.generator;
    this.#discovery = parts.discovery;
  }

  static async start(socket: string, first: MeshInputs, certificateOf: (nodeId: string) => WorkloadCertificate): Promise<ControlPlane> {
    const builder = new SnapshotBuilder();
    const generator = new Generator(builder.build(first, Date.now()));
    const discovery = createDiscovery({ generator, metrics: createPilotMetrics('lab'), clock: systemClock, log: silentLog });
    const server = createGrpcServer({ services: [discovery.service(), secretService(certificateOf)] });
    await server.listen({ path: socket });
    // Proxies run as another user.
    chmodSync(socket, 0o777);
    return new ControlPlane({ socket, server, builder, generator, discovery });
  }

  push(inputs: MeshInputs): void {
    this.#discovery.push(this.#builder.build(inputs, Date.now()));
  }

  /** Resolves when every proxy has taken everything that is meant for it, and has asked for all that follows from it.
   * @throws Error when a proxy refuses something */
  async settled(proxies: number): Promise<void> {
    await eventually(() => {
      const connections = this.#discovery.connections();
      if (connections.length < proxies) throw new Error(`${connections.length} of ${proxies} proxies are connected`);
      for (const connection of connections) this.#check(connection);
    }, { timeoutMs: 15_000, everyMs: 2 });
    const refused = this.#discovery.connections().flatMap((c) => c.status().flatMap((s) => (s.error === undefined ? [] : [`${c.proxy.name} refused ${shortType(s.typeUrl)}: ${s.error}`])));
    if (refused.length > 0) throw new Error(refused.join('\n'));
  }

  /** Objects that could not be translated, with the reason. */
  get leftOut(): readonly LeftOut[] {
    return this.#generator.leftOut;
  }

  /** Digests of all that the proxies hold, by proxy, type and name. */
  digests(): Record<string, string> {
    const all: Record<string, string> = {};
    for (const { proxy } of this.#discovery.connections()) {
      for (const [name, version] of this.#held(proxy.name)) all[`${proxy.name} ${name}`] = version;
    }
    return Object.fromEntries(Object.entries(all).sort());
  }

  async close(): Promise<void> {
    this.#discovery.close();
    await this.#server.close();
  }

  #check(connection: ConnectedProxy): void {
    const { proxy } = connection;
    const status = new Map(connection.status().map((s) => [s.typeUrl, s]));
    if (connection.settledAt < this.#generator.snapshot.number) throw new Error(`${proxy.name} has not answered the newest snapshot`);
    const waiting = [...status.values()].find((s) => s.waiting);
    if (waiting) throw new Error(`${proxy.name} has not answered ${shortType(waiting.typeUrl)}`);
    for (const [typeUrl, count] of this.#expected(proxy.name)) {
      const held = status.get(typeUrl)?.names ?? 0;
      if (held !== count) throw new Error(`${proxy.name} holds ${held} of ${count} ${shortType(typeUrl)}`);
    }
  }

  #wanted(name: string): { clusters: readonly EncodedResource[]; listeners: readonly EncodedResource[]; endpoints: readonly string[]; routes: readonly string[] } {
    const proxy = this.#proxy(name);
    const clusters = [...this.#generator.resources(proxy, TypeUrl.Cluster, 'all').values()];
    const listeners = [...this.#generator.resources(proxy, TypeUrl.Listener, 'all').values()];
    const endpoints = [...new Set(clusters.flatMap((c) => (c.needsEndpoints === undefined ? [] : [c.needsEndpoints])))];
    return { clusters, listeners, endpoints, routes: [...new Set(listeners.flatMap((l) => this.#routesOf(l)))] };
  }

  #expected(name: string): ReadonlyMap<string, number> {
    const { clusters, listeners, endpoints, routes } = this.#wanted(name);
    return new Map([[TypeUrl.Cluster, clusters.length], [TypeUrl.Listener, listeners.length], [TypeUrl.Endpoints, endpoints.length], [TypeUrl.Route, routes.length]]);
  }

  #held(name: string): [string, string][] {
    const proxy = this.#proxy(name);
    const { clusters, listeners, endpoints, routes } = this.#wanted(name);
    const named = (typeUrl: string, names: readonly string[]) => [...this.#generator.resources(proxy, typeUrl, new Set(names)).values()];
    return [...clusters, ...listeners, ...named(TypeUrl.Endpoints, endpoints), ...named(TypeUrl.Route, routes)].map((r) => [`${shortType(r.typeUrl)} ${r.name}`, r.version]);
  }

  #proxy(name: string): ConnectedProxy['proxy'] {
    const found = this.#discovery.connections().find((c) => c.proxy.name === name);
    if (!found) throw new Error(`no proxy ${name} is connected`);
    return found.proxy;
  }

  #routesOf(listener: EncodedResource): readonly string[] {
    const known = this.#routeNames.get(listener.version);
    if (known) return known;
    const { filterChains, defaultFilterChain } = fromBinary(ListenerSchema, listener.value);
    const filters = [...filterChains, ...(defaultFilterChain ? [defaultFilterChain] : [])].flatMap((chain) => chain.filters);
    const names = filters.flatMap(({ configType }) => {
      const manager = configType.case === 'typedConfig' ? anyUnpack(configType.value, HttpConnectionManagerSchema) : undefined;
      return manager?.routeSpecifier.case === 'rds' ? [manager.routeSpecifier.value.routeConfigName] : [];
    });
    this.#routeNames.set(listener.version, names);
    return names;
  }
}
