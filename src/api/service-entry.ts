/** ServiceEntry: a service that Kubernetes does not know, inside or outside the mesh. Istio: networking.istio.io/v1. */
import { WorkloadSelector } from './common/selectors.ts';
import { AGE, resourceOf, type Kind, type MeshObjectWithSpec, type MeshStatus } from './schema/kind.ts';
import { atMostOneOf, portNumber } from './schema/rules.ts';
import { list, object, oneOfWords, required, rule, string, type Infer } from './schema/schema.ts';
import { WorkloadEntrySpec } from './workload-entry.ts';

export const ServicePort = object({ number: required(portNumber()), name: required(string({ maxLength: 256 })), protocol: string({ maxLength: 256 }), targetPort: portNumber() });
export type ServicePort = Infer<typeof ServicePort>;

export const ServiceEntrySpec = object(
  {
    hosts: required(list(string({ rules: [rule("self != '*'", 'hostname cannot be wildcard')] }), { minItems: 1, maxItems: 256 })),
    addresses: list(string({ maxLength: 64 }), { maxItems: 256 }),
    ports: list(ServicePort, { maxItems: 256, key: 'name', rules: [rule('self.all(a, self.exists_one(b, b.number == a.number))', 'port number cannot be duplicated')] }),
    location: oneOfWords('MESH_EXTERNAL', 'MESH_INTERNAL'),
    resolution: oneOfWords('NONE', 'STATIC', 'DNS', 'DNS_ROUND_ROBIN', 'DYNAMIC_DNS'),
    endpoints: list(WorkloadEntrySpec, { maxItems: 4096 }),
    workloadSelector: WorkloadSelector,
    exportTo: list(string()),
    subjectAltNames: list(string()),
  },
  {
    rules: [
      atMostOneOf(['workloadSelector', 'endpoints'], 'only one of WorkloadSelector or Endpoints can be set'),
      rule(
        "!has(self.addresses) || !has(self.resolution) || self.resolution in ['STATIC', 'NONE'] || !self.addresses.exists(a, a.contains('/'))",
        'CIDR addresses are allowed only for NONE/STATIC resolution types',
      ),
      rule("(has(self.resolution) && self.resolution != 'NONE') || !has(self.endpoints)", 'NONE mode cannot set endpoints'),
      rule("!has(self.resolution) || self.resolution != 'DNS_ROUND_ROBIN' || !has(self.endpoints) || self.endpoints.size() <= 1", 'DNS_ROUND_ROBIN mode cannot have multiple endpoints'),
    ],
    docs: {
      hosts: 'Names that callers use. A wildcard in front is allowed when names are not resolved.',
      addresses: 'Virtual addresses or ranges of the service.',
      location: 'MESH_EXTERNAL (default): outside, no mutual TLS; MESH_INTERNAL: part of the mesh.',
      resolution: 'How endpoints are found. NONE (default): the address that the caller asked for.',
      workloadSelector: 'Pods and WorkloadEntries that are the endpoints.',
    },
  },
);
export type ServiceEntrySpec = Infer<typeof ServiceEntrySpec>;
/** The status also keeps the addresses that the control plane gave to hosts. Istio: networking.v1.ServiceEntryStatus. */
export interface ServiceEntry extends MeshObjectWithSpec<ServiceEntrySpec> {
  status?: MeshStatus & { addresses?: { value?: string; host?: string }[] };
}

export const ServiceEntryKind: Kind<ServiceEntrySpec> = {
  group: 'networking.istio.io',
  kind: 'ServiceEntry',
  plural: 'serviceentries',
  shortNames: ['se'],
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  columns: [
    { name: 'Hosts', jsonPath: '.spec.hosts', description: 'Hosts of the service.' },
    { name: 'Location', jsonPath: '.spec.location', description: 'Inside or outside the mesh.' },
    { name: 'Resolution', jsonPath: '.spec.resolution', description: 'How endpoints are found.' },
    AGE,
  ],
  spec: ServiceEntrySpec,
  specRequired: true,
  description: 'A service that Kubernetes does not know.',
};
export const ServiceEntries = resourceOf<ServiceEntry>(ServiceEntryKind);
