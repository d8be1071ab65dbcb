import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { createAuthority } from '../../pki/authority.ts';
import { eventually } from '../../testkit/eventually.ts';
import { yamlMesh, type YamlMeshOptions } from '../registry/testing/yaml-mesh.ts';
import { startHarness } from './testing/ads-harness.ts';
import { findEnvoy, startEnvoy } from './testing/envoy.ts';
import { GATEWAY_POD, hasSamples, readSample, SAMPLES } from './testing/samples.ts';

const binary = findEnvoy();
const skip = binary ? false : 'no envoy binary: set LATEEN_ENVOY or put envoy on PATH to prove that Envoy takes what we produce';
const noSamples = hasSamples ? false : 'the sample manifests are not there';

const sample = (...paths: string[]): string[] => paths.map(readSample);

interface Case {
  texts: string[];
  options?: YamlMeshOptions;
  /** Deployment whose proxy is played, and its namespace. */
  workload: string;
  namespace?: string;
  kind?: 'sidecar' | 'router';
}

/** Runs Envoy as the proxy of a workload until it has answered everything, and returns what it refused. */
async function refusals(t: TestContext, c: Case): Promise<{ refused: string[]; names: Record<string, number>; log: string }> {
  const inputs = yamlMesh(c.texts, c.options);
  const harness = await startHarness(inputs);
  t.after(() => harness.close());
  const namespace = c.namespace ?? 'default';
  const pod = inputs.pods.find((p) => p.metadata.namespace === namespace && p.metadata.name.startsWith(`${c.workload}-abc`));
  assert.ok(pod, `no pod of ${c.workload}`);
  const id = `${c.kind ?? 'sidecar'}~${pod.status?.podIP}~${pod.metadata.name}.${namespace}~${namespace}.svc.cluster.local`;
  const envoy = startEnvoy({ binary: binary ?? '', socket: harness.socket, node: { id, metadata: { NAMESPACE: namespace, LABELS: pod.metadata.labels, WORKLOAD_NAME: c.workload } } });
  t.after(() => envoy.close());
  const connection = await eventually(
    () => {
      assert.ok(!envoy.ended(), `envoy ended:\n${envoy.log()}`);
      const [found] = harness.discovery.connections();
      assert.ok(found);
      const status = found.status();
      assert.ok(status.some((s) => s.typeUrl.endsWith('.Listener')), 'listeners have not been asked for');
      assert.ok(status.every((s) => s.nonceSent !== '' && !s.waiting), 'not everything has been answered');
      return found;
    },
    { timeoutMs: 20_000, everyMs: 50 },
  );
  const refused = connection.status().flatMap((s) => (s.error === undefined ? [] : [`${s.typeUrl}: ${s.error}`]));
  const names = Object.fromEntries(connection.status().map((s) => [s.typeUrl.slice(s.typeUrl.lastIndexOf('.') + 1), s.names]));
  return { refused, names, log: envoy.log() };
}

test('Envoy takes everything that a sidecar of Bookinfo gets', { skip: skip || noSamples }, async (t) => {
  const texts = sample('bookinfo/platform/kube/bookinfo.yaml', 'bookinfo/networking/destination-rule-all-mtls.yaml', 'bookinfo/networking/virtual-service-reviews-90-10.yaml', 'bookinfo/networking/virtual-service-ratings-test-delay.yaml');
  const { refused, names } = await refusals(t, { texts, workload: 'productpage-v1' });
  assert.deepEqual(refused, []);
  assert.ok((names['Cluster'] ?? 0) > 10 && (names['Listener'] ?? 0) >= 3 && names['RouteConfiguration'] === 1, JSON.stringify(names));
});

test('Envoy takes everything that the ingress gateway of Bookinfo gets', { skip: skip || noSamples }, async (t) => {
  const texts = [...sample('bookinfo/platform/kube/bookinfo.yaml', 'bookinfo/networking/bookinfo-gateway.yaml'), GATEWAY_POD];
  const { refused, names } = await refusals(t, { texts, workload: 'istio-ingressgateway', namespace: 'istio-system', kind: 'router' });
  assert.deepEqual(refused, []);
  assert.equal(names['Listener'], 1);
});

test('Envoy takes all networking files of Bookinfo, one after the other', { skip: skip || noSamples }, async (t) => {
  const dir = join(SAMPLES, 'bookinfo/networking');
  const base = sample('bookinfo/platform/kube/bookinfo.yaml', 'bookinfo/networking/destination-rule-all.yaml');
  const files = readdirSync(dir).filter((f) => f.endsWith('.yaml')).sort();
  const { refused } = await refusals(t, { texts: [...base, ...files.map((f) => readFileSync(join(dir, f), 'utf8'))], workload: 'reviews-v1' });
  assert.deepEqual(refused, []);
});

const EDGE = `
apiVersion: v1
kind: Secret
metadata: {name: shop, namespace: istio-system}
type: kubernetes.io/tls
data: {tls.crt: CERT, tls.key: KEY, ca.crt: CA}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"], tls: {httpsRedirect: true}}
  - {port: {number: 443, name: https, protocol: HTTPS}, hosts: [shop.example.com], tls: {mode: SIMPLE, credentialName: shop}}
  - {port: {number: 443, name: mutual, protocol: HTTPS}, hosts: [bank.example.com], tls: {mode: MUTUAL, credentialName: shop}}
  - {port: {number: 443, name: pass, protocol: TLS}, hosts: [pass.example.com], tls: {mode: PASSTHROUGH}}
  - {port: {number: 31400, name: tcp, protocol: TCP}, hosts: ["*"]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop, namespace: default}
spec:
  hosts: [shop.example.com, bank.example.com]
  gateways: [istio-system/edge]
  http:
  - match: [{uri: {prefix: /old}}]
    redirect: {uri: /new, redirectCode: 302}
  - match: [{uri: {exact: /hello}}]
    directResponse: {status: 200, body: {string: hi}}
  - match: [{headers: {"@request.auth.claims.group": {exact: a}}, queryParams: {q: {regex: "a+"}}, withoutHeaders: {x: {exact: y}}, method: {exact: GET}, ignoreUriCase: true, uri: {prefix: /A}}]
    route: [{destination: {host: reviews}, headers: {request: {set: {host: h, x-a: b}, remove: [x-c]}}}]
    rewrite: {uri: /b}
    corsPolicy: {allowOrigins: [{regex: ".*"}], allowMethods: [GET], maxAge: 24h, allowCredentials: true}
    mirrors: [{destination: {host: ratings}, percentage: {value: 12.5}}]
    timeout: 3s
    retries: {attempts: 3, retryOn: "5xx,503", perTryTimeout: 1s, backoff: 10ms, retryRemoteLocalities: true}
  - route: [{destination: {host: reviews}, weight: 30}, {destination: {host: ratings}, weight: 70, headers: {response: {add: {x-b: c}}}}]
    fault: {delay: {percentage: {value: 0.1}, fixedDelay: 2s}, abort: {grpcStatus: UNAVAILABLE, percentage: {value: 1}}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: l4, namespace: default}
spec:
  hosts: [pass.example.com, "*"]
  gateways: [istio-system/edge]
  tls: [{match: [{sniHosts: [pass.example.com], port: 443}], route: [{destination: {host: reviews}}]}]
  tcp: [{match: [{port: 31400}], route: [{destination: {host: ratings}}]}]
`;

test('Envoy takes a gateway with certificates, mutual TLS, SNI, TCP and every kind of route', { skip: skip || noSamples }, async (t) => {
  const authority = createAuthority({ commonName: 'edge', lifetimeMs: 3_600_000 });
  const leaf = authority.issue({ subject: { commonName: 'shop.example.com' }, sans: { dns: ['shop.example.com'] }, lifetimeMs: 3_600_000, usages: ['server'] });
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const edge = EDGE.replace('CERT', base64(leaf.certificatePem)).replace('KEY', base64(leaf.keyPem)).replace('CA}', `${base64(authority.certificatePem)}}`);
  const { refused, names } = await refusals(t, { texts: [...sample('bookinfo/platform/kube/bookinfo.yaml'), GATEWAY_POD, edge], workload: 'istio-ingressgateway', namespace: 'istio-system', kind: 'router' });
  assert.deepEqual(refused, []);
  assert.deepEqual([names['Listener'], names['RouteConfiguration'], names['Secret']], [3, 3, 2]);
});

const VARIETY = `
apiVersion: v1
kind: Service
metadata: {name: db, namespace: default}
spec: {clusterIP: None, selector: {app: reviews}, ports: [{name: tcp, port: 9080}, {name: http-admin, port: 9090}]}
---
apiVersion: v1
kind: Service
metadata: {name: guess, namespace: default}
spec: {selector: {app: reviews}, ports: [{name: what, port: 7000}, {name: tls-x, port: 7443}, {name: mysql, port: 3306}, {name: grpc, port: 7070}]}
---
apiVersion: v1
kind: Service
metadata: {name: other-name, namespace: default}
spec: {type: ExternalName, externalName: example.com, ports: [{port: 80}]}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: outside, namespace: default}
spec: {hosts: [api.example.com, "*.wild.example.com"], location: MESH_EXTERNAL, resolution: NONE, ports: [{number: 443, name: tls, protocol: TLS}, {number: 80, name: http, protocol: HTTP}]}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: names, namespace: default}
spec: {hosts: [dns.example.com], resolution: DNS, ports: [{number: 8443, name: https, protocol: HTTPS, targetPort: 443}], endpoints: [{address: a.example.com, locality: us/east}, {address: b.example.com}]}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: vips, namespace: default}
spec: {hosts: [vip.internal], addresses: [10.9.0.0/16, 10.8.0.1], location: MESH_INTERNAL, resolution: STATIC, ports: [{number: 5000, name: tcp, protocol: TCP}], endpoints: [{address: 10.9.1.1, weight: 3, ports: {tcp: 5001}}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: dns, namespace: default}
spec: {host: dns.example.com, trafficPolicy: {tls: {mode: SIMPLE, sni: dns.example.com}, portLevelSettings: [{port: {number: 8443}, tls: {mode: SIMPLE}, connectionPool: {tcp: {maxConnections: 3, connectTimeout: 1s, tcpKeepalive: {time: 10s, probes: 3}}}}]}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews, namespace: default}
spec:
  host: reviews
  trafficPolicy:
    loadBalancer: {consistentHash: {httpCookie: {name: c, ttl: 1h, path: /}, maglev: {tableSize: 65537}}, localityLbSetting: {distribute: [{from: "us/*", to: {"us/*": 80, "eu/*": 20}}]}}
    connectionPool: {http: {http1MaxPendingRequests: 100, http2MaxRequests: 1000, maxRequestsPerConnection: 1, maxRetries: 3, idleTimeout: 30s, useClientProtocol: true, http2KeepAlive: {interval: 10s}}}
    outlierDetection: {consecutive5xxErrors: 2, consecutiveGatewayErrors: 0, interval: 1s, baseEjectionTime: 30s, maxEjectionPercent: 100, minHealthPercent: 50, splitExternalLocalOriginErrors: true, consecutiveLocalOriginFailures: 3}
  subsets:
  - {name: v1, labels: {version: v1}, trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN, warmup: {duration: 30s, aggression: 1.5}}}}
  - {name: v2, labels: {version: v2}, trafficPolicy: {loadBalancer: {simple: RANDOM}, tls: {mode: ISTIO_MUTUAL}}}
  - {name: v3, labels: {version: v3}, trafficPolicy: {loadBalancer: {consistentHash: {useSourceIp: true}}, tls: {mode: DISABLE}}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: l4, namespace: default}
spec:
  hosts: [guess]
  tls: [{match: [{sniHosts: [a.guess.example, b.guess.example]}], route: [{destination: {host: reviews, port: {number: 9080}}, weight: 50}, {destination: {host: ratings, port: {number: 9080}}, weight: 50}]}]
  tcp: [{match: [{port: 3306, destinationSubnets: [10.0.0.0/8]}], route: [{destination: {host: ratings}}]}]
`;

test('Envoy takes headless, detected, TLS, external, DNS and ranged services with all their policies', { skip: skip || noSamples }, async (t) => {
  const { refused } = await refusals(t, { texts: [...sample('bookinfo/platform/kube/bookinfo.yaml'), VARIETY], workload: 'productpage-v1' });
  assert.deepEqual(refused, []);
});

/** One service for each way to write a policy. */
const RULES: readonly string[] = [
  'trafficPolicy: {loadBalancer: {simple: LEAST_CONN, warmup: {duration: 60s, minimumPercent: 0, aggression: 2}}}',
  'trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN, warmupDurationSecs: 1ms}}',
  'trafficPolicy: {loadBalancer: {simple: PASSTHROUGH}}',
  'trafficPolicy: {loadBalancer: {consistentHash: {httpCookie: {name: c, path: /, ttl: 0s, attributes: [{name: Secure}, {name: SameSite, value: Lax}]}, ringHash: {minimumRingSize: 4096}}}}',
  'trafficPolicy: {loadBalancer: {consistentHash: {useSourceIp: true, maglev: {tableSize: 1021}}}}',
  'trafficPolicy: {loadBalancer: {consistentHash: {httpQueryParameterName: q, minimumRingSize: 1}}}',
  'trafficPolicy: {loadBalancer: {backendUtilization: {}}, outlierDetection: {}}',
  'trafficPolicy: {loadBalancer: {localityLbSetting: {distribute: [{from: "*", to: {"a/*": 70, "b/*": 30}}]}}}',
  'trafficPolicy: {loadBalancer: {localityLbSetting: {failover: [{from: a, to: b}], failoverPriority: [version]}}, outlierDetection: {minHealthPercent: 100}}',
  'trafficPolicy: {connectionPool: {tcp: {maxConnections: 2147483647, connectTimeout: 1ms, idleTimeout: 0s, maxConnectionDuration: 1h, tcpKeepalive: {probes: 1, time: 1ms, interval: 1h}}}}',
  'trafficPolicy: {connectionPool: {http: {http1MaxPendingRequests: 1, http2MaxRequests: 1, maxRequestsPerConnection: 1, maxRetries: 1, idleTimeout: 1ms, h2UpgradePolicy: UPGRADE, maxConcurrentStreams: 2147483647, http2KeepAlive: {interval: 1ms, timeout: 1ms}}}}',
  'trafficPolicy: {connectionPool: {http: {useClientProtocol: true}}, retryBudget: {percent: 100, minRetryConcurrency: 4294967295}}',
  'trafficPolicy: {outlierDetection: {consecutive5xxErrors: 0, consecutiveGatewayErrors: 4294967295, splitExternalLocalOriginErrors: true, consecutiveLocalOriginFailures: 1, interval: 1ms, baseEjectionTime: 24h, maxEjectionPercent: 100, outlierDetectionHttpErrorCodes: [100, 429, 599]}}',
  'trafficPolicy: {tls: {mode: SIMPLE, insecureSkipVerify: true}}',
  'trafficPolicy: {tls: {mode: SIMPLE}}',
  'trafficPolicy: {tls: {mode: MUTUAL, clientCertificate: /nowhere/cert.pem, privateKey: /nowhere/key.pem, caCertificates: /nowhere/ca.pem}}',
  'trafficPolicy: {tls: {mode: SIMPLE, sni: "*", subjectAltNames: ["*.example.com", 10.0.0.1, "spiffe://a/b", "a@b"]}}',
  'trafficPolicy: {tls: {mode: ISTIO_MUTUAL, sni: x, subjectAltNames: [y]}}',
  'trafficPolicy: {tls: {mode: DISABLE}, proxyProtocol: {version: V2}, tunnel: {protocol: POST, targetHost: example.com, targetPort: 443}}',
  'trafficPolicy: {tls: {mode: SIMPLE}, proxyProtocol: {}, tunnel: {targetHost: example.com, targetPort: 443}}',
  'trafficPolicy: {portLevelSettings: [{port: {number: 80}, tls: {mode: DISABLE}}, {port: {number: 81}, loadBalancer: {simple: RANDOM}}]}, subsets: [{name: v1, labels: {a: b}, trafficPolicy: {loadBalancer: {simple: RANDOM}}}, {name: all}]',
];
const RULED = RULES.map((spec, i) => `
apiVersion: v1
kind: Service
metadata: {name: s${i}, namespace: default}
spec: {clusterIP: 10.96.9.${i + 1}, selector: {app: reviews}, ports: [{name: http, port: 80}, {name: tcp, port: 81}, {name: x, port: 82}, {name: grpc, port: 83}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: s${i}, namespace: default}
spec: {host: s${i}, ${spec}}
`);

test('Envoy takes every field of a DestinationRule', { skip: skip || noSamples }, async (t) => {
  const { refused, names } = await refusals(t, { texts: [...sample('bookinfo/platform/kube/bookinfo.yaml'), ...RULED], workload: 'productpage-v1' });
  assert.deepEqual(refused, []);
  assert.ok((names['Cluster'] ?? 0) > RULES.length * 4);
});

test('Envoy takes what all samples of Istio come to, in one mesh', { skip: skip || noSamples }, async (t) => {
  const texts = readdirSync(SAMPLES, { recursive: true, encoding: 'utf8' })
    .filter((f) => f.endsWith('.yaml') && !/(^|\/)(values|Chart|kustomization|docker-compose)|operator|addons|\/(templates|gateway-api)\//.test(f))
    .sort()
    .map((f) => readFileSync(join(SAMPLES, f), 'utf8'))
    .filter((text) => !text.includes('{{'));
  const { refused, names } = await refusals(t, { texts: [...texts, GATEWAY_POD], workload: 'productpage-v1' });
  assert.deepEqual(refused, []);
  assert.ok((names['Cluster'] ?? 0) > 40, JSON.stringify(names));
});

const POLICIES = `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: strict, namespace: default}
spec: {mtls: {mode: STRICT}}
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: jwt, namespace: default}
spec: {jwtRules: [{issuer: "https://issuer.example", jwksUri: "https://issuer.example/keys", fromHeaders: [{name: x-token, prefix: "Bearer "}], outputClaimToHeaders: [{header: x-sub, claim: sub}]}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: everything, namespace: default}
spec:
  rules:
  - from:
    - source: {principals: ["cluster.local/ns/default/sa/bookinfo-productpage", "*/sa/x", "*"], notNamespaces: [bad, "a*", "*z"], ipBlocks: [10.0.0.0/8], remoteIpBlocks: [1.2.3.4], requestPrincipals: ["*", "iss/sub", "iss/*"]}
    - source: {serviceAccounts: [bookinfo-productpage, other/app], trustDomains: [cluster.local]}
    to:
    - operation: {methods: [GET, "P*"], paths: ["/api/{*}/x", "/a*", "*.js", "/exact"], hosts: ["*.example.com", reviews], ports: ["9080"], notPaths: ["/admin*"]}
    when:
    - {key: "request.headers[x-user]", values: [a, "b*", "*c", "*"], notValues: [d]}
    - {key: "request.auth.claims[groups][admin]", values: [yes]}
    - {key: request.auth.audiences, values: [me]}
    - {key: connection.sni, values: ["*.local"]}
    - {key: destination.ip, notValues: [10.1.0.0/16]}
    - {key: "experimental.envoy.filters.a.b[key]", values: ["[x]", y]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: no, namespace: default, annotations: {istio.io/dry-run: "true"}}
spec: {action: DENY, rules: [{to: [{operation: {ports: ["1"]}}]}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: ask, namespace: default}
spec: {action: CUSTOM, provider: {name: authz}, rules: [{to: [{operation: {paths: [/private]}}]}]}
---
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: all, namespace: default}
spec:
  accessLogging: [{providers: [{name: envoy}], filter: {expression: "response.code >= 400"}}]
  tracing: [{providers: [{name: otel}], randomSamplingPercentage: 50, customTags: {who: {header: {name: x-user}}, a: {literal: {value: b}}}}]
---
apiVersion: v1
kind: Service
metadata: {name: collector, namespace: default}
spec: {ports: [{name: http-otlp, port: 4318}, {name: http-check, port: 9000}]}
`;

test('Envoy takes policies, tokens, external authorization, tracing and filtered logs', { skip: skip || noSamples }, async (t) => {
  const host = 'collector.default.svc.cluster.local';
  const extensionProviders = [
    { name: 'otel', opentelemetry: { service: host, port: 4318, http: { path: '/v1/traces' } } },
    { name: 'authz', envoyExtAuthzHttp: { service: host, port: 9000, includeRequestHeadersInCheck: ['x-*'] } },
  ];
  const { refused, log } = await refusals(t, { texts: [...sample('bookinfo/platform/kube/bookinfo.yaml'), POLICIES], options: { config: { extensionProviders } }, workload: 'reviews-v1' });
  assert.deepEqual(refused, []);
  assert.doesNotMatch(log, /critical/);
});
