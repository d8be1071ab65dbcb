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

const signed = (header: object, claims: object): string => {
  const text = `${part(header)}.${part(claims)}`;
  return `${text}.${sign('RSA-SHA256', Buffer.from(text), privateKey).toString('base64url')}`;
};
const HEADER = { alg: 'RS256', kid: 'k' };
const GOOD = { iss: 'lab', sub: 'somebody', exp: 4_000_000_000, aud: 'shop' };
const [HEADER_PART, GOOD_PART] = [part(HEADER), part(GOOD)];

/** What is wrong with each is told in words. */
const WRONG: readonly (readonly [token: string, words: string, status?: number])[] = [
  ['a.b', 'Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections'],
  ['*.b.c', 'Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections'],
  ['a*.b.c', 'Jwt header is an invalid Base64url encoded'],
  [`${Buffer.from('{').toString('base64url')}.${GOOD_PART}.c2ln`, 'Jwt header is an invalid JSON'],
  [signed({ kid: 'k' }, GOOD), 'Jwt header [alg] field is required and must be a string'],
  [signed({ alg: 'none' }, GOOD), 'Jwt header [alg] is not supported'],
  [signed({ alg: 'RS256', kid: 1 }, GOOD), 'Jwt header [kid] field is not a string'],
  [`${HEADER_PART}.*.c2ln`, 'Jwt payload is an invalid Base64url encoded'],
  [`${HEADER_PART}.${Buffer.from('x').toString('base64url')}.c2ln`, 'Jwt payload is an invalid JSON'],
  [signed(HEADER, { ...GOOD, iss: 1 }), 'Jwt payload [iss] field is not a string'],
  [signed(HEADER, { ...GOOD, exp: 'soon' }), 'Jwt payload [exp] field is not an integer'],
  [signed(HEADER, { ...GOOD, nbf: -1 }), 'Jwt payload [nbf] field is not a positive 64 bit integer'],
  [signed(HEADER, { ...GOOD, aud: [1] }), 'Jwt payload [aud] field is not a string or string list'],
  [`${HEADER_PART}.${GOOD_PART}.*`, 'Jwt signature is an invalid Base64url encoded'],
  [signed(HEADER, { ...GOOD, iss: 'other' }), 'Jwt issuer is not configured'],
  [signed(HEADER, { ...GOOD, exp: 1 }), 'Jwt is expired'],
  [signed(HEADER, { ...GOOD, nbf: 4_000_000_000 }), 'Jwt not yet valid'],
  [`${HEADER_PART}.${part({ ...GOOD, aud: 'other' })}.c2ln`, 'Audiences in Jwt are not allowed', 403],
  [`${HEADER_PART}.${GOOD_PART}.c2ln`, 'Jwt verification fails'],
  [signed({ ...HEADER, kid: 'other' }, GOOD), "Jwks doesn't have key to match kid or alg from Jwt"],
];
const FOR_SHOP = object('security.istio.io/v1', 'RequestAuthentication', { name: 'tokens', namespace: 'istio-system', spec: `selector: {matchLabels: {istio: ingressgateway}}\njwtRules: [{issuer: lab, jwks: '${JWKS}', audiences: [shop]}]` });

export const CLAIMS: readonly Scenario[] = [
  {
    name: 'what is wrong with a token is told in the same words', mesh: [EDGE, FOR_SHOP, virtualService('{hosts: [shop.example], gateways: [gw], http: [{route: [{destination: {host: one}}]}]}')],
    steps: [
      ...WRONG.map(([text, body, status = 401]) => outside('shop.example/', { status, body, log: { details: `jwt_authn_access_denied{${body.replaceAll(' ', '_')}}` } }, { headers: { authorization: `Bearer ${text}` } })),
      outside('shop.example/', { status: 200 }, { headers: { authorization: `Bearer ${signed(HEADER, GOOD)}` } }),
      outside('shop.example/', { status: 200 }, { headers: { authorization: `Bearer ${signed({ alg: 'RS256' }, GOOD)}` } }),
    ],
  },
  { name: 'a route by a claim', covers: ['VirtualService.http[].match[].headers{}'], mesh: byClaim('{headers: {"@request.auth.claims.group": {exact: beta}}}'), steps: [outside('shop.example/', V2, bearer({ group: 'beta' })), outside('shop.example/', V1, bearer({ group: 'other' })), outside('shop.example/', V1)] },
  { name: 'a route by one of a list of claims', mesh: byClaim('{headers: {"@request.auth.claims.groups": {exact: beta}}}'), steps: [outside('shop.example/', V2, bearer({ groups: ['alpha', 'beta'] })), outside('shop.example/', V1, bearer({ groups: ['alpha'] }))] },
  { name: 'a route by a claim within a claim', mesh: byClaim('{headers: {"@request.auth.claims[realm][role]": {prefix: ad}}}'), steps: [outside('shop.example/', V2, bearer({ realm: { role: 'admin' } })), outside('shop.example/', V1, bearer({ realm: { role: 'user' } }))] },
  { name: 'a route for those without a claim', mesh: byClaim('{withoutHeaders: {"@request.auth.claims.group": {exact: beta}}}'), steps: [outside('shop.example/', V1, bearer({ group: 'beta' })), outside('shop.example/', V2, bearer({ group: 'other' }))] },
  { name: 'a route by a claim and a path', mesh: byClaim('{uri: {prefix: /beta}, headers: {"@request.auth.claims.group": {regex: "b.*"}}}'), steps: [outside('shop.example/beta', V2, bearer({ group: 'beta' })), outside('shop.example/', V1, bearer({ group: 'beta' }))] },
];
