import assert from 'node:assert/strict';
import test from 'node:test';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import type { Cluster } from '../../xds/generated/envoy/config/cluster/v3/cluster_pb.js';
import type { TransportSocket } from '../../xds/generated/envoy/config/core/v3/base_pb.js';
import { ProxyProtocolUpstreamTransportSchema } from '../../xds/generated/envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol_pb.js';
import { SubjectAltNameMatcher_SanType as San } from '../../xds/generated/envoy/extensions/transport_sockets/tls/v3/common_pb.js';
import type { UpstreamTlsContext } from '../../xds/generated/envoy/extensions/transport_sockets/tls/v3/tls_pb.js';
import { clusterIn, clusterOf, contextOf, httpOptionsOf, SHOP, tlsOf, type RuleCase } from './destination-rule.fixture.ts';

const tls = (text: string, selector = '') => `trafficPolicy: {tls: {${text}}}${selector}`;
const SELECTED = ', workloadSelector: {matchLabels: {app: web}}';
const WEB = { labels: { app: 'web' } };

const certificates = (context: UpstreamTlsContext | undefined) => context?.commonTlsContext?.tlsCertificateSdsSecretConfigs.map((s) => s.name) ?? [];

/** By whom the server must be signed, which names it may have, and which revocation list counts. */
function trust(context: UpstreamTlsContext | undefined): { roots?: string; names: string[]; crl?: string } | undefined {
  const type = context?.commonTlsContext?.validationContextType;
  const inner = type?.case === 'combinedValidationContext' ? type.value.defaultValidationContext : type?.case === 'validationContext' ? type.value : undefined;
  if (!inner) return undefined;
  const roots = type?.case === 'combinedValidationContext' ? type.value.validationContextSdsSecretConfig?.name : undefined;
  const crl = inner.crl?.specifier.case === 'filename' ? { crl: inner.crl.specifier.value } : {};
  return { roots, names: inner.matchTypedSubjectAltNames.map((m) => `${San[m.sanType]} ${m.matcher?.matchPattern.value}`), ...crl };
}

const originated: readonly [name: string, of: RuleCase, want: { sni?: string; certificates?: string[]; trust?: ReturnType<typeof trust> }][] = [
  ['SIMPLE trusts the system', { spec: tls('mode: SIMPLE') }, { sni: SHOP, trust: { roots: 'file-root:system', names: [] } }],
  ['SIMPLE with roots of its own', { spec: tls('mode: SIMPLE, caCertificates: /etc/ca.pem, sni: a.example') }, { sni: 'a.example', trust: { roots: 'file-root:/etc/ca.pem', names: [] } }],
  ['names of every kind', { spec: tls('mode: SIMPLE, subjectAltNames: [a.example, "spiffe://x/y", 10.0.0.1, m@example.com]') }, { trust: { roots: 'file-root:system', names: ['DNS a.example', 'URI spiffe://x/y', 'IP_ADDRESS 10.0.0.1', 'EMAIL m@example.com'] } }],
  ['nothing is verified when told so', { spec: tls('mode: SIMPLE, insecureSkipVerify: true') }, { trust: undefined }],
  ['a revocation list', { spec: tls('mode: SIMPLE, caCertificates: /ca, caCrl: /crl') }, { trust: { roots: 'file-root:/ca', names: [], crl: '/crl' } }],
  ['MUTUAL with files', { spec: tls('mode: MUTUAL, clientCertificate: /c.pem, privateKey: /k.pem, caCertificates: /ca.pem') }, { certificates: ['file-cert:/c.pem~/k.pem'], trust: { roots: 'file-root:/ca.pem', names: [] } }],
  ['MUTUAL with a credential at a gateway', { spec: tls('mode: MUTUAL, credentialName: cred'), who: { kind: 'router' } }, { certificates: ['kubernetes://cred'], trust: { roots: 'kubernetes://cred-cacert', names: [] } }],
  ['and at sidecars that a selector names', { spec: tls('mode: MUTUAL, credentialName: cred', SELECTED), who: WEB }, { certificates: ['kubernetes://cred'], trust: { roots: 'kubernetes://cred-cacert', names: [] } }],
  ['other sidecars never fall back to plaintext', { spec: tls('mode: SIMPLE, credentialName: cred') }, { certificates: [], trust: { roots: 'file-root:system', names: [] } }],
];
for (const [name, of, want] of originated) {
  test(`TLS: ${name}`, () => {
    const made = tlsOf(clusterOf(of).transportSocket);
    assert.ok(made, 'there is TLS');
    if (want.sni !== undefined) assert.equal(made.sni, want.sni);
    if (want.certificates) assert.deepEqual(certificates(made), want.certificates);
    if ('trust' in want) assert.deepEqual(trust(made), want.trust);
  });
}

test('a credential without effect is reported on the object', () => {
  const { context, reports } = contextOf({ spec: tls('mode: SIMPLE, credentialName: cred') });
  clusterIn(context, {});
  assert.deepEqual(reports.map(({ kind, namespace, name, field }) => [kind, namespace, name, field]), [['DestinationRule', 'default', 'rule', 'spec.trafficPolicy.tls.credentialName']]);
});

const names: readonly [name: string, of: RuleCase, want: [boolean, boolean] | undefined][] = [
  ['by the host of the request, which the server must prove', { spec: tls('mode: SIMPLE') }, [true, true]],
  ['names that the object gives stand for the proof', { spec: tls('mode: SIMPLE, subjectAltNames: [a]') }, [true, false]],
  ['no proof when nothing is verified', { spec: tls('mode: SIMPLE, insecureSkipVerify: true') }, [true, false]],
  ['the object’s own name', { spec: tls('mode: SIMPLE, sni: a') }, undefined],
  ['not for TCP', { spec: tls('mode: SIMPLE'), port: 'tcp' }, undefined],
  ['not inside the mesh', { spec: tls('mode: ISTIO_MUTUAL') }, undefined],
];
for (const [name, of, want] of names) {
  test(`server name: ${name}`, () => {
    const made = httpOptionsOf(clusterOf(of))?.upstreamHttpProtocolOptions;
    assert.deepEqual(made && [made.autoSni, made.autoSanValidation], want);
  });
}

test('the mesh’s TLS settings hold for connections that leave it', () => {
  const params = tlsOf(clusterOf({ spec: tls('mode: SIMPLE'), mesh: { tlsDefaults: { ecdhCurves: ['X25519'], cipherSuites: ['ECDHE-RSA-AES256-GCM-SHA384'] } } }).transportSocket)?.commonTlsContext?.tlsParams;
  assert.deepEqual([params?.ecdhCurves, params?.cipherSuites], [['X25519'], ['ECDHE-RSA-AES256-GCM-SHA384']]);
});

test('ISTIO_MUTUAL takes name and identities from the object when it gives them', () => {
  const [plain, named] = [tls('mode: ISTIO_MUTUAL'), tls('mode: ISTIO_MUTUAL, sni: x.example, subjectAltNames: ["spiffe://cluster.local/ns/a/sa/b"]')].map((spec) => tlsOf(clusterOf({ spec }).transportSocket));
  assert.deepEqual([plain?.sni, trust(plain)], [`outbound_.80_._.${SHOP}`, { roots: 'ROOTCA', names: ['URI spiffe://cluster.local/ns/default/sa/shop'] }]);
  assert.deepEqual([named?.sni, trust(named)], ['x.example', { roots: 'ROOTCA', names: ['URI spiffe://cluster.local/ns/a/sa/b'] }]);
  assert.deepEqual(certificates(plain), ['default']);
});

const OFF = `---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: off, namespace: default}
spec: {mtls: {mode: DISABLE}}
`;
const PLAIN_POD = `---
apiVersion: v1
kind: Pod
metadata: {name: plain, namespace: default, labels: {app: shop, version: v2}}
spec: {containers: []}
status: {podIP: 10.244.9.9, phase: Running, conditions: [{type: Ready, status: "True"}]}
`;
const isSecured = (cluster: Cluster) => cluster.transportSocket !== undefined;
const kept: readonly [name: string, of: RuleCase, want: boolean][] = [
  ['a headless service whose pods all speak it', { clusterIp: 'None' }, true],
  ['PASSTHROUGH', { spec: 'trafficPolicy: {loadBalancer: {simple: PASSTHROUGH}}' }, true],
  ['not when a policy of the servers says plaintext', { clusterIp: 'None', yaml: OFF }, false],
  ['not when the mesh does not choose by itself', { clusterIp: 'None', mesh: { enableAutoMtls: false } }, false],
  ['a subset of those that do', { clusterIp: 'None', spec: 'subsets: [{name: v1, labels: {version: v1}}]', subset: 'v1', yaml: PLAIN_POD }, true],
  ['not a subset without pods', { clusterIp: 'None', spec: 'subsets: [{name: v9, labels: {version: v9}}]', subset: 'v9' }, false],
];
for (const [name, of, want] of kept) test(`mutual TLS where the dialled address is kept: ${name}`, () => assert.equal(isSecured(clusterOf(of)), want));

const innerOf = (socket: TransportSocket | undefined): [string | undefined, string | undefined] => {
  if (socket?.configType.case !== 'typedConfig') return [undefined, undefined];
  const made = anyUnpack(socket.configType.value, ProxyProtocolUpstreamTransportSchema);
  return [made?.config?.version === 1 ? 'V2' : 'V1', made?.transportSocket?.name];
};

test('PROXY protocol goes before whatever else is spoken', () => {
  const spec = (more: string) => `trafficPolicy: {proxyProtocol: {version: V2}${more}}`;
  assert.deepEqual(clusterOf({ spec: spec('') }).transportSocketMatches.map((m) => innerOf(m.transportSocket)), [['V2', 'envoy.transport_sockets.tls'], ['V2', 'envoy.transport_sockets.raw_buffer']]);
  assert.deepEqual(innerOf(clusterOf({ spec: spec(', tls: {mode: SIMPLE}') }).transportSocket), ['V2', 'envoy.transport_sockets.tls']);
  assert.deepEqual(innerOf(clusterOf({ spec: 'trafficPolicy: {proxyProtocol: {}, tls: {mode: DISABLE}}' }).transportSocket), ['V1', 'envoy.transport_sockets.raw_buffer']);
});
