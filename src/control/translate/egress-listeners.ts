/** Listeners that a Sidecar object's egress declares at an address of its own, in place of the services' addresses. */
import type { SidecarEgress } from '../../api/sidecar.ts';
import { isForAnyPort } from '../registry/scope.ts';
import type { MeshService, Protocol, ServicePort } from '../registry/model.ts';
import { declaredProtocol, protocolOf } from '../registry/protocol.ts';
import type { Context } from './context.ts';

export const LOOPBACK = '127.0.0.1';

export interface EgressAddress {
  /** IP address, or path of a Unix socket. */
  readonly address: string;
  /** 0 of a Unix socket. */
  readonly port: number;
  /** The proxy binds it; otherwise it gets connections that were captured on their way there. */
  readonly binds: boolean;
}

/** Where an egress listener listens; undefined: at the addresses of its services. Istio: Sidecar.egress.bind, captureMode. */
export function egressAddress(egress: SidecarEgress, { proxy }: Pick<Context, 'proxy'>, port = egress.port?.number ?? 0): EgressAddress | undefined {
  const binds = egress.captureMode === 'NONE' || proxy.interception === 'NONE';
  if (egress.bind?.startsWith('unix:')) return { address: egress.bind.replace(/^unix:(\/\/)?/, ''), port: 0, binds: true };
  if (egress.bind) return { address: egress.bind, port, binds };
  return binds ? { address: LOOPBACK, port, binds } : undefined;
}

/** `127.0.0.1_9080`, or a path; also the name of its routes. */
export const egressListenerName = ({ address, port }: EgressAddress): string => (port === 0 ? address : `${address}_${port}`);

/** What the listener takes the port to speak: what it says itself, or else what the service says. */
export function egressProtocol(egress: SidecarEgress, port: ServicePort): Protocol {
  const { protocol, name } = egress.port ?? {};
  if (protocol) return declaredProtocol(protocol);
  const named = name ? protocolOf({ port: port.port, name }) : 'Unsupported';
  return named === 'Unsupported' ? port.protocol : named;
}

export interface DeclaredRoutes {
  readonly at: EgressAddress;
  /** All ports of the services, so that hosts stand there with their ports. */
  readonly isForAnyPort: boolean;
  takes(service: MeshService): boolean;
}

/** Listeners through which all ports of their services are called by HTTP: those that a Sidecar declares, and the mesh's own
 * (MeshConfig.proxyHttpPort). */
export function requestListeners(context: Context): DeclaredRoutes[] {
  const { scope, settings } = context;
  const declared = (scope.sidecar?.spec?.egress ?? []).filter(isForAnyPort).map((egress): DeclaredRoutes => {
    const at = egressAddress(egress, context) ?? { address: '0.0.0.0', port: egress.port?.number ?? 0, binds: false };
    return { at, isForAnyPort: true, takes: (service) => scope.imports(egress, service) };
  });
  const port = settings.config.proxyHttpPort ?? 0;
  return port > 0 ? [...declared, { at: { address: LOOPBACK, port, binds: true }, isForAnyPort: true, takes: () => true }] : declared;
}

/** What the routes of a listener with an address of its own are made from. */
export function declaredRoutes(name: string, context: Context): DeclaredRoutes | undefined {
  const own = (context.scope.sidecar?.spec?.egress ?? []).filter((egress) => egress.port !== undefined && !isForAnyPort(egress)).flatMap((egress): DeclaredRoutes[] => {
    const at = egressAddress(egress, context);
    return at ? [{ at, isForAnyPort: false, takes: (service) => scope.imports(egress, service) }] : [];
  });
  const { scope } = context;
  return [...own, ...requestListeners(context)].find(({ at }) => egressListenerName(at) === name);
}
