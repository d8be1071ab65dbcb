import { isIP } from 'node:net';
import type { Service } from 'kubernetes-types/core/v1.d.ts';
import type { Stored } from '../../kube/object.ts';
import type { MeshService, MeshSettings, Resolution, ServicePort } from './model.ts';
import { protocolOf } from './protocol.ts';
import { exportedTo } from './visibility.ts';

/** On Services and ServiceEntries. */
export const TRAFFIC_DISTRIBUTION = 'networking.istio.io/traffic-distribution';
const EXPORT_TO = 'networking.istio.io/exportTo';

/** A Kubernetes Service as the mesh sees it. */
export function kubeService(object: Stored<Service>, settings: MeshSettings): MeshService {
  const { metadata, spec = {} } = object;
  const namespace = metadata.namespace ?? '';
  const host = `${metadata.name}.${namespace}.svc.${settings.clusterDomain}`;
  const exportTo = metadata.annotations?.[EXPORT_TO]?.split(',').map((to) => to.trim());
  return {
    key: `${namespace}/${host}`,
    host,
    name: metadata.name,
    namespace,
    origin: 'Kubernetes',
    entries: [],
    ports: (spec.ports ?? []).map((port): ServicePort => ({
      name: port.name ?? '',
      port: port.port,
      protocol: protocolOf({ port: port.port, name: port.name, transport: port.protocol, appProtocol: port.appProtocol }),
      targetPort: port.targetPort ?? port.port,
      mutualTls: 'all',
    })),
    addresses: (spec.clusterIPs ?? [spec.clusterIP ?? '']).filter((ip) => ip !== '' && ip !== 'None'),
    externalAddresses: externalAddresses(object),
    allocatedAddresses: [],
    resolution: resolutionOf(spec),
    isMeshExternal: false,
    exportTo: exportedTo(exportTo, settings.config.defaultServiceExportTo),
    labels: metadata.labels ?? {},
    selector: spec.selector,
    aliasOf: spec.type === 'ExternalName' ? spec.externalName : undefined,
    subjectAltNames: [],
    prefersNear: prefersNear(spec.trafficDistribution ?? metadata.annotations?.[TRAFFIC_DISTRIBUTION]),
    publishesNotReady: spec.publishNotReadyAddresses === true,
    createdMs: Date.parse(metadata.creationTimestamp) || 0,
  };
}

/** Kubernetes' words; of the same node no proxy knows, so that its zone stands for it. */
export const prefersNear = (text: string | undefined): boolean => text === 'PreferClose' || text === 'PreferSameZone' || text === 'PreferSameNode';

function resolutionOf(spec: NonNullable<Service['spec']>): Resolution {
  if (spec.type === 'ExternalName') return 'alias';
  return spec.clusterIP === 'None' ? 'passthrough' : 'endpoints';
}

/** Addresses at which kube-proxy, too, takes a pod's calls as meant for the service. Those of the loopback are the machine's
 * own business: whoever says localhost means localhost. */
function externalAddresses({ spec, status }: Stored<Service>): string[] {
  if (spec?.clusterIP === 'None' || spec?.type === 'ExternalName') return [];
  const balancers = (status?.loadBalancer?.ingress ?? []).flatMap((i) => (i.ip ? [i.ip] : []));
  return [...new Set([...(spec?.externalIPs ?? []), ...balancers])].filter((ip) => isIP(ip) !== 0 && !ip.startsWith('127.') && ip !== '::1');
}
