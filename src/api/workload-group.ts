/** WorkloadGroup: what the WorkloadEntries of self-registering workloads look like. Istio: networking.istio.io/v1. */
import { AGE, resourceOf, type Kind, type MeshObjectWithSpec } from './schema/kind.ts';
import { portNumber } from './schema/rules.ts';
import { int32, list, map, object, required, rule, string, type Infer } from './schema/schema.ts';
import { WorkloadTemplate } from './workload-entry.ts';

const count = () => int32({ minimum: 0 });

export const WorkloadProbe = object(
  {
    initialDelaySeconds: count(),
    timeoutSeconds: count(),
    periodSeconds: count(),
    successThreshold: count(),
    failureThreshold: count(),
    httpGet: object({
      path: string(),
      port: required(portNumber()),
      host: string(),
      scheme: string({ rules: [rule("self in ['', 'HTTP', 'HTTPS']", 'scheme must be one of [HTTP, HTTPS]')] }),
      httpHeaders: list(object({ name: string({ pattern: '^[-_A-Za-z0-9]+$' }), value: string() })),
    }),
    tcpSocket: object({ host: string(), port: required(portNumber()) }),
    exec: object({ command: required(list(string({ minLength: 1 }))) }),
    grpc: object({ port: portNumber(), service: string() }),
  },
  { oneOf: [['httpGet', 'tcpSocket', 'exec', 'grpc']] },
);
export type WorkloadProbe = Infer<typeof WorkloadProbe>;

const annotations = () => map(string(), { maxProperties: 256 });

export const WorkloadGroupSpec = object(
  { metadata: object({ labels: annotations(), annotations: annotations() }), template: required(WorkloadTemplate), probe: WorkloadProbe },
  { docs: { metadata: 'Labels and annotations of the WorkloadEntries that are made.', template: 'Spec of the WorkloadEntries that are made.', probe: 'How the health of a workload is found out.' } },
);
export type WorkloadGroupSpec = Infer<typeof WorkloadGroupSpec>;
export type WorkloadGroup = MeshObjectWithSpec<WorkloadGroupSpec>;

export const WorkloadGroupKind: Kind<WorkloadGroupSpec> = {
  group: 'networking.istio.io',
  kind: 'WorkloadGroup',
  plural: 'workloadgroups',
  shortNames: ['wg'],
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  columns: [AGE],
  spec: WorkloadGroupSpec,
  specRequired: true,
  description: 'What the WorkloadEntries of self-registering workloads look like.',
};
export const WorkloadGroups = resourceOf<WorkloadGroup>(WorkloadGroupKind);
