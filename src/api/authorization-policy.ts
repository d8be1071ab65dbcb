/** AuthorizationPolicy: who may call what. Istio: security.istio.io/v1 AuthorizationPolicy. */
import { LabelSelector, TargetRef, TargetRefs } from './common/selectors.ts';
import { AGE, resourceOf, type Kind, type MeshObject } from './schema/kind.ts';
import { atMostOneOf } from './schema/rules.ts';
import { list, object, oneOfWords, required, rule, string, type Infer } from './schema/schema.ts';

const accounts = () => list(string({ maxLength: 320 }), { maxItems: 16 });

export const Source = object(
  {
    principals: list(string()),
    notPrincipals: list(string()),
    requestPrincipals: list(string()),
    notRequestPrincipals: list(string()),
    namespaces: list(string()),
    notNamespaces: list(string()),
    serviceAccounts: accounts(),
    notServiceAccounts: accounts(),
    trustDomains: list(string()),
    notTrustDomains: list(string()),
    ipBlocks: list(string()),
    notIpBlocks: list(string()),
    remoteIpBlocks: list(string()),
    notRemoteIpBlocks: list(string()),
  },
  {
    rules: [
      rule(
        '!(has(self.serviceAccounts) || has(self.notServiceAccounts)) || !(has(self.principals) || has(self.notPrincipals) || has(self.namespaces) || has(self.notNamespaces))',
        'Cannot set serviceAccounts with namespaces or principals',
      ),
    ],
    docs: {
      principals: 'Peer identities, TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT; need mutual TLS.',
      requestPrincipals: 'ISSUER/SUBJECT of the token of the request.',
      ipBlocks: 'Addresses of the connection.',
      remoteIpBlocks: 'Addresses of the original client, by X-Forwarded-For or PROXY protocol.',
    },
  },
);
export type Source = Infer<typeof Source>;

export const Operation = object({
  hosts: list(string()),
  notHosts: list(string()),
  ports: list(string()),
  notPorts: list(string()),
  methods: list(string()),
  notMethods: list(string()),
  paths: list(string()),
  notPaths: list(string()),
});
export type Operation = Infer<typeof Operation>;

export const AuthorizationCondition = object({ key: required(string()), values: list(string()), notValues: list(string()) });
export type AuthorizationCondition = Infer<typeof AuthorizationCondition>;

export const AuthorizationRule = object(
  { from: list(object({ source: Source }), { maxItems: 512 }), to: list(object({ operation: Operation })), when: list(AuthorizationCondition) },
  { docs: { from: 'Any of these callers; left out: every caller.', to: 'Any of these operations; left out: every operation.', when: 'All of these conditions.' } },
);
export type AuthorizationRule = Infer<typeof AuthorizationRule>;

export const AuthorizationPolicySpec = object(
  {
    selector: LabelSelector,
    targetRef: TargetRef,
    targetRefs: TargetRefs,
    rules: list(AuthorizationRule, { maxItems: 512 }),
    action: oneOfWords('ALLOW', 'DENY', 'AUDIT', 'CUSTOM'),
    provider: object({ name: string() }),
  },
  {
    oneOf: [['provider']],
    rules: [atMostOneOf(['selector', 'targetRef', 'targetRefs'], 'only one of targetRefs or selector can be set')],
    docs: {
      rules: 'A request matches when one rule does. ALLOW without rules allows nothing; with one empty rule, everything.',
      action: 'Default ALLOW. Order: CUSTOM, DENY, ALLOW.',
      provider: 'External authorizer of the mesh configuration; only with CUSTOM.',
    },
  },
);
export type AuthorizationPolicySpec = Infer<typeof AuthorizationPolicySpec>;
export type AuthorizationPolicy = MeshObject<AuthorizationPolicySpec>;

export const AuthorizationPolicyKind: Kind<AuthorizationPolicySpec> = {
  group: 'security.istio.io',
  kind: 'AuthorizationPolicy',
  plural: 'authorizationpolicies',
  shortNames: ['ap'],
  versions: ['v1', 'v1beta1'],
  columns: [{ name: 'Action', jsonPath: '.spec.action', description: 'What happens to a matching request.' }, AGE],
  spec: AuthorizationPolicySpec,
  description: 'Who may call what.',
};
export const AuthorizationPolicies = resourceOf<AuthorizationPolicy>(AuthorizationPolicyKind);
