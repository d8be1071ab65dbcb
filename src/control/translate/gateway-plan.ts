/** What a gateway listens for: the servers of all Gateway objects that select it, put together by port. */
import { serversFor, type EdgeServer } from '../registry/gateways.ts';
import { hostsMeet, narrower } from '../registry/hosts.ts';
import { isHttp } from '../registry/model.ts';
import { declaredProtocol } from '../registry/protocol.ts';
import { isVisible } from '../registry/visibility.ts';
import type { RoutingRules } from '../registry/virtual-services.ts';
import type { Context } from './context.ts';
import { servicesOf, targetPort } from './inbound-services.ts';

export interface EdgeListener {
  readonly address: string;
  readonly port: number;
  readonly chains: EdgeChain[];
}

export interface EdgeChain {
  /** `sni-dnat`: clients of the mesh name the service's port and subset in SNI, and their mutual TLS passes untouched. */
  readonly kind: 'http' | 'tls-http' | 'tcp' | 'tls-tcp' | 'passthrough' | 'sni-dnat';
  readonly servers: EdgeServer[];
  /** Port by which clients know it: the Gateway's. */
  readonly serverPort: number;
  /** Of HTTP chains. */
  readonly routes?: string;
}

export interface EdgePlan {
  readonly listeners: readonly EdgeListener[];
  /** HTTP chains by the name of their routes. */
  readonly routes: ReadonlyMap<string, EdgeChain>;
  /** Servers that were left out, with the reason. */
  readonly conflicts: readonly { server: EdgeServer; reason: string }[];
}

export function planEdge(context: Context): EdgePlan {
  const listeners = new Map<string, EdgeListener>();
  const routes = new Map<string, EdgeChain>();
  const conflicts: { server: EdgeServer; reason: string }[] = [];
  for (const server of serversFor(context.snapshot.gateways, context.labels)) {
    const { bind } = server.server;
    if (bind?.startsWith('unix:')) {
      conflicts.push({ server, reason: `bind ${bind}: gateways listen on addresses only` });
      continue;
    }
    const port = listenPort(server, context);
    const address = bind ? bind : '0.0.0.0';
    const key = `${address}_${port}`;
    const listener = listeners.get(key) ?? { address, port, chains: [] };
    const reason = add(listener, server, port);
    if (reason === undefined) listeners.set(key, listener);
    else conflicts.push({ server, reason });
  }
  for (const listener of listeners.values()) for (const chain of listener.chains) if (chain.routes) routes.set(chain.routes, chain);
  return { listeners: [...listeners.values()], routes, conflicts };
}

/** A Gateway's port is a port of the gateway's Service; the pod listens on what the Service points at. */
function listenPort({ server }: EdgeServer, context: Context): number {
  for (const service of servicesOf(context)) {
    const port = service.ports.find((p) => p.port === server.port.number);
    const target = port && targetPort(port.targetPort, context);
    if (target !== undefined) return target;
  }
  return server.port.number;
}

/** @returns why the server cannot share the port */
function add(listener: EdgeListener, server: EdgeServer, port: number): string | undefined {
  const kind = kindOf(server);
  const suffix = server.server.bind ? `.${server.server.bind}` : '';
  const [first] = listener.chains;
  const isTls = kind === 'tls-http' || kind === 'tls-tcp' || kind === 'passthrough' || kind === 'sni-dnat';
  if (kind === 'http') {
    if (first && first.kind !== 'http') return `port ${port} already serves ${first.kind} for Gateway ${first.servers[0]?.gateway}`;
    if (first) first.servers.push(server);
    else listener.chains.push({ kind, servers: [server], serverPort: server.server.port.number, routes: `http.${port}${suffix}` });
    return undefined;
  }
  if (first && (first.kind === 'http' || first.kind === 'tcp' || !isTls)) return `port ${port} is already taken by Gateway ${first.servers[0]?.gateway}`;
  const clash = listener.chains.flatMap((c) => c.servers).find((s) => s.hosts.some((a) => server.hosts.some((b) => a.host === b.host)));
  if (clash && isTls) return `host is already served on port ${port} by Gateway ${clash.gateway}`;
  const { number, name } = server.server.port;
  const routes = kind === 'tls-http' ? { routes: `https.${number}.${name}.${server.name}.${server.namespace}${suffix}` } : {};
  listener.chains.push({ kind, servers: [server], serverPort: number, ...routes });
  return undefined;
}

function kindOf({ server }: EdgeServer): EdgeChain['kind'] {
  const protocol = declaredProtocol(server.port.protocol);
  const mode = server.tls?.mode;
  if (mode === 'AUTO_PASSTHROUGH') return 'sni-dnat';
  const terminates = mode !== undefined && mode !== 'PASSTHROUGH';
  if (isHttp(protocol)) return terminates ? 'tls-http' : 'http';
  if (protocol === 'HTTPS') return terminates ? 'tls-http' : 'passthrough';
  if (protocol === 'TLS') return terminates ? 'tls-tcp' : 'passthrough';
  return terminates ? 'tls-tcp' : 'tcp';
}

/** Hosts of other TLS servers on the same port: a connection that is not theirs must not ask for them.
 * @param among all chains of the gateway */
export function foreignHosts(chain: EdgeChain, plan: EdgePlan): string[] {
  const listener = plan.listeners.find((l) => l.chains.includes(chain));
  if (chain.kind !== 'tls-http' || !listener) return [];
  const own = new Set(chain.servers.flatMap((s) => s.hosts.map((h) => h.host)));
  const others = listener.chains.filter((c) => c !== chain).flatMap((c) => c.servers.flatMap((s) => s.hosts.map((h) => h.host)));
  return [...new Set(others)].filter((host) => host !== '*' && !own.has(host));
}

export interface BoundRules {
  readonly rules: RoutingRules;
  /** Hosts on which they are served: the narrower of the VirtualService's and the server's. */
  readonly hosts: readonly string[];
  readonly server: EdgeServer;
}

/** VirtualServices that are bound to a chain's gateways, oldest first. */
export function boundRules(chain: EdgeChain, context: Context): BoundRules[] {
  return context.snapshot.routing.flatMap((rules) =>
    chain.servers.flatMap((server) => {
      if (!rules.gateways.has(server.gateway) || !isVisible(rules.exportTo, rules.namespace, context.proxy.namespace)) return [];
      const offered = server.hosts.filter((h) => h.namespace === '*' || h.namespace === rules.namespace);
      const hosts = rules.hosts.map((host) => host.toLowerCase()).flatMap((host) => offered.filter((o) => hostsMeet(o.host, host)).map((o) => narrower(o.host, host)));
      return hosts.length > 0 ? [{ rules, hosts: [...new Set(hosts)], server }] : [];
    }),
  );
}
