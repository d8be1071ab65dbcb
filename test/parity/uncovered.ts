/** Core and common fields that no scenario shows, with the reason: what else proves them. */
const COOKIE = 'a made cookie holds the client’s port: test/parity/raw/hashing.integration.test.ts compares its look with Envoy’s';
const KEEPALIVE = 'an option of sockets: upstream/transport.test.ts reads it back from the kernel';
const NO_TARGET = 'has no effect in a Sidecar, as in Istio; the object’s status says so (src/api/not-in-effect.ts)';
const ORIGINATION = 'files and authorities of its own: test/parity/raw/upstream-tls.integration.test.ts beside Envoy, translate/upstream-security.test.ts';
const POOL = 'upstream/host-pool.test.ts and translate/upstream-http.test.ts';
const SLOW = 'a matter of time: upstream/balancers.test.ts and host-set.test.ts, with a clock of their own';
const CONNECTIONS = 'which of two connections is first is chance, in the lab: proxy/runtime-pools.test.ts, and what a connection limit is for in translate/cluster-policy.test.ts';
const AT_INJECTION = 'in force when a pod is made: api/proxy-pod/proxy-configs.test.ts';
const GATEWAY_API = 'the lab has no gateways of the Gateway API: translate/wasm.test.ts';

export const UNCOVERED: Readonly<Record<string, string>> = {
  'DestinationRule.trafficPolicy.connectionPool.http.http1MaxPendingRequests': POOL,
  'DestinationRule.trafficPolicy.connectionPool.http.idleTimeout': POOL,
  'DestinationRule.trafficPolicy.connectionPool.tcp.maxConnections': CONNECTIONS,
  'DestinationRule.trafficPolicy.connectionPool.http.maxConcurrentStreams': POOL,
  'DestinationRule.trafficPolicy.connectionPool.http.maxRetries': POOL,
  'DestinationRule.trafficPolicy.connectionPool.tcp.tcpKeepalive': KEEPALIVE,
  'DestinationRule.trafficPolicy.connectionPool.tcp.tcpKeepalive.interval': KEEPALIVE,
  'DestinationRule.trafficPolicy.connectionPool.tcp.tcpKeepalive.probes': KEEPALIVE,
  'DestinationRule.trafficPolicy.connectionPool.tcp.tcpKeepalive.time': KEEPALIVE,
  'DestinationRule.trafficPolicy.loadBalancer.consistentHash.httpCookie.path': COOKIE,
  'DestinationRule.trafficPolicy.loadBalancer.consistentHash.httpCookie.ttl': COOKIE,
  'DestinationRule.trafficPolicy.loadBalancer.warmup': SLOW,
  'DestinationRule.trafficPolicy.loadBalancer.warmup.aggression': SLOW,
  'DestinationRule.trafficPolicy.loadBalancer.warmup.duration': SLOW,
  'DestinationRule.trafficPolicy.loadBalancer.warmup.minimumPercent': SLOW,
  'DestinationRule.trafficPolicy.tls.caCertificates': ORIGINATION,
  'DestinationRule.trafficPolicy.tls.clientCertificate': ORIGINATION,
  'DestinationRule.trafficPolicy.tls.credentialName': ORIGINATION,
  'DestinationRule.trafficPolicy.tls.privateKey': ORIGINATION,
  'Gateway.servers[].name': 'a name for people: it has to be unique, and nothing follows from it',
  'ProxyConfig.concurrency': 'how many threads a proxy has: proxy/threads/threads.integration.test.ts and agent/envoy-bootstrap.test.ts; which object says it: api/proxy-pod/proxy-configs.test.ts',
  'ProxyConfig.environmentVariables{}': AT_INJECTION,
  'ProxyConfig.selector': AT_INJECTION,
  'ProxyConfig.selector.matchLabels{}': AT_INJECTION,
  'Sidecar.egress[].port.targetPort': NO_TARGET,
  'Sidecar.ingress[].port.targetPort': NO_TARGET,
  'WorkloadGroup.template.address': 'an entry has the address of its machine, as in Istio; the object’s status says so (src/api/not-in-effect.ts)',
  'WasmPlugin.imagePullPolicy': 'when the control plane looks at a module: registry/wasm-modules.test.ts',
  'WasmPlugin.sha256': 'modules of the lab are files: proxy/runtime-wasm.test.ts fetches and verifies',
  'WasmPlugin.targetRefs[]': GATEWAY_API,
  'WasmPlugin.targetRefs[].group': GATEWAY_API,
  'WasmPlugin.targetRefs[].kind': GATEWAY_API,
  'WasmPlugin.targetRefs[].name': GATEWAY_API,
};
