/** RequestAuthentication: which JSON Web Tokens workloads accept. Istio: security.istio.io/v1 RequestAuthentication. */
import { LabelSelector, TargetRef, TargetRefs } from './common/selectors.ts';
import { resourceOf, type Kind, type MeshObject } from './schema/kind.ts';
import { atMostOneOf, duration } from './schema/rules.ts';
import { boolean, list, object, oneOfWords, required, rule, string, type Infer } from './schema/schema.ts';

const httpUrl = () => string({ minLength: 1, maxLength: 2048, rules: [rule("self.startsWith('http://') || self.startsWith('https://')", 'url must have scheme http:// or https://')] });
const nonEmpty = () => string({ minLength: 1 });

export const JwtRule = object(
  {
    issuer: nonEmpty(),
    audiences: list(nonEmpty()),
    jwksUri: httpUrl(),
    jwks_uri: httpUrl(),
    jwks: string(),
    fromHeaders: list(object({ name: required(nonEmpty()), prefix: string() })),
    fromParams: list(nonEmpty()),
    fromCookies: list(nonEmpty()),
    outputPayloadToHeader: string(),
    outputClaimToHeaders: list(object({ header: required(string({ minLength: 1, pattern: '^[-_A-Za-z0-9]+$' })), claim: required(nonEmpty()) })),
    forwardOriginalToken: boolean(),
    timeout: duration(),
    spaceDelimitedClaims: list(nonEmpty(), { maxItems: 64 }),
    presence: oneOfWords('OPTIONAL', 'REQUIRED'),
  },
  {
    rules: [atMostOneOf(['jwksUri', 'jwks_uri', 'jwks'], 'only one of jwks or jwksUri can be set')],
    docs: {
      jwksUri: 'Where the public keys are; the control plane fetches them.',
      jwks: 'The public keys themselves, as a JSON Web Key Set.',
      fromHeaders: 'Default: Authorization: Bearer, then the query parameter access_token.',
    },
  },
);
export type JwtRule = Infer<typeof JwtRule>;

export const RequestAuthenticationSpec = object(
  { selector: LabelSelector, targetRef: TargetRef, targetRefs: TargetRefs, jwtRules: list(JwtRule, { maxItems: 4096 }) },
  {
    rules: [atMostOneOf(['selector', 'targetRef', 'targetRefs'], 'only one of targetRefs or selector can be set')],
    docs: { jwtRules: 'A request without a token passes; an AuthorizationPolicy on requestPrincipals refuses it.' },
  },
);
export type RequestAuthenticationSpec = Infer<typeof RequestAuthenticationSpec>;
export type RequestAuthentication = MeshObject<RequestAuthenticationSpec>;

export const RequestAuthenticationKind: Kind<RequestAuthenticationSpec> = {
  group: 'security.istio.io',
  kind: 'RequestAuthentication',
  plural: 'requestauthentications',
  shortNames: ['ra'],
  versions: ['v1', 'v1beta1'],
  spec: RequestAuthenticationSpec,
  description: 'Which JSON Web Tokens workloads accept.',
};
export const RequestAuthentications = resourceOf<RequestAuthentication>(RequestAuthenticationKind);
