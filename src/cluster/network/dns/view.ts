/** The DNS zone over informers. */
import type { Namespace, Service } from 'kubernetes-types/core/v1.d.ts';
import type { EndpointSlice } from 'kubernetes-types/discovery/v1.d.ts';
import type { Informer } from '../../../kube/informer.ts';
import type { Stored } from '../../../kube/object.ts';
import { SERVICE_NAME_LABEL } from '../service-table.ts';
import { endpointHost } from './zone.ts';
import type { ZoneView } from './zone.ts';

export interface ZoneSources {
  services: Informer<Service>;
  endpointSlices: Informer<EndpointSlice>;
  namespaces: Informer<Namespace>;
  domain: string;
}

export function createZoneView(sources: ZoneSources): ZoneView {
  const { services, endpointSlices, namespaces, domain } = sources;
  const slices = (namespace: string, service: string): Stored<EndpointSlice>[] =>
    endpointSlices.listIn(namespace).filter((slice) => slice.metadata.labels?.[SERVICE_NAME_LABEL] === service && slice.addressType === 'IPv4');
  return {
    domain,
    service: (namespace, name) => services.get(`${namespace}/${name}`),
    slices,
    // A service proves its namespace: the two informers are not in step with each other.
    hasNamespace: (name) => namespaces.get(name) !== undefined || services.listIn(name).length > 0,
    reverse(ip) {
      for (const service of services.list()) {
        if ((service.spec?.clusterIPs ?? [service.spec?.clusterIP]).includes(ip)) return `${service.metadata.name}.${service.metadata.namespace}.svc.${domain}`;
      }
      for (const slice of endpointSlices.list()) {
        const service = services.get(`${slice.metadata.namespace}/${slice.metadata.labels?.[SERVICE_NAME_LABEL]}`);
        const endpoint = service?.spec?.clusterIP === 'None' ? slice.endpoints?.find((e) => e.addresses.includes(ip)) : undefined;
        if (service && endpoint) return `${endpointHost(endpoint, ip)}.${service.metadata.name}.${service.metadata.namespace}.svc.${domain}`;
      }
      return undefined;
    },
  };
}
