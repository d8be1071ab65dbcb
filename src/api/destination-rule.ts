/** DestinationRule: versions (subsets) of a host, and what clients do on the way to it. Istio: networking.istio.io/v1. */
import { LabelSelector } from './common/selectors.ts';
import { TrafficPolicy } from './common/traffic-policy.ts';
import { AGE, resourceOf, type Kind, type MeshObject } from './schema/kind.ts';
import { list, map, object, required, string, type Infer } from './schema/schema.ts';

export const Subset = object(
  { name: required(string()), labels: map(string()), trafficPolicy: TrafficPolicy },
  { docs: { name: 'What VirtualServices call this subset.', labels: 'Labels of the pods in it, besides those of the service.', trafficPolicy: "Overrides the object's trafficPolicy block by block." } },
);
export type Subset = Infer<typeof Subset>;

export const DestinationRuleSpec = object(
  { host: required(string()), trafficPolicy: TrafficPolicy, subsets: list(Subset), exportTo: list(string()), workloadSelector: LabelSelector },
  {
    docs: {
      host: 'Name of a service. A short name means the namespace of this object.',
      subsets: 'Named versions of the service.',
      exportTo: 'Namespaces that see this object. Default: all.',
      workloadSelector: 'Only clients with these labels use this object.',
    },
  },
);
export type DestinationRuleSpec = Infer<typeof DestinationRuleSpec>;
export type DestinationRule = MeshObject<DestinationRuleSpec>;

export const DestinationRuleKind: Kind<DestinationRuleSpec> = {
  group: 'networking.istio.io',
  kind: 'DestinationRule',
  plural: 'destinationrules',
  shortNames: ['dr'],
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  columns: [{ name: 'Host', jsonPath: '.spec.host', description: 'Host that the rule is for.' }, AGE],
  spec: DestinationRuleSpec,
  description: 'Versions of a host, and what clients do on the way to it.',
};
export const DestinationRules = resourceOf<DestinationRule>(DestinationRuleKind);
