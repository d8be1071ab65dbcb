/** An Envoy ends the connections of filter chains that change: what changes often must not stand in them. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { FilterChainSchema } from '../../xds/generated/envoy/config/listener/v3/listener_components_pb.js';
import { ListenerSchema } from '../../xds/generated/envoy/config/listener/v3/listener_pb.js';
import { TypeUrl } from '../../xds/type-urls.ts';
import { snapshotOf } from '../registry/snapshot-builder.ts';
import { yamlMesh } from '../registry/testing/yaml-mesh.ts';
import { readProxy } from '../translate/proxy.ts';
import { Generator } from './generator.ts';

const MESH = `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: edge, namespace: istio-system}
spec: {selector: {istio: ingressgateway}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: default}
spec: {template: {metadata: {labels: {app: web, version: v1}}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: edge, namespace: istio-system}
spec: {template: {metadata: {labels: {istio: ingressgateway}}}}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw, namespace: default}
spec: {selector: {istio: ingressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: [shop.test]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop, namespace: default}
spec: {hosts: [shop.test, web], gateways: [gw, mesh], http: [{route: [{destination: {host: web}}]}]}
`;

const object = (group: string, kind: string, spec: string) => `{apiVersion: ${group}.istio.io/v1, kind: ${kind}, metadata: {name: more, namespace: istio-system}, spec: ${spec}}`;
const KEYS = JSON.stringify({ keys: [] }).replaceAll('"', '\\"');

/** The filter chains that carry HTTP of both kinds of proxies, and what they fetch. */
function held(more: readonly string[]): { chains: Set<string>; fetched: Map<string, string> } {
  const generator = new Generator(snapshotOf(yamlMesh([MESH, ...more])));
  const chains = new Set<string>();
  const fetched = new Map<string, string>();
  for (const [kind, name] of [['sidecar', 'web'], ['router', 'edge']] as const) {
    const workload = [...generator.snapshot.workloads.values()].find((w) => w.workloadName === name) ?? assert.fail();
    const read = readProxy({ id: `${kind}~${workload.address}~${workload.name}.${workload.namespace}~${workload.namespace}.svc.cluster.local`, metadata: { LABELS: { ...workload.labels }, WORKLOAD_NAME: name, LATEEN_RUNTIME: 'lateen' }, extensions: [], userAgentName: 'envoy' });
    if ('error' in read) throw new Error(read.error);
    for (const { name: listener, value } of generator.resources(read.proxy, TypeUrl.Listener, 'all').values()) {
      for (const chain of fromBinary(ListenerSchema, value).filterChains) {
        if (chain.filters.some((filter) => filter.name.endsWith('http_connection_manager'))) chains.add(`${kind} ${listener} ${Buffer.from(toBinary(FilterChainSchema, chain)).toString('base64')}`);
      }
    }
    for (const typeUrl of [TypeUrl.ExtensionConfig, TypeUrl.Route, TypeUrl.Runtime]) for (const resource of generator.resources(read.proxy, typeUrl, 'all').values()) fetched.set(`${kind} ${resource.name}`, resource.version);
  }
  return { chains, fetched };
}

const changed = (before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): string[] => [...after].filter(([name, version]) => before.get(name) !== version).map(([name]) => name).sort();

const NOTHING: readonly string[] = [];
const DENY = object('security', 'AuthorizationPolicy', '{action: DENY, rules: [{to: [{operation: {paths: [/a]}}]}]}');
const TOKENS = (issuer: string) => object('security', 'RequestAuthentication', `{jwtRules: [{issuer: ${issuer}, jwks: "${KEYS}"}]}`);
const LOGGING = (spec: string) => object('telemetry', 'Telemetry', `{accessLogging: [${spec}]}`);
const RBAC = 'envoy.filters.http.rbac';
const BOTH = (name: string) => [`router ${name}`, `sidecar ${name}`];
const WITH_ROUTES = (name: string) => [`router ${name}`, 'router http.8080', 'sidecar InboundPassthroughCluster', `sidecar ${name}`, 'sidecar inbound|8080||'];

for (const [what, before, after, want] of [
  ['a first policy that denies', NOTHING, [DENY], BOTH(RBAC)],
  ['another one', [DENY], [object('security', 'AuthorizationPolicy', '{action: DENY, rules: [{to: [{operation: {paths: [/b]}}]}]}')], BOTH(RBAC)],
  ['a policy that allows', NOTHING, [object('security', 'AuthorizationPolicy', '{rules: [{to: [{operation: {paths: [/b]}}]}]}')], WITH_ROUTES(`${RBAC}.allow`)],
  ['a policy that marks', NOTHING, [object('security', 'AuthorizationPolicy', '{action: AUDIT, rules: [{}]}')], BOTH(`${RBAC}.audit`)],
  ['the last policy is deleted', [DENY], NOTHING, BOTH(RBAC)],
  ['tokens are asked for', NOTHING, [TOKENS('a')], WITH_ROUTES('envoy.filters.http.jwt_authn')],
  ['of somebody else', [TOKENS('a')], [TOKENS('b')], BOTH('envoy.filters.http.jwt_authn')],
  ['lines are written', NOTHING, [LOGGING('{}')], BOTH('lateen')],
  ['and are not', [LOGGING('{}')], [LOGGING('{disabled: true}')], BOTH('lateen')],
  ['on one side only', [LOGGING('{}')], [LOGGING('{match: {mode: SERVER}}')], BOTH('lateen')],
  ['a service more', NOTHING, ['{apiVersion: v1, kind: Service, metadata: {name: also, namespace: default}, spec: {selector: {app: web}, ports: [{name: http, port: 81, targetPort: 8080}]}}'], undefined],
] as const) {
  test(`${what}: no chain changes`, () => {
    const [old, now] = [held(before), held(after)];
    assert.ok(old.chains.size > 3);
    assert.ok(old.chains.isSubsetOf(now.chains), [...old.chains.difference(now.chains)].map((chain) => chain.slice(0, 60)).join('\n'));
    if (want) assert.deepEqual(changed(old.fetched, now.fetched), want);
  });
}
