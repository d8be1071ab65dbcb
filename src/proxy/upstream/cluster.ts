/** A cluster at work: its hosts, who gets the next request, and the connections to them. */
import { isIP } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import type { JsonObject } from '@bufbuild/protobuf';
import type { Clock, Timer } from '../../base/clock.ts';
import { formatAddress } from '../net/format-address.ts';
import { createTlsContextHolder } from '../net/tls-context.ts';
import type { ClusterState, SocketAddress } from '../runtime-contract.ts';
import type { SecretSource } from '../secret-source.ts';
import type { SharedSlot, SharedState } from '../threads/shared-state.ts';
import { type Breakers, OwnBreakers, SharedBreakers } from './breakers.ts';
import { Host, type HostConfig, NO_LOCALITY } from './host.ts';
import { HostPool } from './host-pool.ts';
import type { UpstreamProtocol } from './pool-settings.ts';
import { HostSet } from './host-set.ts';
import type { Hash64 } from './hash.ts';
import { NamedHosts } from './named-hosts.ts';
import { createOutlierDetector, NO_DETECTION, type OutlierDetector } from './outlier.ts';
import { type OutlierMemory, OwnMemory, SharedMemory } from './outlier-memory.ts';
import { resolveHosts } from './dns.ts';
import type { ClusterSettings, TransportSettings } from './settings.ts';
import { createTlsTransport } from './tls-transport.ts';
import { type ConnectTarget, createRawTransport, type UpstreamTransport } from './transport.ts';

export interface ClusterDeps {
  readonly clock: Clock;
  readonly random: () => number;
  readonly secrets: SecretSource;
  /** With other threads that have the same clusters. */
  readonly shared?: SharedState;
}

export interface HostChoice {
  readonly hash?: Hash64;
  /** Hosts that were picked and not wanted before, for the same try. */
  readonly attempt?: number;
  /** Where the client wanted to go, for ORIGINAL_DST. */
  readonly originalDestination?: SocketAddress;
  /** Value of the header that overrides it. */
  readonly destinationHeader?: string;
  /** `name[:port]` that is asked for, for clusters that know their hosts by name. */
  readonly name?: string;
}

export interface PoolRequest {
  readonly protocol: string;
  readonly authority: string;
}

/** On whose behalf a connection is made. */
export interface PoolClient {
  readonly remote: SocketAddress;
  readonly originalDestination: SocketAddress;
}

const SWEEP_MS = 5000;

export class UpstreamCluster {
  settings: ClusterSettings;
  readonly breakers: Breakers;
  outliers: OutlierDetector;
  readonly #deps: ClusterDeps;
  readonly #raw: UpstreamTransport;
  readonly #transport: UpstreamTransport;
  readonly #named: NamedHosts | undefined;
  readonly #matched: { match: JsonObject; transport: UpstreamTransport }[];
  #set: HostSet;
  #hosts = new Map<string, Host>();
  #overprovisioning: number | undefined;
  #sweep: Timer | undefined;
  #stopDns: (() => void) | undefined;
  #closed = false;
  /** What is open of it in all threads. */
  readonly #slot: SharedSlot | undefined;
  readonly #version: string;
  #warm: boolean;
  #onWarm: (() => void)[] = [];

  /** @param version tells it from others of its name: threads that have the same one share its limits */
  constructor(settings: ClusterSettings, deps: ClusterDeps, version = '') {
    this.settings = settings;
    this.#deps = deps;
    this.#version = version;
    this.#slot = deps.shared?.slots.acquire(`cluster ${settings.name} ${version}`);
    this.breakers = this.#slot ? new SharedBreakers(settings.limits, this.#slot) : new OwnBreakers(settings.limits);
    this.#set = this.#makeSet();
    this.#raw = createRawTransport(deps.clock);
    this.#transport = this.#makeTransport(settings.transport);
    this.#matched = settings.transportMatches.map((entry) => ({ match: entry.match, transport: this.#makeTransport(entry.transport) }));
    this.outliers = this.#makeDetector();
    this.#named = settings.discovery.kind === 'named' ? new NamedHosts(deps.clock, settings.discovery.family) : undefined;
    this.#warm = settings.discovery.kind === 'static' || this.#makesHosts;
    if (settings.discovery.kind === 'static') this.setHosts(settings.endpoints, settings.overprovisioning);
    if (settings.discovery.kind === 'dns') this.#stopDns = resolveHosts(settings.endpoints, settings.discovery, { clock: deps.clock, found: (hosts) => this.setHosts(hosts, settings.overprovisioning) });
  }

  /** Takes settings that differ only in who gets a request: connections, hosts and what is known of them stay.
   * @param settings see connectsAlike */
  reconfigure(settings: ClusterSettings): void {
    const { outlier } = this.settings;
    this.settings = settings;
    this.breakers.limits = settings.limits;
    this.#set = this.#makeSet();
    if (!isDeepStrictEqual(outlier, settings.outlier)) {
      this.outliers.close();
      for (const host of this.#hosts.values()) {
        if (this.#deps.shared) host.keepIn(this.#memory(host.key));
        host.pardon();
      }
      this.outliers = this.#makeDetector();
    }
    this.#rebuild();
  }

  #makeSet(): HostSet {
    return new HostSet(this.settings, { random: this.#deps.random, now: () => this.#deps.clock.monotonic() });
  }

  #makeDetector(): OutlierDetector {
    const { clock, random } = this.#deps;
    const { outlier } = this.settings;
    return outlier ? createOutlierDetector(outlier, { clock, random, hosts: () => [...this.#hosts.values()], changed: () => {
      this.#rebuild();
      this.#deps.shared?.tellEjections(this.name);
    } }) : NO_DETECTION;
  }

  #memory(host: string): OutlierMemory {
    const slot = this.settings.outlier && this.#deps.shared?.slots.acquire(`host ${this.name} ${this.#version} ${host}`);
    return slot ? new SharedMemory(slot) : new OwnMemory();
  }

  /** Another thread has ejected hosts, or let them in again. */
  takeEjections(): void {
    this.#rebuild();
  }

  /** Hosts come to be as they are asked for. */
  get #makesHosts(): boolean {
    return this.#named !== undefined || this.settings.discovery.kind === 'original-dst';
  }

  get name(): string {
    return this.settings.name;
  }

  /** Knows its hosts (there may be none). */
  get warm(): boolean {
    return this.#warm;
  }

  whenWarm(run: () => void): void {
    if (this.#warm) run();
    else this.#onWarm.push(run);
  }

  /** Its name is being looked up for the first time: who calls now waits for `whenWarm`, which comes whatever is found, or with the
   * cluster's end. Envoy does not know such a cluster yet, and answers 503. */
  get isLookedUp(): boolean {
    return !this.#warm && !this.#closed && this.settings.discovery.kind === 'dns';
  }

  /** Replaces the hosts; those that stay keep their connections, counters and ejections.
   * @param overprovisioning percent; default 140 */
  setHosts(configs: readonly HostConfig[], overprovisioning?: number): void {
    this.#overprovisioning = overprovisioning;
    const next = new Map<string, Host>();
    for (const config of configs) {
      const key = formatAddress(config.address);
      const known = this.#hosts.get(key);
      const transport = this.#transportFor(config);
      if (known) {
        if (known.transport !== transport) dropPools(known);
        known.config = config;
        known.transport = transport;
        next.set(key, known);
      } else {
        next.set(key, new Host(config, transport, this.#memory(key)));
      }
    }
    for (const [key, host] of this.#hosts) {
      if (next.has(key)) continue;
      host.removed = true;
      host.leave();
      dropPools(host);
    }
    this.#hosts = next;
    this.#rebuild();
    if (this.#warm) return;
    this.#warm = true;
    this.#tellWaiting();
  }

  /** @returns undefined when no host is fit */
  pick(choice: HostChoice): Host | undefined {
    if (this.#named) return this.#namedHost(this.#named, choice.name);
    if (this.settings.discovery.kind === 'original-dst') return this.#originalDestination(choice);
    return this.#set.pick(choice.hash, choice.attempt ?? 0);
  }

  /** A healthy host that is none of these and at which somebody was found lately; of the first priority that has one. */
  pickOther(tried: readonly Host[]): Host | undefined {
    if (this.#makesHosts) return undefined;
    const now = this.#deps.clock.monotonic();
    const others = [...this.#hosts.values()].filter((host) => host.healthy && host.unreachableUntil <= now && !tried.includes(host));
    const first = Math.min(...others.map((host) => host.config.priority));
    const near = others.filter((host) => host.config.priority === first);
    return near[Math.floor(this.#deps.random() * near.length)];
  }

  /** The HTTP pool of a host for a request. Connections that depend on more than the protocol are not shared. */
  pool(host: Host, request: PoolRequest, client?: PoolClient): HostPool {
    const protocol = this.#protocol(host, request);
    const { serverName } = this.settings;
    const key = serverName || host.transport.announces ? this.#poolKey(host, request, client) : protocol;
    let pool = host.pools.get(key);
    if (!pool) {
      const target = this.connectTarget(host, serverName ? hostOf(request.authority) : undefined, client);
      pool = new HostPool(host, { protocol, target, lifetime: this.settings.lifetime }, { clock: this.#deps.clock, breakers: this.breakers });
      // A request that had chosen its host before the end still gets its connection, for this once.
      if (this.#closed || host.removed) pool.drain();
      else {
        host.pools.set(key, pool);
        this.#sweepLater();
      }
    }
    return pool;
  }

  /** How a connection to a host is made.
   * @param name by which the server is asked for, when the cluster's settings leave that to the request */
  connectTarget(host: Host, name?: string, client?: PoolClient): ConnectTarget {
    const { connectTimeoutMs, bindFrom, keepalive, serverName } = this.settings;
    return {
      address: host.config.address,
      timeoutMs: connectTimeoutMs,
      from: bindFrom,
      keepalive,
      sni: host.config.hostname,
      // Addresses are not server names. RFC 6066 §3
      serverName: name !== undefined && isIP(name) === 0 ? name : undefined,
      verifyName: serverName?.verify ? name : undefined,
      client: client && host.transport.announces ? { source: client.remote, destination: client.originalDestination } : undefined,
    };
  }

  #protocol(host: Host, request: PoolRequest): UpstreamProtocol {
    const { protocol } = this.settings;
    if (protocol === 'downstream') return request.protocol === 'HTTP/2' ? 'http2' : 'http1';
    return protocol === 'alpn' && !host.transport.secure ? 'http1' : protocol;
  }

  #poolKey(host: Host, request: PoolRequest, client: PoolClient | undefined): string {
    const name = this.settings.serverName ? hostOf(request.authority) : '';
    const who = host.transport.announces && client ? `${formatAddress(client.remote)} ${formatAddress(client.originalDestination)}` : '';
    return `${this.#protocol(host, request)} ${name} ${who}`;
  }

  state(): ClusterState {
    const { limits, connections, pending, requests, retries, overflows } = this.breakers;
    const { maxConnections, maxPending, maxRequests } = limits;
    const { maxRetries } = this.breakers;
    const { enforced, byCause, overflow } = this.outliers.counts;
    return { name: this.name, warm: this.#warm, hosts: [...this.#hosts.values()].map((host) => host.state(this.#deps.clock.monotonic())), limits: { maxConnections, maxPending, maxRequests, maxRetries }, open: { connections, pending, requests, retries }, overflows: { ...overflows }, ejections: { enforced, overflow, byCause: new Map(byCause) } };
  }

  /** No new connections; idle ones end now, busy ones after their request. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#sweep?.cancel();
    this.#stopDns?.();
    if (this.settings.discovery.kind === 'dns') this.#tellWaiting();
    this.outliers.close();
    this.#slot?.release();
    for (const host of this.#hosts.values()) {
      host.leave();
      dropPools(host);
    }
    this.#transport.close();
    for (const { transport } of this.#matched) transport.close();
  }

  /** Ends all connections now. */
  destroy(): void {
    for (const host of this.#hosts.values()) for (const pool of host.pools.values()) pool.destroy();
    this.close();
  }

  #tellWaiting(): void {
    const waiting = this.#onWarm;
    this.#onWarm = [];
    for (const run of waiting) run();
  }

  #rebuild(): void {
    this.#set.update([...this.#hosts.values()], this.#overprovisioning);
  }

  #transportFor(config: HostConfig): UpstreamTransport {
    const metadata = config.metadata['envoy.transport_socket_match'];
    const found = this.#matched.find(({ match }) => Object.entries(match).every(([key, value]) => metadata !== undefined && JSON.stringify(metadata[key]) === JSON.stringify(value)));
    return found?.transport ?? this.#transport;
  }

  #makeTransport(settings: TransportSettings): UpstreamTransport {
    const { tls, announce } = settings;
    if (!tls) return announce ? createRawTransport(this.#deps.clock, announce) : this.#raw;
    const holder = createTlsContextHolder(tls, this.#deps.secrets);
    return createTlsTransport(this.#deps.clock, holder, { sni: tls.sni, alpn: tls.alpn, sans: tls.sans, pins: tls.pins, verify: tls.trust !== undefined && !tls.acceptsUntrusted, announce });
  }

  #originalDestination(choice: HostChoice): Host | undefined {
    const { discovery } = this.settings;
    if (discovery.kind !== 'original-dst') return undefined;
    const named = discovery.useHeader && choice.destinationHeader !== undefined ? parseHostPort(choice.destinationHeader) : undefined;
    const wanted = named ?? choice.originalDestination;
    if (!wanted) return undefined;
    const address = discovery.portOverride === 0 ? wanted : { address: wanted.address, port: discovery.portOverride };
    return this.#hostAt(formatAddress(address), address, '');
  }

  /** Looks a name up, if that has to be waited for. @param authority `name[:port]`
   * @returns undefined when there is nothing to wait for; a promise of undefined when there is no such name */
  resolve(authority: string): Promise<string | undefined> | undefined {
    const name = hostOf(authority).toLowerCase();
    return this.#named === undefined || this.#named.address(name) !== undefined ? undefined : this.#named.resolve(name);
  }

  #namedHost(names: NamedHosts, authority = ''): Host | undefined {
    const name = hostOf(authority).toLowerCase();
    const address = names.address(name);
    if (address === undefined) return undefined;
    const port = Number(/:(\d{1,5})$/.exec(authority)?.[1] ?? (this.#transport.secure ? 443 : 80));
    return this.#hostAt(`${name}:${port} ${address}`, { address, port }, name);
  }

  #hostAt(key: string, address: SocketAddress, hostname: string): Host {
    let host = this.#hosts.get(key);
    if (!host) {
      const config: HostConfig = { address, hostname, weight: 1, priority: 0, locality: NO_LOCALITY, localityWeight: 0, health: 'HEALTHY', metadata: {} };
      host = new Host(config, this.#transportFor(config), this.#memory(key));
      this.#hosts.set(key, host);
      this.#sweepLater();
    }
    return host;
  }

  /** From its first connection on. */
  #sweepLater(): void {
    if (!this.#sweep) this.#scheduleSweep();
  }

  #scheduleSweep(): void {
    this.#sweep = this.#deps.clock.after(SWEEP_MS, () => {
      const now = this.#deps.clock.monotonic();
      for (const [key, host] of this.#hosts) {
        for (const [name, pool] of host.pools) {
          pool.sweep(now);
          if (pool.isEmpty) host.pools.delete(name);
        }
        // Original destinations are remembered only while connected.
        if (this.#makesHosts && host.activeConnections === 0 && host.activeRequests === 0) {
          host.leave();
          this.#hosts.delete(key);
        }
      }
      this.#scheduleSweep();
    });
    this.#sweep.unref();
  }
}

function dropPools(host: Host): void {
  for (const pool of host.pools.values()) pool.drain();
  host.pools.clear();
}

/** `example.com:443` → `example.com`; brackets of an IPv6 address go, too. */
function hostOf(authority: string): string {
  const match = /^(?:\[([^\]]*)\]|([^:]*))(?::\d*)?$/.exec(authority);
  return match?.[1] ?? match?.[2] ?? authority;
}

function parseHostPort(text: string): SocketAddress | undefined {
  const match = /^\[?([0-9a-fA-F.:]+?)\]?:(\d{1,5})$/.exec(text);
  return match ? { address: match[1] ?? '', port: Number(match[2]) } : undefined;
}
