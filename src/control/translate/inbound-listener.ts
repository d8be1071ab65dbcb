import { create } from '@bufbuild/protobuf';
import type { ServerTls } from '../../api/common/server-tls.ts';
import { ListenerSchema, type Listener } from '../../xds/generated/envoy/config/listener/v3/listener_pb.js';
import type { RouteSchema, VirtualHostSchema } from '../../xds/generated/envoy/config/route/v3/route_components_pb.js';
import type { RouteConfigurationSchema } from '../../xds/generated/envoy/config/route/v3/route_pb.js';
import { isDetected, isHttp, type Protocol } from '../registry/model.ts';
import { effectiveMtls, mtlsOnPort, type EffectiveMtls, type Mtls } from '../registry/policies.ts';
import { introduced } from './agent.ts';
import type { Context } from './context.ts';
import { hidesDelivery } from './delivery.ts';
import { guardsOf } from './guards.ts';
import { tcpStats } from './http-filters.ts';
import { httpManager } from './http-manager.ts';
import type { InboundPort } from './inbound-services.ts';
import { Direction, httpInspector, originalDestinationFilter, sniffed, socketAddress, tlsInspector, type ChainInit } from './listener-parts.ts';
import { ZERO_DURATION, type Init } from './message.ts';
import { BLACKHOLE_CLUSTER, INBOUND_PASSTHROUGH_CLUSTER, inboundCluster, originMetadata, VIRTUAL_INBOUND } from './names.ts';
import type { Security } from './security.ts';
import { tcpProxy } from './tcp-proxy.ts';
import type { TelemetryPlan } from './telemetry.ts';
import { Alpn, edgeServerSocket, meshServerSocket } from './tls.ts';

interface InboundParts {
  readonly context: Context;
  readonly telemetry: TelemetryPlan;
  readonly security: Security;
}

/** What a connection must look like to take a chain, and what the chain makes of it. */
interface ChainShape {
  readonly kind: 'http' | 'tcp';
  readonly transport: 'tls' | 'raw_buffer';
  readonly alpn?: readonly string[];
  /** The chain ends the mesh's mutual TLS. */
  readonly terminates?: true;
  /** The chain ends TLS of the port's own. */
  readonly own?: ServerTls;
}

const HTTP_BY_ALPN: ChainShape = { kind: 'http', transport: 'tls', alpn: Alpn.meshHttp, terminates: true };
const PLAIN_HTTP: ChainShape = { kind: 'http', transport: 'raw_buffer', alpn: Alpn.plainHttp };
const PLAIN_TCP: ChainShape = { kind: 'tcp', transport: 'raw_buffer' };

/** Chains of one port, by what is known of its protocol and by how strictly mutual TLS is asked for. What is asked for more or less strictly
 * adds chains and takes others away, and changes none that a peer may be connected by: an Envoy ends the connections of a chain that changes. TLS that the application itself speaks passes untouched, except where STRICT forbids. Istio: filterchain_options.go. */
export function chainShapes(protocol: Protocol, mode: Mtls): readonly ChainShape[] {
  if (isHttp(protocol)) {
    const peers: ChainShape = { kind: 'http', transport: 'tls', alpn: Alpn.mesh, terminates: true };
    if (mode === 'STRICT') return [peers, { kind: 'http', transport: 'tls', terminates: true }];
    const plain: ChainShape = { kind: 'http', transport: 'raw_buffer' };
    return mode === 'DISABLE' ? [plain] : [peers, plain];
  }
  if (isDetected(protocol)) {
    const peers: ChainShape = { kind: 'tcp', transport: 'tls', alpn: Alpn.meshTcp, terminates: true };
    if (mode === 'STRICT') return [HTTP_BY_ALPN, peers, { kind: 'tcp', transport: 'tls', terminates: true }];
    if (mode === 'DISABLE') return [PLAIN_HTTP, PLAIN_TCP, { kind: 'tcp', transport: 'tls' }];
    return [HTTP_BY_ALPN, PLAIN_HTTP, peers, PLAIN_TCP, { kind: 'tcp', transport: 'tls' }];
  }
  const peers: ChainShape = { kind: 'tcp', transport: 'tls', alpn: Alpn.mesh, terminates: true };
  if (mode === 'STRICT') return [peers, { kind: 'tcp', transport: 'tls', terminates: true }];
  if (mode === 'DISABLE') return [PLAIN_TCP, { kind: 'tcp', transport: 'tls' }];
  return [peers, PLAIN_TCP, { kind: 'tcp', transport: 'tls' }];
}

/** TLS of the port's own takes the place of the mesh's, where that is switched off: callers of the mesh could not tell them apart. */
function portShapes(port: InboundPort, mode: Mtls, context: Context): readonly ChainShape[] {
  const { tls } = port;
  if (!tls) return chainShapes(port.protocol, mode);
  const problem = ownTlsProblem(tls, mode);
  if (problem === undefined) return [{ kind: isHttp(port.protocol) ? 'http' : 'tcp', transport: 'tls', own: tls }];
  const { sidecar } = context.scope;
  if (sidecar) context.report({ kind: 'Sidecar', namespace: sidecar.metadata.namespace ?? '', name: sidecar.metadata.name, field: 'spec.ingress', reason: `tls of port ${port.port}: ${problem}` });
  return chainShapes(port.protocol, mode);
}

function ownTlsProblem(tls: ServerTls, mode: Mtls): string | undefined {
  if (tls.mode !== 'SIMPLE' && tls.mode !== 'MUTUAL') return `mode ${tls.mode ?? 'PASSTHROUGH'} is for gateways: use SIMPLE or MUTUAL`;
  if (tls.credentialName || tls.credentialNames || tls.caCertCredentialName) return 'Secrets are for gateways: name files of the pod, which the annotation sidecar.istio.io/userVolume can mount';
  return mode === 'DISABLE' ? undefined : `the mesh’s mutual TLS stands in its place (${mode}): switch it off for the port by portLevelMtls of a PeerAuthentication`;
}

/** The one listener for everything that is sent to the workload: chains for each of its ports, then for all others. */
export function buildInboundListener(ports: readonly InboundPort[], parts: InboundParts): Listener {
  const { context, telemetry } = parts;
  const { config } = context.settings;
  const mtls = mtlsOf(context);
  const listenPort = config.proxyInboundListenPort;
  const own = ports.filter((p) => p.port !== listenPort && p.bind === undefined);
  return create(ListenerSchema, {
    name: VIRTUAL_INBOUND,
    address: socketAddress('0.0.0.0', listenPort),
    // No use_original_dst: the listener filter restores the destination for the chains; a hand-over would find the outbound
    // listener of the same port and send the call out again.
    trafficDirection: Direction.inbound,
    listenerFilters: [originalDestinationFilter(), tlsInspector(), httpInspector()],
    ...sniffed(config),
    accessLog: [...telemetry.refusals],
    filterChains: [
      {
        name: 'virtualInbound-blackhole',
        filterChainMatch: { destinationPort: listenPort },
        filters: [tcpProxy({ statPrefix: BLACKHOLE_CLUSTER, targets: [{ cluster: BLACKHOLE_CLUSTER, weight: 1 }], telemetry })],
      },
      ...otherPorts(mtls, own, parts),
      ...own.flatMap((port) => portShapes(port, mtlsOnPort(mtls, port.port), context).map((shape) => portChain(port, shape, parts))),
    ],
  });
}

const mtlsOf = ({ snapshot, proxy, labels, settings }: Context): EffectiveMtls =>
  effectiveMtls(snapshot.peerAuthentications, { namespace: proxy.namespace, labels }, settings.config.rootNamespace);

export const boundListenerName = (port: InboundPort): string => `${port.bind}_${port.port}`;

/** A port on which the proxy listens itself: Sidecar.ingress with captureMode NONE. */
export function buildBoundListener(port: InboundPort, parts: InboundParts): Listener {
  const { context } = parts;
  const label = boundListenerName(port);
  const shapes = portShapes(port, mtlsOnPort(mtlsOf(context), port.port), context);
  return create(ListenerSchema, {
    name: label,
    address: socketAddress(port.bind ?? '', port.port),
    trafficDirection: Direction.inbound,
    listenerFilters: [tlsInspector(), httpInspector()],
    ...sniffed(context.settings.config),
    accessLog: [...parts.telemetry.refusals],
    filterChains: shapes.map((shape) => ({ name: label, ...chain({ shape, servicePort: port.servicePort, cluster: inboundCluster(port.port), label, operation: operation(port) }, parts) })),
  });
}

function portChain(port: InboundPort, shape: ChainShape, parts: InboundParts): ChainInit {
  const cluster = inboundCluster(port.port);
  return { name: `0.0.0.0_${port.port}`, ...chain({ shape, destinationPort: port.port, servicePort: port.servicePort, cluster, label: `0.0.0.0_${port.port}`, operation: operation(port), forBrowsers: port.protocol === 'GRPC-Web' }, parts) };
}

const operation = (port: InboundPort): string => (port.service ? `${port.service.host}:${port.servicePort}/*` : `:${port.port}/*`);

/** Ports that no service speaks of: protocol unknown, mutual TLS as for the workload as a whole; a port with a mode of its
 * own in the policy gets chains of its own. */
function otherPorts(mtls: EffectiveMtls, own: readonly InboundPort[], parts: InboundParts): ChainInit[] {
  const make = (mode: Mtls, destinationPort?: number) =>
    chainShapes('Unsupported', mode).map((shape) => ({
      name: shape.kind === 'http' ? 'virtualInbound-catchall-http' : VIRTUAL_INBOUND,
      ...chain({ shape, destinationPort, ...OTHER_PORTS, label: INBOUND_PASSTHROUGH_CLUSTER }, parts),
    }));
  const special = [...mtls.ports].filter(([port, mode]) => mode !== mtls.mode && !own.some((p) => p.port === port));
  return [...make(mtls.mode), ...special.flatMap(([port, mode]) => make(mode, port))];
}

interface ChainPlan {
  readonly shape: ChainShape;
  readonly destinationPort?: number;
  /** Of the service; routes bear its number. */
  readonly servicePort?: number;
  readonly cluster: string;
  readonly label: string;
  readonly operation: string;
  readonly forBrowsers?: boolean;
}

function chain(plan: ChainPlan, parts: InboundParts): ChainInit {
  const { shape, destinationPort } = plan;
  return {
    ...(shape.kind === 'tcp' ? { metadata: originMetadata(parts.security.guards) } : {}),
    filterChainMatch: { destinationPort, transportProtocol: shape.transport, applicationProtocols: [...(shape.alpn ?? [])] },
    ...(shape.terminates ? { transportSocket: meshServerSocket(shape.kind, parts.context.settings.config) } : {}),
    ...(shape.own ? { transportSocket: edgeServerSocket(shape.own, shape.kind, parts.context.settings.config) } : {}),
    filters: shape.kind === 'http' ? [httpFilter(plan, parts)] : tcpFilters(plan, parts),
  };
}

function httpFilter(plan: ChainPlan, parts: InboundParts) {
  const { context, telemetry, security } = parts;
  const routes = context.proxy.fetchesParts ? plan.cluster : inboundRoutes(plan, context);
  return httpManager({ position: 'inbound', statPrefix: `inbound_${plan.label}`, routes, telemetry, security, port: plan.destinationPort, forBrowsers: plan.forBrowsers }, context);
}

function tcpFilters(plan: ChainPlan, { context, telemetry, security }: InboundParts) {
  return [...security.tcp, ...tcpStats(context.proxy), tcpProxy({ statPrefix: plan.cluster, targets: [{ cluster: plan.cluster, weight: 1 }], telemetry })];
}

/** What leads requests to one cluster. */
type RoutePlan = Pick<ChainPlan, 'cluster' | 'servicePort' | 'operation'>;

const inboundRoutes = (plan: RoutePlan, context: Context): Init<typeof RouteConfigurationSchema> => ({ ...inboundRoutesHead(plan.cluster), virtualHosts: [inboundHost(plan, context)] });

/** Routes for those that fetch them, of each port and of all other ports. */
export function inboundRoutePlans(ports: readonly InboundPort[]): RoutePlan[] {
  const plans = ports.map((port) => ({ cluster: inboundCluster(port.port), servicePort: port.servicePort, operation: operation(port) }));
  return [OTHER_PORTS, ...new Map(plans.map((plan) => [plan.cluster, plan])).values()];
}

const OTHER_PORTS: RoutePlan = { cluster: INBOUND_PASSTHROUGH_CLUSTER, operation: ':0/*' };

export const inboundRoutesHead = (name: string): Init<typeof RouteConfigurationSchema> => ({
  name,
  validateClusters: false,
  // What an application says of deliveries counts for nothing; what this proxy says is added later.
  ...hidesDelivery,
});

export function inboundHost(plan: RoutePlan, context: Context): Init<typeof VirtualHostSchema> {
  const route = inboundRoute(plan);
  return {
    name: `inbound|http|${plan.servicePort ?? 0}`,
    domains: ['*'],
    metadata: originMetadata(guardsOf(context)),
    routes: context.proxy.outcomes === undefined ? [route] : [introduced(route), route],
  };
}

const inboundRoute = (plan: RoutePlan): Init<typeof RouteSchema> => ({
  name: 'default',
  match: { pathSpecifier: { case: 'prefix', value: '/' } },
  decorator: { operation: plan.operation },
  action: {
    case: 'route',
    value: {
      clusterSpecifier: { case: 'cluster', value: plan.cluster },
      timeout: ZERO_DURATION,
      maxGrpcTimeout: ZERO_DURATION,
      // What the application refused to look at it has not got: a new connection finds out whether it is still there at all.
      retryPolicy: { retryOn: 'refused-stream,reset-before-request', numRetries: 2 },
    },
  },
});
