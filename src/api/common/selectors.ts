/** How an object says which workloads it is for. */
import { list, map, object, required, rule, string, type Infer } from '../schema/schema.ts';

/** Labels under `matchLabels`, as in policies and newer kinds. Istio: type.v1beta1.WorkloadSelector, PolicyTargetReference. */
export const LabelSelector = object(
  {
    matchLabels: map(string({ maxLength: 63, rules: [rule("!self.contains('*')", 'wildcard not allowed in label value match')] }), {
      maxProperties: 4096,
      rules: [rule("self.all(key, !key.contains('*'))", 'wildcard not allowed in label key match'), rule('self.all(key, key.size() > 0)', 'key must not be empty')],
    }),
  },
  { docs: { matchLabels: 'Labels that a pod must carry, all of them.' } },
);
export type LabelSelector = Infer<typeof LabelSelector>;

/** Labels under `labels`, as in Sidecar, ServiceEntry and EnvoyFilter. Istio: networking.v1.WorkloadSelector. */
export const WorkloadSelector = object(
  { labels: map(string({ maxLength: 63, rules: [rule("!self.contains('*')", 'wildcard is not supported in selector')] }), { maxProperties: 256 }) },
  { docs: { labels: 'Labels that a pod must carry, all of them.' } },
);
export type WorkloadSelector = Infer<typeof WorkloadSelector>;

/** Names an object that a policy is attached to, such as a Gateway of the Gateway API or a Service. */
export const TargetRef = object(
  {
    group: string({ maxLength: 253, pattern: '^$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$' }),
    kind: required(string({ minLength: 1, maxLength: 63, pattern: '^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$' })),
    name: required(string({ minLength: 1, maxLength: 253 })),
    namespace: string({ rules: [rule('self.size() == 0', 'cross namespace referencing is not currently supported')] }),
  },
  { docs: { group: 'API group of the target; empty for the core group.', namespace: 'Must stay empty: the target lives in the namespace of this object.' } },
);
export type TargetRef = Infer<typeof TargetRef>;

export const TargetRefs = list(TargetRef, { maxItems: 16 });
