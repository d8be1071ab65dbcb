/** Routes at gateways that depend on what a token says of its bearer. */
import { generateKeyPairSync, sign } from 'node:crypto';
import { APP_SUBSETS, gateway, object, outside, virtualService, type Scenario } from '../scenario.ts';

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const JWKS = JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k', alg: 'RS256', use: 'sig' }] });

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

function token(claims: object): string {
  const text = `${part({ alg: 'RS256', kid: 'k' })}.${part({ iss: 'lab', sub: 'somebody', exp: 4_000_000_000, ...claims })}`;
  return `${text}.${sign('RSA-SHA256', Buffer.from(text), privateKey).toString('base64url')}`;
}

const bearer = (claims: object) => ({ headers: { authorization: `Bearer ${token(claims)}` } });
const EDGE = gateway('{selector: {istio: ingressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]}');
const TOKENS = object('security.istio.io/v1', 'RequestAuthentication', { name: 'tokens', namespace: 'istio-system', spec: `selector: {matchLabels: {istio: ingressgateway}}\njwtRules: [{issuer: lab, jwks: '${JWKS}', forwardOriginalToken: true}]` });

const byClaim = (match: string): string[] => [APP_SUBSETS, EDGE, TOKENS, virtualService(`
  hosts: [shop.example]
  gateways: [gw]
  http:
  - match: [${match}]
    route: [{destination: {host: app, subset: v2}}]
  - route: [{destination: {host: app, subset: v1}}]
`)];
const V1 = { status: 200, body: 'app-v1' };
const V2 = { status: 200, body: 'app-v2' };

export const CLAIMS: readonly Scenario[] = [
  { name: 'a route by a claim', covers: ['VirtualService.http[].match[].headers{}'], mesh: byClaim('{headers: {"@request.auth.claims.group": {exact: beta}}}'), steps: [outside('shop.example/', V2, bearer({ group: 'beta' })), outside('shop.example/', V1, bearer({ group: 'other' })), outside('shop.example/', V1)] },
  { name: 'a route by one of a list of claims', mesh: byClaim('{headers: {"@request.auth.claims.groups": {exact: beta}}}'), steps: [outside('shop.example/', V2, bearer({ groups: ['alpha', 'beta'] })), outside('shop.example/', V1, bearer({ groups: ['alpha'] }))] },
  { name: 'a route by a claim within a claim', mesh: byClaim('{headers: {"@request.auth.claims[realm][role]": {prefix: ad}}}'), steps: [outside('shop.example/', V2, bearer({ realm: { role: 'admin' } })), outside('shop.example/', V1, bearer({ realm: { role: 'user' } }))] },
  { name: 'a route for those without a claim', mesh: byClaim('{withoutHeaders: {"@request.auth.claims.group": {exact: beta}}}'), steps: [outside('shop.example/', V1, bearer({ group: 'beta' })), outside('shop.example/', V2, bearer({ group: 'other' }))] },
  { name: 'a route by a claim and a path', mesh: byClaim('{uri: {prefix: /beta}, headers: {"@request.auth.claims.group": {regex: "b.*"}}}'), steps: [outside('shop.example/beta', V2, bearer({ group: 'beta' })), outside('shop.example/', V1, bearer({ group: 'beta' }))] },
];
