import type { SidecarIngress } from '../../api/sidecar.ts';
import type { MeshService, Protocol } from '../registry/model.ts';
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
}

/** Ports of the workload, by the services that select it or by its Sidecar object. Two services on one port: the older
 * decides its protocol. */
export function inboundPorts(context: Context): InboundPort[] {
  const ingress = context.scope.sidecar?.spec?.ingress;
  if (ingress && ingress.length > 0) return ingress.map((i) => ingressPort(i, context));
  const byPort = new Map<number, InboundPort>();
  for (const service of servicesOf(context)) {
    for (const port of service.ports) {
      const target = targetPort(port.targetPort, context);
      if (target === undefined || port.protocol === 'UDP' || byPort.has(target)) continue;
      byPort.set(target, { port: target, protocol: port.protocol, service, servicePort: port.port });
    }
  }
  return [...byPort.values()].sort((a, b) => a.port - b.port);
}

/** Services whose endpoints the workload is one of. */
export function servicesOf(context: Context): MeshService[] {
  const { proxy, labels, snapshot } = context;
  return snapshot.services.filter(
    (s) => s.namespace === proxy.namespace && s.selector !== undefined && Object.keys(s.selector).length > 0 && labelsMatch(s.selector, labels),
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
  const isOwn = endpoint === undefined || endpoint === '' || endpoint === `0.0.0.0:${port}`;
  return { port, protocol: declared, service, servicePort: service?.ports.find((p) => targetPort(p.targetPort, context) === port)?.port ?? port, ...(isOwn ? {} : { endpoint }) };
}
