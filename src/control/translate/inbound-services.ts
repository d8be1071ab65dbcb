import type { ServerTls } from '../../api/common/server-tls.ts';
import type { SidecarIngress } from '../../api/sidecar.ts';
import { isDetected, isHttp, type MeshService, type Protocol } from '../registry/model.ts';
import { declaredProtocol, protocolOf } from '../registry/protocol.ts';
import { labelsMatch } from '../registry/visibility.ts';
import type { Context } from './context.ts';

/** A port of the workload on which it serves. */
export interface InboundPort {
  /** Of the pod. */
  readonly port: number;
  readonly protocol: Protocol;
  /** The service by which it is known; undefined of a Sidecar's ingress port that no service has. */
  readonly service?: MeshService;
  readonly servicePort: number;
  /** Where the application is when it is not at the pod's own address and port: `127.0.0.1:PORT`, `unix:///path`. */
  readonly endpoint?: string;
  /** TLS that the proxy ends for clients outside of the mesh: Sidecar.ingress[].tls. */
  readonly tls?: ServerTls;
  /** Where the proxy listens for it itself: connections to it are not captured. */
  readonly bind?: string;
}

/** Ports of the workload, by the services that select it or by its Sidecar object. The order in which services were created
 * does not matter: see `shared`. */
export function inboundPorts(context: Context): InboundPort[] {
  const ingress = context.scope.sidecar?.spec?.ingress;
  if (ingress && ingress.length > 0) return ingress.map((i) => ingressPort(i, context));
  // Without capture the application has its ports itself; Istio: the same.
  if (context.proxy.interception === 'NONE') return [];
  const byPort = new Map<number, InboundPort>();
  for (const service of servicesOf(context)) {
    for (const { name, port: servicePort, protocol, targetPort: wanted } of service.ports) {
      const port = context.proxy.ports?.[name] ?? targetPort(wanted, context);
      if (port === undefined || protocol === 'UDP') continue;
      const other = byPort.get(port);
      const own: InboundPort = { port, protocol, service, servicePort };
      byPort.set(port, other ? shared(other, own) : own);
    }
  }
  return [...byPort.values()].sort((a, b) => a.port - b.port);
}

/** One port by two services: it goes by the name of the one with an address of its own, or the first by name; where they call
 * its protocol differently, by what both can mean. */
function shared(a: InboundPort, b: InboundPort): InboundPort {
  const rank = ({ service, servicePort }: InboundPort) => `${service && service.addresses.length > 0 ? 0 : 1} ${service?.host} ${String(servicePort).padStart(5, '0')}`;
  return { ...(rank(a) <= rank(b) ? a : b), protocol: commonProtocol(a.protocol, b.protocol) };
}

function commonProtocol(a: Protocol, b: Protocol): Protocol {
  if (a === b) return a;
  if (isHttp(a) && isHttp(b)) return 'HTTP';
  // Bytes either way; otherwise the first of them tell.
  return isOpaque(a) && isOpaque(b) ? 'TCP' : 'Unsupported';
}

const isOpaque = (protocol: Protocol): boolean => !isHttp(protocol) && !isDetected(protocol);

/** Services whose endpoints the workload is one of. */
export function servicesOf(context: Context): MeshService[] {
  const { proxy, labels, snapshot } = context;
  return (snapshot.servicesByNamespace.get(proxy.namespace) ?? []).filter(
    (s) => s.selector !== undefined && Object.keys(s.selector).length > 0 && labelsMatch(s.selector, labels),
  );
}

export function targetPort(target: number | string, context: Context): number | undefined {
  if (typeof target === 'number') return target;
  const number = Number(target);
  return Number.isInteger(number) && number > 0 ? number : context.workload?.namedPorts.get(target);
}

function ingressPort(ingress: SidecarIngress, context: Context): InboundPort {
  const port = ingress.port.number ?? 0;
  const service = servicesOf(context).find((s) => s.ports.some((p) => targetPort(p.targetPort, context) === port || p.port === port));
  const declared = ingress.port.protocol ? declaredProtocol(ingress.port.protocol) : protocolOf({ port, name: ingress.port.name });
  const endpoint = ingress.defaultEndpoint;
  const binds = ingress.captureMode === 'NONE' || context.proxy.interception === 'NONE';
  const isOwn = endpoint === undefined || endpoint === '' || (endpoint === `0.0.0.0:${port}` && !binds);
  return {
    ...(ingress.tls ? { tls: ingress.tls } : {}),
    port, protocol: declared, service, servicePort: service?.ports.find((p) => targetPort(p.targetPort, context) === port)?.port ?? port,
    ...(isOwn ? {} : { endpoint }),
    // Where nothing is captured the address that was called is the proxy's own.
    ...(binds ? { bind: ingress.bind || context.proxy.address, endpoint: endpoint || `127.0.0.1:${port}` } : {}),
  };
}
