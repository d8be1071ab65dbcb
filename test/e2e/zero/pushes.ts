/** A hundred changes of configuration that must not be felt, of every kind that the proxies get. */
import { routeTo, subsets } from './manifests.ts';

interface Push {
  readonly what: string;
  readonly yaml: string;
}

const object = (group: string, kind: string, spec: unknown): string => JSON.stringify({ apiVersion: `${group}.istio.io/v1`, kind, metadata: { name: 'zero' }, spec });

/** What `configurationPush` makes besides the routes and rules of the applications. */
export const PUSH_KINDS = [
  ['authorizationpolicy', 'zero'], ['peerauthentication', 'zero'], ['requestauthentication', 'zero'], ['telemetry', 'zero'], ['serviceentry', 'zero'], ['sidecar', 'zero'],
  ['service', 'zero'],
] as const;

/** @param i differs in each push
 * @param isOdd differs from the push of the kind before */
const KINDS: readonly ((i: number, isOdd: boolean) => Push)[] = [
  (i) => ({ what: 'route headers', yaml: routeTo('app', 'v1', { headers: { response: { set: { 'x-push': String(i) } } } }) }),
  (i) => ({ what: 'route of the WebSockets', yaml: routeTo('sockets', 'v1', { headers: { request: { set: { 'x-push': String(i) } } } }) }),
  (i) => ({ what: 'connection pool', yaml: subsets('app', { v1: 'v1', v2: 'v2' }, { connectionPool: { tcp: { maxConnections: 1000 + i } } }) }),
  (_i, isOdd) => ({ what: 'load balancer', yaml: subsets('app', { v1: 'v1', v2: 'v2' }, { loadBalancer: { simple: isOdd ? 'ROUND_ROBIN' : 'RANDOM' } }) }),
  (i) => ({ what: 'pool of the WebSockets', yaml: subsets('sockets', { v1: 'v1' }, { connectionPool: { tcp: { maxConnections: 5000 + i } } }) }),
  (i) => ({ what: 'authorization policy', yaml: object('security', 'AuthorizationPolicy', { action: 'DENY', rules: [{ to: [{ operation: { paths: [`/denied-${i}`] } }] }] }) }),
  (_i, isOdd) => ({ what: 'peer authentication', yaml: object('security', 'PeerAuthentication', { mtls: { mode: isOdd ? 'STRICT' : 'PERMISSIVE' } }) }),
  (i) => ({ what: 'request authentication', yaml: object('security', 'RequestAuthentication', { jwtRules: [{ issuer: `issuer-${i}`, jwks: '{"keys":[]}' }] }) }),
  (i, isOdd) => ({ what: 'telemetry', yaml: object('telemetry', 'Telemetry', { accessLogging: [{ disabled: isOdd }], tracing: [{ randomSamplingPercentage: i % 10 }] }) }),
  (i) => ({ what: 'service entry', yaml: object('networking', 'ServiceEntry', { hosts: [`outside-${i}.example.com`], location: 'MESH_EXTERNAL', resolution: 'STATIC', ports: [{ number: 8080, name: 'http', protocol: 'HTTP' }], endpoints: [{ address: '10.99.0.1' }] }) }),
  (_i, isOdd) => ({ what: 'sidecar', yaml: object('networking', 'Sidecar', { egress: [{ hosts: isOdd ? ['./*', 'istio-system/*'] : ['*/*'] }] }) }),
  (i) => ({ what: 'service', yaml: JSON.stringify({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'zero' }, spec: { selector: { app: 'app' }, ports: [{ name: 'http', port: 8090 + (i % 7), targetPort: 8080 }] } }) }),
];

export function configurationPush(i: number): Push {
  const make = KINDS[i % KINDS.length];
  if (!make) throw new RangeError(`push ${i}`);
  return make(i, Math.floor(i / KINDS.length) % 2 === 1);
}
