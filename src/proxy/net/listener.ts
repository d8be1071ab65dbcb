/** A listener at work: accepts, finds out where a connection wanted to go and what it speaks, and gives it to its filter chain. */
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Log } from '../../base/log.ts';
import { formatAddress } from './format-address.ts';
import type { ChainSettings, ListenerSettings } from '../config/listeners.ts';
import type { DownstreamConnection } from '../http/connection.ts';
import type { ProxyServices } from '../http/services.ts';
import type { Incoming } from '../ending.ts';
import type { ConnectionFacts, TcpOutcome } from '../outcome.ts';
import type { BindOptions, ListenerState, SocketAddress } from '../runtime-contract.ts';
import type { SecretSource } from '../secret-source.ts';
import type { BoundPort } from './bound-port.ts';
import { Chain } from './chain.ts';
import { type ConnectionView, matchChain, narrowByDestination, needsContent } from './chain-match.ts';
import type { ConnectionLimit } from './connection-limit.ts';
import { descriptor } from '../../codec/socket/descriptor.ts';
import { DEFAULT_CLOSE_DELAY_MS, dismiss } from '../../codec/socket/ending.ts';
import { FirstBytes } from './first-bytes.ts';
import { FirstWord, type Waiting } from './first-word.ts';
import type { Inspected } from './inspect.ts';
import type { OriginalDestination } from './original-dst.ts';
import { ProxiedStart } from './proxied-start.ts';
import type { TlsAccepted } from './tls-server.ts';

export interface ListenerDeps {
  readonly services: ProxyServices;
  readonly secrets: SecretSource;
  readonly bind: BindOptions;
  readonly log: Log;
  /** Without it any number may be connected. */
  readonly limit?: ConnectionLimit;
  originalDestination(): OriginalDestination;
  /** The listener that redirected connections to this destination belong to. */
  handOver(destination: SocketAddress): ListenerRuntime | undefined;
}

/** What the first bytes said, and what was begun before they came. */
interface FirstSeen {
  /** Undefined: nobody looked. */
  readonly found: Inspected | undefined;
  readonly stream: Duplex;
  readonly start?: ChainStart;
}

type ChainStart = Waiting & { readonly chain: Chain };

/** How long a listener that has moved to another address of its port is still heard at the one before. */
const LEAVING_MS = 1_000;

export class ListenerRuntime {
  settings: ListenerSettings;
  readonly #deps: ListenerDeps;
  readonly #port: BoundPort | undefined;
  #chains: Chain[] = [];
  #default: Chain | undefined;
  /** Chains of earlier versions whose connections have not ended yet. */
  readonly #retired = new Set<Chain>();
  /** Connections that no chain has yet. */
  readonly #early = new Set<Pick<FirstBytes, 'since' | 'destroy'>>();
  readonly #firstWord: FirstWord;
  #draining = false;
  #ending = false;
  /** Took its place, and takes those who still come here. */
  #heir: ListenerRuntime | undefined;
  #accepted = 0;
  #refused = 0;
  /** Monotonic ms. */
  lastAcceptedAt = -Infinity;

  /** @param port of its own, if it has one; bound */
  constructor(settings: ListenerSettings, deps: ListenerDeps, port?: BoundPort) {
    this.settings = settings;
    this.#deps = deps;
    this.#port = port;
    this.#firstWord = new FirstWord(deps.services.clock, usualSpeaker(settings));
    this.#adopt(settings);
  }

  /** Takes connections at its own port from now on, if it has one. */
  start(): void {
    this.#port?.serve((socket) => this.#onConnection(socket));
  }

  /** RDS names that its chains need. */
  get routeNames(): string[] {
    return routeNames(this.settings);
  }

  get secretNames(): string[] {
    return this.#all().flatMap((chain) => [...(chain.tls?.secretNames ?? [])]);
  }

  get activeRequests(): number {
    return [...this.#all(), ...this.#retired].reduce((sum, chain) => sum + chain.activeRequests, 0);
  }

  /** Of listeners that others call: what they ask. */
  get incoming(): Incoming {
    const chains = [...this.#all(), ...this.#retired];
    return { arrivals: chains.reduce((sum, chain) => sum + chain.begunRequests, this.#accepted), unanswered: chains.reduce((sum, chain) => sum + chain.unansweredRequests, 0) };
  }

  /** New settings, also for the requests to come on connections that are open. Chains that did not change keep theirs. */
  update(settings: ListenerSettings): void {
    this.settings = settings;
    this.#adopt(settings);
  }

  /** A connection that another listener accepted. */
  receive(socket: Socket, destination: SocketAddress): void {
    this.#choose(socket, destination);
  }

  sweep(now: number): void {
    for (const chain of this.#all()) chain.sweep(now);
    for (const chain of this.#retired) chain.sweep(now);
  }

  state(): ListenerState {
    return { name: this.settings.name, bound: this.#port?.bound, activeConnections: this.openConnections, accepted: this.#accepted, refused: this.#refused };
  }

  get openConnections(): number {
    return [...this.#all(), ...this.#retired].reduce((sum, chain) => sum + chain.activeConnections, this.#early.size);
  }

  #leave(heir: ListenerRuntime): Promise<void> {
    this.#heir = heir;
    return new Promise((resolve) => {
      const end = () => {
        this.#port?.close();
        resolve();
      };
      // Whoever is connected by then is heard first.
      this.#deps.services.clock.after(LEAVING_MS, () => void setImmediate(end)).unref();
    });
  }

  /** Clients are told to go; those that still come are served, and told too. */
  announceEnd(): void {
    this.#ending = true;
    for (const chain of [...this.#all(), ...this.#retired]) chain.announceEnd();
  }

  /** Ends connections that have carried no request since. @param before monotonic ms */
  closeIdle(before: number): void {
    for (const reading of this.#early) if (reading.since <= before) reading.destroy();
    for (const chain of [...this.#all(), ...this.#retired]) chain.closeIdle(before);
  }

  /** Stops accepting; resolves when every connection has ended.
   * @param heir gets those who are connecting at this moment: they would be reset when the port is closed under them */
  async drain(heir?: ListenerRuntime): Promise<void> {
    this.#draining = true;
    const left = heir ? this.#leave(heir) : this.#port?.close();
    for (const reading of this.#early) reading.destroy();
    await Promise.all([left, ...[...this.#all(), ...this.#retired].map((chain) => chain.drain())]);
  }

  close(): void {
    this.#draining = true;
    this.#port?.close();
    for (const reading of this.#early) reading.destroy();
    for (const chain of [...this.#all(), ...this.#retired]) chain.close();
  }

  #all(): Chain[] {
    return this.#default ? [...this.#chains, this.#default] : this.#chains;
  }

  #adopt(settings: ListenerSettings): void {
    const before = Map.groupBy(this.#all(), (chain) => keyOf(chain.settings));
    const take = (next: ChainSettings): Chain => {
      const same = before.size === 0 ? undefined : before.get(keyOf(next))?.shift();
      if (same) return same;
      const chain = new Chain(next, this.#deps.services, this.#deps.secrets);
      if (this.#ending) chain.announceEnd();
      return chain;
    };
    this.#chains = settings.chains.map(take);
    this.#default = settings.defaultChain && take(settings.defaultChain);
    for (const chain of [...before.values()].flat()) this.#retire(chain);
    for (const chain of this.#retired) chain.revoke((connection) => this.#successor(connection));
  }

  #retire(chain: Chain): void {
    this.#retired.add(chain);
    void chain.retire((connection) => this.#successor(connection)).then(() => this.#retired.delete(chain));
  }

  /** A TLS session was agreed on with the old chain: it goes on in a chain that has TLS too, and in no other. */
  #successor(connection: DownstreamConnection): Chain | undefined {
    const next = this.#find(connection.view);
    return next && (next.tls !== undefined) === connection.secure ? next : undefined;
  }

  #find(view: ConnectionView): Chain | undefined {
    return matchChain(this.#chains, view) ?? this.#default;
  }

  #onConnection(socket: Socket): void {
    if (this.#heir) return this.#heir.#onConnection(socket);
    socket.on('error', noop);
    if (this.#deps.limit?.admit(socket) === false) {
      this.#refused++;
      return;
    }
    const local: SocketAddress = { address: plain(socket.localAddress), port: socket.localPort ?? 0 };
    if (this.settings.proxyProtocol) return this.#readProxied(socket, local);
    if (!this.settings.restoresDestination) return this.#choose(socket, local);
    const restore = this.#deps.bind.originalDestination ?? this.#deps.originalDestination();
    const destination = restore(descriptor(socket)) ?? local;
    const owner = this.settings.handsOver ? this.#deps.handOver(destination) : undefined;
    (owner ?? this).receive(socket, destination);
  }

  /** Who is behind the client, and what it had called, come before anything else. */
  #readProxied(socket: Socket, local: SocketAddress): void {
    const { log, services } = this.#deps;
    const reading = new ProxiedStart(socket, { timeoutMs: this.settings.inspectTimeoutMs, clock: services.clock }, {
      onHeader: ({ behind }) => {
        this.#early.delete(reading);
        this.#choose(socket, behind?.destination ?? local, behind?.source);
      },
      onGone: (problem) => {
        this.#early.delete(reading);
        if (problem !== undefined) log.debug('a connection without its PROXY header was ended', { listener: this.settings.name, from: plain(socket.remoteAddress), problem });
      },
    });
    this.#early.add(reading);
  }

  /** @param source default: whoever is at the other end */
  #choose(socket: Socket, destination: SocketAddress, source: SocketAddress = { address: plain(socket.remoteAddress), port: socket.remotePort ?? 0 }): void {
    this.lastAcceptedAt = this.#deps.services.clock.monotonic();
    this.#accepted++;
    if (this.#draining) {
      socket.destroy();
      return;
    }
    const view: ConnectionView = { destination, source };
    const { inspectTls, inspectHttp } = this.settings;
    const candidates = narrowByDestination(this.#chains, view);
    if ((inspectTls || inspectHttp) && (needsContent(candidates) || candidates.some((chain) => chain.tls))) return this.#inspect(socket, view);
    this.#dispatch(socket, view, { found: undefined, stream: socket });
  }

  /** Waits for the client's first bytes, or for the server's. */
  #inspect(socket: Socket, base: ConnectionView): void {
    const { settings } = this;
    const start = this.#headStart(socket, base);
    const reading = new FirstBytes(
      socket,
      { tls: settings.inspectTls, http: settings.inspectHttp, timeoutMs: settings.inspectTimeoutMs, continueOnTimeout: settings.continueOnTimeout, clock: this.#deps.services.clock },
      {
        onSpeaks: () => start?.clientSpeaks(),
        onKnown: (found, stream) => {
          this.#early.delete(reading);
          this.#dispatch(socket, base, { found, stream, start });
        },
        onGone: () => {
          this.#early.delete(reading);
          start?.discard();
        },
      },
    );
    this.#early.add(reading);
    start?.begin(() => {
      reading.stop();
      this.#early.delete(reading);
      this.#dispatch(socket, base, { found: { kind: 'raw', application: undefined }, stream: socket, start });
    });
  }

  /** Should the client wait for the server's word, these are plain bytes: connecting need not wait for what the client says. */
  #headStart(socket: Socket, base: ConnectionView): ChainStart | undefined {
    const chain = this.#find(rawView(base));
    if (!chain?.tcp || chain.tls) return undefined;
    const connection = this.#connection(chain, socket, rawView(base), undefined);
    if (chain.denies(connection) !== undefined) return undefined;
    const { tcp } = chain;
    return { chain, ...this.#firstWord.await(formatAddress(base.destination), (onSpeaks) => tcp.headStart(connection, onSpeaks)) };
  }

  #dispatch(socket: Socket, base: ConnectionView, first: FirstSeen): void {
    const { found, stream, start } = first;
    const hello = found?.kind === 'tls' ? found.hello : undefined;
    const view: ConnectionView = {
      ...base,
      serverName: hello?.serverName,
      transport: found?.kind === 'tls' ? 'tls' : 'raw_buffer',
      applications: hello?.alpn ?? (found?.kind === 'raw' && found.application !== undefined ? [found.application] : []),
    };
    const chain = this.#find(view);
    if (chain && chain === start?.chain && start.admit(stream)) return;
    start?.discard();
    if (!chain) return this.#refuse(socket, view, 'NR', 'filter_chain_not_found');
    if (!chain.tls) return this.#serve(chain, stream, this.#connection(chain, socket, view, undefined), undefined);
    const onFailed = (reason: string): void => this.#deps.log.debug('TLS handshake failed', { listener: this.settings.name, from: formatAddress(base.source), reason });
    if (stream !== socket) {
      // The client has closed its side already.
      stream.destroy();
      return onFailed('connection closed before the handshake');
    }
    chain.tls.accept(socket, hello, {
      onSecure: (accepted) => {
        accepted.socket.on('error', noop);
        // During the handshake another version of the listener may have come.
        const now = this.#all().includes(chain) ? chain : (this.#successor(this.#connection(chain, socket, view, accepted)) ?? chain);
        this.#serve(now, accepted.socket, this.#connection(now, socket, view, accepted), accepted.alpn);
      },
      onFailed,
    });
  }

  #connection(chain: Chain, socket: Socket, view: ConnectionView, accepted: TlsAccepted | undefined): DownstreamConnection {
    const local = { address: plain(socket.localAddress), port: socket.localPort ?? 0 };
    const direct = this.settings.proxyProtocol ? { address: plain(socket.remoteAddress), port: socket.remotePort ?? 0 } : undefined;
    const facts: ConnectionFacts = {
      downstreamDirect: direct && formatAddress(direct),
      downstreamRemote: formatAddress(view.source),
      downstreamLocal: formatAddress(view.destination),
      requestedServerName: view.serverName,
      tlsVersion: accepted?.version,
      downstreamPeer: accepted?.certificate?.uri,
      downstreamOwn: accepted?.ownUri,
      chainMetadata: chain.settings.metadata,
    };
    return {
      facts,
      remote: view.source,
      direct,
      local,
      originalDestination: view.destination,
      view,
      secure: accepted !== undefined,
      certificate: accepted?.certificate,
      reporter: this.settings.reporter,
      listener: chain.settings.name === '' ? this.settings.name : chain.settings.name,
    };
  }

  #serve(chain: Chain, socket: Duplex, connection: DownstreamConnection, alpn: string | undefined): void {
    const denied = chain.denies(connection);
    if (denied !== undefined) {
      dismiss(socket, { clock: this.#deps.services.clock, patienceMs: DEFAULT_CLOSE_DELAY_MS });
      return this.#record(connection, { flags: [], details: denied, accessLogs: chain.accessLogs });
    }
    if (chain.http) chain.http.accept(socket, connection, alpn);
    else chain.tcp?.accept(socket, connection);
  }

  #refuse(socket: Socket, view: ConnectionView, flag: string, refusal: string): void {
    socket.destroy();
    const facts: ConnectionFacts = { downstreamRemote: formatAddress(view.source), downstreamLocal: formatAddress(view.destination), requestedServerName: view.serverName };
    const connection: DownstreamConnection = { facts, remote: view.source, local: view.destination, originalDestination: view.destination, view, secure: false, reporter: this.settings.reporter, listener: this.settings.name };
    this.#record(connection, { flags: [flag], details: '', refusal, accessLogs: this.settings.accessLogs });
  }

  /** A connection that ended before any proxy took it. */
  #record(connection: DownstreamConnection, ending: Pick<TcpOutcome, 'flags' | 'details' | 'refusal' | 'accessLogs'>): void {
    const { clock, outcomes } = this.#deps.services;
    outcomes.record({
      kind: 'tcp', reporter: connection.reporter, listener: connection.listener, startMs: clock.now(), durationMs: 0, receivedBytes: 0, sentBytes: 0, connection: connection.facts, ...ending,
    });
  }
}

export function routeNames(settings: ListenerSettings): string[] {
  const chains = settings.defaultChain ? [...settings.chains, settings.defaultChain] : settings.chains;
  return chains.flatMap((chain) => (chain.terminal.kind === 'http' && chain.terminal.manager.routes.name !== undefined ? [chain.terminal.manager.routes.name] : []));
}

/** Equal for chains of which nothing differs. Text: maps compare bytes by identity. */
const keyOf = ({ source }: ChainSettings): string => Buffer.from(source.buffer, source.byteOffset, source.byteLength).toString('latin1');

/** `::ffff:1.2.3.4` is how a dual-stack socket shows IPv4. */
function plain(address: string | undefined): string {
  return (address ?? '').replace(/^::ffff:(?=\d+\.)/, '');
}

/** Callers of the workload mostly begin with TLS; a listener for all addresses of a port is there for HTTP. Behind an address of its
 * own can be anything. */
function usualSpeaker({ reporter, address }: ListenerSettings): 'client' | 'server' {
  return reporter === 'destination' || address.address === '0.0.0.0' || address.address === '::' ? 'client' : 'server';
}

/** How a connection looks whose client says nothing. */
function rawView(base: ConnectionView): ConnectionView {
  return { ...base, transport: 'raw_buffer', applications: [] };
}

function noop(): void {}
