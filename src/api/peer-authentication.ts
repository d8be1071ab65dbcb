/** PeerAuthentication: whether workloads accept plaintext, mutual TLS or both. Istio: security.istio.io/v1. */
import { LabelSelector } from './common/selectors.ts';
import { AGE, resourceOf, type Kind, type MeshObject } from './schema/kind.ts';
import { map, object, oneOfWords, rule, type Infer } from './schema/schema.ts';

export const MutualTls = object({ mode: oneOfWords('UNSET', 'DISABLE', 'PERMISSIVE', 'STRICT') }, { docs: { mode: 'UNSET takes the mode of the namespace, then of the mesh, then PERMISSIVE.' } });
export type MutualTls = Infer<typeof MutualTls>;
export type MutualTlsMode = NonNullable<MutualTls['mode']>;

export const PeerAuthenticationSpec = object(
  {
    selector: LabelSelector,
    mtls: MutualTls,
    portLevelMtls: map(MutualTls, { minProperties: 1, rules: [rule('self.all(key, 0 < int(key) && int(key) <= 65535)', 'port must be between 1-65535')] }),
  },
  {
    rules: [rule('!has(self.portLevelMtls) || (has(self.selector) && has(self.selector.matchLabels) && self.selector.matchLabels.size() > 0)', 'portLevelMtls requires selector')],
    docs: { selector: 'Left out: all workloads of the namespace, or of the mesh when the object is in the root namespace.', portLevelMtls: 'By port of the pod, not of the service.' },
  },
);
export type PeerAuthenticationSpec = Infer<typeof PeerAuthenticationSpec>;
export type PeerAuthentication = MeshObject<PeerAuthenticationSpec>;

export const PeerAuthenticationKind: Kind<PeerAuthenticationSpec> = {
  group: 'security.istio.io',
  kind: 'PeerAuthentication',
  plural: 'peerauthentications',
  shortNames: ['pa'],
  versions: ['v1', 'v1beta1'],
  columns: [{ name: 'Mode', jsonPath: '.spec.mtls.mode', description: 'Mutual TLS mode.' }, AGE],
  spec: PeerAuthenticationSpec,
  description: 'Whether workloads accept plaintext, mutual TLS or both.',
};
export const PeerAuthentications = resourceOf<PeerAuthentication>(PeerAuthenticationKind);
