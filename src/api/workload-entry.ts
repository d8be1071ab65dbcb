/** WorkloadEntry: one workload outside Kubernetes. Istio: networking.istio.io/v1 WorkloadEntry. */
import { AGE, resourceOf, type Kind, type MeshObjectWithSpec } from './schema/kind.ts';
import { portNumber } from './schema/rules.ts';
import { map, object, rule, string, uint32, type Infer } from './schema/schema.ts';

const workloadFields = {
  address: string({
    maxLength: 256,
    rules: [
      rule("!self.startsWith('unix://') || self.startsWith('unix:///') || self.startsWith('unix://@')", 'UDS must be an absolute path or abstract socket'),
      rule("!(self.startsWith('unix://') && self.endsWith('/'))", 'UDS may not be a dir'),
    ],
  }),
  ports: map(portNumber(), {
    maxProperties: 128,
    rules: [rule("self.all(key, size(key) < 63 && key.matches('^[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?$'))", 'port name must be valid')],
  }),
  labels: map(string(), { maxProperties: 256 }),
  network: string({ maxLength: 2048 }),
  locality: string({ maxLength: 2048 }),
  weight: uint32(),
  serviceAccount: string({ maxLength: 253 }),
};
const docs = {
  address: 'IP address, DNS name, or unix:///path of a socket.',
  ports: "Port of this workload for each of the service's port names.",
  locality: 'region/zone/subzone.',
  serviceAccount: 'Identity of the workload, when it has a sidecar.',
};
const noPortsOnSockets = rule("!(has(self.address) && self.address.startsWith('unix://') && has(self.ports))", 'UDS may not include ports');

/** The fields without the rule that there be an address: a WorkloadGroup's template has none. */
export const WorkloadTemplate = object(workloadFields, { rules: [noPortsOnSockets], docs });

export const WorkloadEntrySpec = object(workloadFields, { rules: [rule('has(self.address) || has(self.network)', 'Address is required'), noPortsOnSockets], docs });
export type WorkloadEntrySpec = Infer<typeof WorkloadEntrySpec>;
export type WorkloadEntry = MeshObjectWithSpec<WorkloadEntrySpec>;

export const WorkloadEntryKind: Kind<WorkloadEntrySpec> = {
  group: 'networking.istio.io',
  kind: 'WorkloadEntry',
  plural: 'workloadentries',
  shortNames: ['we'],
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  columns: [AGE, { name: 'Address', jsonPath: '.spec.address', description: 'Address of the workload.' }],
  spec: WorkloadEntrySpec,
  specRequired: true,
  description: 'One workload outside Kubernetes.',
};
export const WorkloadEntries = resourceOf<WorkloadEntry>(WorkloadEntryKind);
