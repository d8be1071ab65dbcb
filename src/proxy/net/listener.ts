/** A listener at work: accepts, finds out where a connection wanted to go and what it speaks, and gives it to its filter chain. */
import { createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Log } from '../../base/log.ts';
import { formatAddress } from './format-address.ts';
import type { ChainSettings, ListenerSettings } from '../config/listeners.ts';
import { connectionInput } from '../filters/access-input.ts';
import { deniedDetails } from '../filters/rbac-http.ts';
import type { DownstreamConnection } from '../http/connection.ts';
import { HttpManager } from '../http/manager.ts';
import type { ProxyServices } from '../http/services.ts';
import type { ConnectionFacts } from '../outcome.ts';
import type { BindOptions, ListenerState, SocketAddress } from '../runtime-contract.ts';
import type { SecretSource } from '../secret-source.ts';
import { type ConnectionView, matchChain, narrowByDestination, needsContent } from './chain-match.ts';
import { inspect, type Inspected } from './inspect.ts';
import type { OriginalDestination } from './original-dst.ts';
import { TcpProxy } from './tcp-proxy.ts';
import { createTlsTerminator, type TlsAccepted, type TlsTerminator } from './tls-server.ts';

export interface ListenerDeps {
  readonly services: ProxyServices;
  readonly secrets: SecretSource;
  readonly bind: BindOptions;
  readonly log: Log;
  originalDestination(): OriginalDestination;
  /** The listener that redirected connections to this destination belong to. */
  handOver(destination: SocketAddress): ListenerRuntime | undefined;
}

/** A filter chain with its connections. */
interface Chain {
  readonly settings: ChainSettings;
  readonly match: ChainSettings['match'];
  readonly tls: TlsTerminator | undefined;
  readonly http: HttpManager | undefined;
  readonly tcp: TcpProxy | undefined;
}

export class ListenerRuntime {
  settings: ListenerSettings;
  readonly #deps: ListenerDeps;
  #server: Server | undefined;
  #bound: SocketAddress | undefined;
  #failure: string | undefined;
  #chains: Chain[] = [];
  #default: Chain | undefined;
  /** Chains of earlier versions whose connections have not ended yet. */
  readonly #retired = new Set<Chain>();
  /** Connections that no chain has yet. */
  readonly #early = new Set<Socket>();
  #draining = false;

  constructor(settings: ListenerSettings, deps: ListenerDeps) {
    this.settings = settings;
    this.#deps = deps;
    this.#adopt(settings);
  }

  /** Binds if the listener has a port of its own. @param onReady called once, bound or failed */
  start(onReady: () => void): void {
    if (!this.settings.bind) return onReady();
    const { bind, log } = this.#deps;
    const wanted = bind.locate?.(this.settings.name, this.settings.address) ?? this.settings.address;
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 }, (socket) => this.#onConnection(socket));
    this.#server = server;
    server.once('error', (error) => {
      this.#failure = error.message;
      log.error('cannot bind a listener', { listener: this.settings.name, address: wanted.address, port: wanted.port, error: error.message });
      onReady();
    });
    server.listen({ host: wanted.address, port: wanted.port, backlog: 4096 }, () => {
      const address = server.address();
      if (typeof address === 'object' && address !== null) this.#bound = { address: address.address, port: address.port };
      onReady();
    });
  }

  get ready(): boolean {
    return !this.settings.bind || this.#bound !== undefined || this.#failure !== undefined;
  }

  get failed(): string | undefined {
    return this.#failure;
  }

  /** RDS names that its chains need. */
  get routeNames(): string[] {
    return routeNames(this.settings);
  }

  get secretNames(): string[] {
    return this.#all().flatMap((chain) => [...(chain.tls?.secretNames ?? [])]);
  }

  get activeRequests(): number {
    return [...this.#all(), ...this.#retired].reduce((sum, chain) => sum + (chain.http?.activeRequests ?? 0), 0);
  }

  /** New settings for new connections; chains that did not change keep theirs, the others let theirs finish. */
  update(settings: ListenerSettings): void {
    this.settings = settings;
    this.#adopt(settings);
  }

  /** A connection that another listener accepted. */
  receive(socket: Socket, destination: SocketAddress): void {
    this.#choose(socket, destination);
  }

  sweep(now: number): void {
    for (const chain of [...this.#all(), ...this.#retired]) {
      chain.http?.sweep(now);
      chain.tcp?.sweep(now);
    }
  }

  state(): ListenerState {
    const activeConnections = [...this.#all(), ...this.#retired].reduce((sum, chain) => sum + (chain.http?.activeConnections ?? 0) + (chain.tcp?.activeConnections ?? 0), this.#early.size);
    return { name: this.settings.name, bound: this.#bound, activeConnections };
  }

  /** Stops accepting; resolves when every connection has ended. */
  async drain(): Promise<void> {
    this.#draining = true;
    this.#server?.close();
    for (const socket of this.#early) socket.destroy();
    await Promise.all([...this.#all(), ...this.#retired].map((chain) => chain.http?.drain() ?? chain.tcp?.drained()));
  }

  close(): void {
    this.#draining = true;
    this.#server?.close();
    for (const socket of this.#early) socket.destroy();
    for (const chain of [...this.#all(), ...this.#retired]) closeChain(chain);
  }

  #all(): Chain[] {
    return this.#default ? [...this.#chains, this.#default] : this.#chains;
  }

  #adopt(settings: ListenerSettings): void {
    const before = new Map(this.#all().map((chain) => [chain.settings.fingerprint, chain]));
    const take = (next: ChainSettings): Chain => {
      const same = before.get(next.fingerprint);
      before.delete(next.fingerprint);
      return same ?? this.#makeChain(next);
    };
    this.#chains = settings.chains.map(take);
    this.#default = settings.defaultChain && take(settings.defaultChain);
    for (const chain of before.values()) this.#retire(chain);
  }

  #makeChain(settings: ChainSettings): Chain {
    const { services, secrets } = this.#deps;
    const { terminal } = settings;
    return {
      settings,
      match: settings.match,
      tls: settings.tls && createTlsTerminator(settings.tls, secrets),
      http: terminal.kind === 'http' ? new HttpManager({ ...services, settings: terminal.manager }) : undefined,
      tcp: terminal.kind === 'tcp' ? new TcpProxy(services, terminal.proxy) : undefined,
    };
  }

  #retire(chain: Chain): void {
    this.#retired.add(chain);
    const done = chain.http?.drain() ?? chain.tcp?.drained() ?? Promise.resolve();
    void done.then(() => {
      this.#retired.delete(chain);
      closeChain(chain);
    });
  }

  #onConnection(socket: Socket): void {
    socket.on('error', noop);
    const local: SocketAddress = { address: plain(socket.localAddress), port: socket.localPort ?? 0 };
    if (!this.settings.restoresDestination) return this.#choose(socket, local);
    const restore = this.#deps.bind.originalDestination ?? this.#deps.originalDestination();
    const destination = restore(descriptor(socket)) ?? local;
    const owner = this.settings.handsOver ? this.#deps.handOver(destination) : undefined;
    (owner ?? this).receive(socket, destination);
  }

  #choose(socket: Socket, destination: SocketAddress): void {
    if (this.#draining) {
      socket.destroy();
      return;
    }
    const source: SocketAddress = { address: plain(socket.remoteAddress), port: socket.remotePort ?? 0 };
    const view: ConnectionView = { destination, source };
    const { inspectTls, inspectHttp } = this.settings;
    const candidates = narrowByDestination(this.#chains, view);
    if ((inspectTls || inspectHttp) && (needsContent(candidates) || candidates.some((chain) => chain.tls))) {
      return this.#inspect(socket, { tls: inspectTls, http: inspectHttp }, (found) => this.#dispatch(socket, view, found));
    }
    this.#dispatch(socket, view, undefined);
  }

  /** Reads first bytes until they say what this is, and puts them back. */
  #inspect(socket: Socket, wants: { tls: boolean; http: boolean }, done: (found: Inspected | undefined) => void): void {
    const { clock } = this.#deps.services;
    const { inspectTimeoutMs, continueOnTimeout } = this.settings;
    let seen: Buffer = Buffer.alloc(0);
    this.#early.add(socket);
    const settle = (): void => {
      timer?.cancel();
      this.#early.delete(socket);
      socket.removeListener('data', onData);
      socket.removeListener('end', onEnd);
      socket.removeListener('close', onClose);
      socket.pause();
      if (seen.length > 0) socket.unshift(seen);
    };
    const onData = (chunk: Buffer): void => {
      seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk]);
      const found = inspect(seen, wants);
      if (found === 'more') return;
      settle();
      done(found);
    };
    const onEnd = (): void => {
      if (seen.length === 0) return void socket.destroy();
      settle();
      done({ kind: 'raw', application: undefined });
    };
    const onClose = (): void => {
      timer?.cancel();
      this.#early.delete(socket);
    };
    const onTimeout = (): void => {
      settle();
      if (continueOnTimeout) done(undefined);
      else socket.destroy();
    };
    const timer = inspectTimeoutMs > 0 ? clock.after(inspectTimeoutMs, onTimeout) : undefined;
    socket.on('data', onData);
    socket.on('end', onEnd);
    socket.on('close', onClose);
    socket.resume();
  }

  #dispatch(socket: Socket, base: ConnectionView, found: Inspected | undefined): void {
    const hello = found?.kind === 'tls' ? found.hello : undefined;
    const view: ConnectionView = {
      ...base,
      serverName: hello?.serverName,
      transport: found === undefined ? 'raw_buffer' : found.kind === 'tls' ? 'tls' : 'raw_buffer',
      applications: hello?.alpn ?? (found?.kind === 'raw' && found.application !== undefined ? [found.application] : []),
    };
    const chain = matchChain(this.#chains, view) ?? this.#default;
    if (!chain) return this.#refuse(socket, view, 'NR', 'filter_chain_not_found');
    if (!chain.tls) return this.#serve(chain, socket, this.#connection(chain, socket, view, undefined), undefined);
    chain.tls.accept(socket, hello, {
      onSecure: (accepted) => {
        accepted.socket.on('error', noop);
        this.#serve(chain, accepted.socket, this.#connection(chain, socket, view, accepted), accepted.alpn);
      },
      onFailed: (reason) => this.#deps.log.debug('TLS handshake failed', { listener: this.settings.name, from: formatAddress(base.source), reason }),
    });
  }

  #connection(chain: Chain, socket: Socket, view: ConnectionView, accepted: TlsAccepted | undefined): DownstreamConnection {
    const local = { address: plain(socket.localAddress), port: socket.localPort ?? 0 };
    const facts: ConnectionFacts = {
      downstreamRemote: formatAddress(view.source),
      downstreamLocal: formatAddress(view.destination),
      requestedServerName: view.serverName,
      tlsVersion: accepted?.version,
      downstreamPeer: accepted?.certificate?.uri,
      downstreamOwn: accepted?.ownUri,
    };
    return {
      facts,
      remote: view.source,
      local,
      originalDestination: view.destination,
      secure: accepted !== undefined,
      certificate: accepted?.certificate,
      reporter: this.settings.reporter,
      listener: chain.settings.name === '' ? this.settings.name : chain.settings.name,
    };
  }

  #serve(chain: Chain, socket: Duplex, connection: DownstreamConnection, alpn: string | undefined): void {
    for (const rules of chain.settings.access) {
      const { allowed, policy } = rules(connectionInput(connection));
      if (allowed) continue;
      socket.destroy();
      return this.#record(connection, [], deniedDetails(policy));
    }
    if (chain.http) chain.http.accept(socket, connection, alpn);
    else chain.tcp?.accept(socket, connection);
  }

  #refuse(socket: Socket, view: ConnectionView, flag: string, details: string): void {
    socket.destroy();
    const facts: ConnectionFacts = { downstreamRemote: formatAddress(view.source), downstreamLocal: formatAddress(view.destination), requestedServerName: view.serverName };
    const connection: DownstreamConnection = { facts, remote: view.source, local: view.destination, originalDestination: view.destination, secure: false, reporter: this.settings.reporter, listener: this.settings.name };
    this.#record(connection, [flag], details);
  }

  /** A connection that ended before any proxy took it. */
  #record(connection: DownstreamConnection, flags: readonly string[], details: string): void {
    const { clock, outcomes } = this.#deps.services;
    outcomes.record({
      kind: 'tcp', reporter: connection.reporter, listener: connection.listener, startMs: clock.now(), durationMs: 0, flags, details, receivedBytes: 0, sentBytes: 0,
      connection: connection.facts, accessLogs: this.settings.accessLogs,
    });
  }
}

export function routeNames(settings: ListenerSettings): string[] {
  const chains = settings.defaultChain ? [...settings.chains, settings.defaultChain] : settings.chains;
  return chains.flatMap((chain) => (chain.terminal.kind === 'http' && chain.terminal.manager.routes.name !== undefined ? [chain.terminal.manager.routes.name] : []));
}

function closeChain(chain: Chain): void {
  chain.http?.close();
  chain.tcp?.close();
  chain.tls?.close();
}

/** `::ffff:1.2.3.4` is how a dual-stack socket shows IPv4. */
function plain(address: string | undefined): string {
  return (address ?? '').replace(/^::ffff:(?=\d+\.)/, '');
}

/** The kernel's number for the socket; Node has no public way to it. */
function descriptor(socket: Socket): number {
  return (socket as Socket & { _handle?: { fd?: number } })._handle?.fd ?? -1;
}

function noop(): void {}
