/** What a DestinationRule does to the way to a service. */
import { APP_SUBSETS, AT_ONCE, destinationRule, eject, get, serviceEntry, talk, together, virtualService, type Scenario, type Step } from '../scenario.ts';

const POLICY = 'DestinationRule.trafficPolicy';
const policy = (host: string, blocks: string) => destinationRule(`{host: ${host}, trafficPolicy: {${blocks}}}`);
const pool = (blocks: string, host = 'one') => policy(host, `connectionPool: {${blocks}}`);
const balancer = (blocks: string) => policy('app', `loadBalancer: {${blocks}}`);
const hash = (blocks: string) => balancer(`consistentHash: {${blocks}}`);

/** Each asked once: without the rule who has them is drawn by lot, and all as with it once in 2²⁴ runs. */
const KEYS = Array.from({ length: 24 }, (_, i) => i);
const byHeader = KEYS.map((i) => get('app/', { status: 200 }, { headers: { 'x-user': `user ${i}` } }));
/** Drawn by lot, one of two is never drawn in one of 2³⁰ runs. */
const many = { times: 30, tally: 'body' } as const;
const one = (body: string) => ({ shares: { [body]: 1 } });

const BALANCING: readonly Scenario[] = [
  { name: 'round robin takes turns', covers: [`${POLICY}.loadBalancer.simple`], without: { [`${POLICY}.loadBalancer.simple`]: 'PASSTHROUGH' }, mesh: balancer('simple: ROUND_ROBIN'), apps: { 80: 'listens' }, steps: [get('app/', { shares: { 'app-v1': 0.5, 'app-v2': 0.5 } }, { ...many, at: '10.244.3.2:80' })] },
  { name: 'PASSTHROUGH goes where the caller dialled', covers: [`${POLICY}.loadBalancer.simple`], without: { [`${POLICY}.loadBalancer.simple`]: 'ROUND_ROBIN' }, mesh: balancer('simple: PASSTHROUGH'), apps: { 80: 'listens' }, steps: [get('app/', { status: 200, body: 'app-v2', seen: [{ at: 'app-v2', port: 80 }] }, { at: '10.244.3.2:80' })] },
  { name: 'a header keeps its endpoint', covers: [`${POLICY}.loadBalancer.consistentHash`, `${POLICY}.loadBalancer.consistentHash.httpHeaderName`], without: { [`${POLICY}.loadBalancer.consistentHash.httpHeaderName`]: 'x-other' }, mesh: hash('httpHeaderName: x-user'), steps: byHeader },
  { name: 'a query parameter keeps its endpoint', covers: [`${POLICY}.loadBalancer.consistentHash.httpQueryParameterName`], without: { [`${POLICY}.loadBalancer.consistentHash.httpQueryParameterName`]: 'other' }, mesh: hash('httpQueryParameterName: user'), steps: KEYS.map((i) => get(`app/?user=${i}`, { status: 200 })) },
  { name: 'a cookie keeps its endpoint', covers: [`${POLICY}.loadBalancer.consistentHash.httpCookie.name`], without: { [`${POLICY}.loadBalancer.consistentHash.httpCookie.name`]: 'other' }, mesh: hash('httpCookie: {name: user}'), steps: KEYS.map((i) => get('app/', { status: 200 }, { headers: { cookie: `a=b; user="${i}"` } })) },
  { name: 'a client address keeps its endpoint', covers: [`${POLICY}.loadBalancer.consistentHash.useSourceIp`], mesh: hash('useSourceIp: true'), steps: [get('app/', { status: 200 }), get('app/', { status: 200 })] },
  { name: 'a client address keeps its endpoint over TCP', mesh: hash('useSourceIp: true'), steps: KEYS.slice(0, 3).map(() => talk('app:9000', [{ send: 'a' }, { until: ':a' }, { finish: true }, { untilEnd: true }], { end: 'closed' })) },
  { name: 'a ring of few points', covers: [`${POLICY}.loadBalancer.consistentHash.ringHash.minimumRingSize`], mesh: hash('httpHeaderName: x-user, ringHash: {minimumRingSize: 3}'), steps: byHeader },
  { name: 'Maglev has a table of its own', covers: [`${POLICY}.loadBalancer.consistentHash.maglev`, `${POLICY}.loadBalancer.consistentHash.maglev.tableSize`], mesh: hash('httpHeaderName: x-user, maglev: {tableSize: 13}'), steps: byHeader },
];

const PLACES = serviceEntry('{hosts: [shop.test], addresses: [10.250.9.1], location: MESH_EXTERNAL, resolution: STATIC, ports: [{number: 80, name: http, protocol: HTTP}], endpoints: [{address: 10.250.0.1, locality: near/a}, {address: 10.250.0.2, locality: far/b}]}');
const place = (blocks: string, more = '') => [PLACES, policy('shop.test', `loadBalancer: {localityLbSetting: {${blocks}}}${more}`)];
const EVERYTHING_FAR = 'distribute: [{from: "*", to: {"far/*": 100}}]';
const setting = `${POLICY}.loadBalancer.localityLbSetting`;
const LOCALITY: readonly Scenario[] = [
  { name: 'shares send everything to one place', covers: [`${setting}.distribute[]`, `${setting}.distribute[].from`, `${setting}.distribute[].to{}`], without: { [`${setting}.distribute[].from`]: 'elsewhere', [`${setting}.distribute[].to{}`]: { 'near/*': 100 } }, mesh: place(EVERYTHING_FAR), steps: [get('shop.test/', { shares: { '10.250.0.2': 1 } }, { ...many, tally: 'seen' })] },
  { name: 'shares can be switched off', covers: [`${setting}.enabled`], mesh: [PLACES, policy('shop.test', `loadBalancer: {simple: ROUND_ROBIN, localityLbSetting: {enabled: false, ${EVERYTHING_FAR}}}`)], steps: [get('shop.test/', { shares: { '10.250.0.1': 0.5, '10.250.0.2': 0.5 } }, { ...many, tally: 'seen' })] },
  { name: 'endpoints with the client’s labels come first', covers: [`${setting}.failoverPriority[]`], mesh: policy('app', 'loadBalancer: {localityLbSetting: {failoverPriority: [version]}}, outlierDetection: {}'), steps: [get('app/', one('app-v1'), many)] },
];

const CONNECTIONS = { times: 3, tally: 'connections' } as const;
const tcp = `${POLICY}.connectionPool.tcp`;
const http = `${POLICY}.connectionPool.http`;
const POOLS: readonly Scenario[] = [
  { name: 'a connection takes one request', covers: [`${http}.maxRequestsPerConnection`], mesh: pool('http: {maxRequestsPerConnection: 1}'), steps: [get('one/', { shares: { '3 connections': 1 } }, CONNECTIONS)] },
  { name: 'a connection is not used when it is too old', covers: [`${tcp}.maxConnectionDuration`], mesh: pool('tcp: {maxConnectionDuration: 300ms}'), steps: [get('one/', { shares: { '3 connections': 1 } }, { ...CONNECTIONS, app: { delayMs: 700 } })] },
  { name: 'more requests than may be in flight are refused', covers: [`${http}.http2MaxRequests`], mesh: pool('http: {http2MaxRequests: 1}'), steps: [together(get('one/', { status: 200 }, { app: { delayMs: 400 } }), get('one/', { status: 503, headers: { 'x-envoy-overloaded': 'true' }, log: { flags: 'UO' } }, { app: { delayMs: 400 } }))] },
  { name: 'requests wait for the only connection', mesh: pool('tcp: {maxConnections: 1}'), steps: [together(get('one/', { status: 200 }, { app: { delayMs: 150 } }), get('one/', { status: 200 }, { app: { delayMs: 150 } }))] },
  { name: 'an endpoint that does not answer is given up', covers: [`${tcp}.connectTimeout`], mesh: pool('tcp: {connectTimeout: 200ms}'), silent: ['10.244.3.5:8080'], steps: [get('one/', { status: 503, log: { flags: 'URX,UF' } }, { timeoutMs: 3000 })] },
  { name: 'bytes that stop end the connection', covers: [`${tcp}.idleTimeout`], mesh: pool('tcp: {idleTimeout: 600ms}'), steps: [talk('one:9000', [{ send: 'a' }, { until: ':a' }, { untilEnd: true }], { end: 'closed' }, { timeoutMs: 4000 })] },
  { name: 'an HTTP port is upgraded to HTTP/2', covers: [`${http}.h2UpgradePolicy`], mesh: pool('http: {h2UpgradePolicy: UPGRADE}'), steps: [get('one/', { status: 200, seen: [{ protocol: 'HTTP/2' }] })] },
  { name: 'the mesh upgrades, a policy does not', covers: [`${http}.h2UpgradePolicy`], mesh: pool('http: {h2UpgradePolicy: DO_NOT_UPGRADE}'), config: { h2UpgradePolicy: 'UPGRADE' }, steps: [get('one/', { status: 200, seen: [{ protocol: 'HTTP/1.1' }] })] },
  { name: 'the client’s protocol is kept', covers: [`${http}.useClientProtocol`], mesh: pool('http: {useClientProtocol: true}'), steps: [get('one/', { status: 200, seen: [{ protocol: 'HTTP/2' }] }, { version: 2 }), get('one/', { status: 200, seen: [{ protocol: 'HTTP/1.1' }] })] },
];

const SICK = { in: ['app-v1'], status: 500 } as const;
const ejects = (blocks: string, more = 'loadBalancer: {simple: ROUND_ROBIN}') => `${policy('app', `${more}, outlierDetection: {${blocks}}`)}---\n${AT_ONCE}`;
const outlier = `${POLICY}.outlierDetection`;
const tally = { times: 20, tally: 'status' } as const;
/** Fails at one endpoint until that is ejected; then nothing fails. */
const ejected = (status: number): Step[] => [eject(['10.244.3.1:8080'], get('app/', {}, { app: { in: ['app-v1'], status } })), get('app/', { shares: { 200: 1 } }, { ...tally, app: { in: ['app-v1'], status } })];
const OUTLIERS: readonly Scenario[] = [
  { name: 'an endpoint that fails is left out', covers: [`${outlier}.consecutive5xxErrors`, `${outlier}.maxEjectionPercent`], without: { [`${outlier}.consecutive5xxErrors`]: 1_000_000 }, mesh: ejects('consecutive5xxErrors: 1, interval: 10s, baseEjectionTime: 60s, maxEjectionPercent: 50'), steps: ejected(500) },
  { name: 'of two endpoints the default share ejects none', mesh: ejects('consecutive5xxErrors: 1, interval: 10s, baseEjectionTime: 60s'), steps: [get('app/', { shares: { 200: 0.5, 500: 0.5 } }, { ...tally, app: SICK })] },
  { name: 'gateway errors have a count of their own', covers: [`${outlier}.consecutiveGatewayErrors`], mesh: ejects('consecutive5xxErrors: 0, consecutiveGatewayErrors: 1, interval: 10s, baseEjectionTime: 60s, maxEjectionPercent: 50'), steps: [get('app/', { shares: { 200: 0.5, 500: 0.5 } }, { ...tally, app: SICK }), ...ejected(502)] },
  { name: 'an ejected endpoint comes back', covers: [`${outlier}.baseEjectionTime`, `${outlier}.interval`], mesh: ejects('consecutive5xxErrors: 1, interval: 100ms, baseEjectionTime: 800ms, maxEjectionPercent: 50'), steps: [get('app/', { shares: { 200: 0.5, 500: 0.5 } }, { times: 2, tally: 'status', app: SICK }), get('one/', { status: 200 }, { app: { delayMs: 2000 } }), get('app/', { shares: { 'app-v1': 0.5, 'app-v2': 0.5 } }, many)] },
  { name: 'connections that fail eject too', covers: [`${outlier}.splitExternalLocalOriginErrors`, `${outlier}.consecutiveLocalOriginFailures`], mesh: [ejects('consecutive5xxErrors: 0, splitExternalLocalOriginErrors: true, consecutiveLocalOriginFailures: 1, interval: 10s, baseEjectionTime: 60s, maxEjectionPercent: 50'), virtualService('{hosts: [app], http: [{retries: {attempts: 0}, route: [{destination: {host: app}}]}]}')], without: { [`${outlier}.consecutiveLocalOriginFailures`]: 1_000_000 }, refuses: ['10.244.3.1:8080'], steps: [eject(['10.244.3.1:8080'], get('app/', {})), get('app/', { shares: { 200: 1 } }, tally)] },
  { name: 'with too few healthy endpoints all are used', covers: [`${outlier}.minHealthPercent`], mesh: ejects('consecutive5xxErrors: 1, interval: 10s, baseEjectionTime: 60s, maxEjectionPercent: 50, minHealthPercent: 60'), steps: [eject(['10.244.3.1:8080'], get('app/', {}, { app: SICK })), get('app/', { shares: { 200: 0.5, 500: 0.5 } }, { ...tally, app: SICK })] },
];

const V1_ONLY = virtualService('{hosts: [app], http: [{route: [{destination: {host: app, subset: v1}}]}]}');
const port = `${POLICY}.portLevelSettings[]`;
const SCOPE: readonly Scenario[] = [
  { name: 'a subset is the pods with its labels', covers: ['DestinationRule.subsets[].labels{}', 'DestinationRule.subsets[].name', 'DestinationRule.host'], without: { 'DestinationRule.subsets[].labels{}': { version: 'v2' }, 'DestinationRule.subsets[].name': 'v9', 'DestinationRule.host': 'other' }, mesh: [APP_SUBSETS, V1_ONLY], steps: [get('app/', one('app-v1'), many)] },
  { name: 'a subset has a policy of its own', covers: ['DestinationRule.subsets[].trafficPolicy'], mesh: [destinationRule('{host: app, subsets: [{name: v1, labels: {version: v1}, trafficPolicy: {connectionPool: {http: {h2UpgradePolicy: UPGRADE}}}}]}'), V1_ONLY], steps: [get('app/', { status: 200, seen: [{ at: 'app-v1', protocol: 'HTTP/2' }] })] },
  { name: 'a port has settings of its own and takes nothing from above', covers: [port, `${port}.port.number`, `${port}.connectionPool`], without: { [`${port}.port.number`]: 81 }, mesh: policy('one', 'connectionPool: {http: {maxRequestsPerConnection: 1}}, portLevelSettings: [{port: {number: 80}, connectionPool: {http: {h2UpgradePolicy: UPGRADE}}}]'), steps: [get('one/', { status: 200, seen: [{ protocol: 'HTTP/2' }] }), get('one/', { shares: { '1 connections': 1 } }, CONNECTIONS)] },
  { name: 'a port balances by itself', covers: [`${port}.loadBalancer`], mesh: policy('app', 'portLevelSettings: [{port: {number: 80}, loadBalancer: {consistentHash: {httpHeaderName: x-user}}}]'), steps: byHeader },
  { name: 'a port ejects by itself', covers: [`${port}.outlierDetection`], mesh: [AT_ONCE, policy('app', 'portLevelSettings: [{port: {number: 80}, loadBalancer: {simple: ROUND_ROBIN}, outlierDetection: {consecutive5xxErrors: 1, interval: 10s, maxEjectionPercent: 50}}]')], steps: ejected(500) },
  { name: 'a rule is not for other namespaces when it says so', covers: ['DestinationRule.exportTo[]'], mesh: destinationRule('{host: one.default.svc.cluster.local, exportTo: ["."], trafficPolicy: {connectionPool: {http: {h2UpgradePolicy: UPGRADE}}}}', 'dr', 'istio-system'), steps: [get('one/', { status: 200, seen: [{ protocol: 'HTTP/1.1' }] })] },
  { name: 'a rule is for the clients that it names', covers: ['DestinationRule.workloadSelector.matchLabels{}'], without: { 'DestinationRule.workloadSelector.matchLabels{}': { app: 'other' } }, mesh: destinationRule('{host: one, workloadSelector: {matchLabels: {app: client}}, trafficPolicy: {connectionPool: {http: {h2UpgradePolicy: UPGRADE}}}}'), steps: [get('one/', { status: 200, seen: [{ protocol: 'HTTP/2' }] })] },
];

const tls = `${POLICY}.tls`;
const ANYBODY = 'mode: SIMPLE, insecureSkipVerify: true';
const TLS: readonly Scenario[] = [
  { name: 'a server is called over TLS', covers: [`${tls}.mode`, `${tls}.insecureSkipVerify`], without: { [`${tls}.mode`]: 'DISABLE' }, mesh: policy('one', `tls: {${ANYBODY}}`), steps: [get('one/', { status: 200, seen: [{ tls: { client: '' } }] })] },
  { name: 'a server is called by the name of the policy', covers: [`${tls}.sni`], mesh: policy('one', `tls: {${ANYBODY}, sni: shop.example}`), steps: [get('one/', { status: 200, seen: [{ tls: { sni: 'shop.example' } }] })] },
  { name: 'a server that nobody vouches for is refused', mesh: policy('one', 'tls: {mode: SIMPLE}'), steps: [get('one/', { status: 503, log: { flags: /UF/ } })], ignores: ['log.failure', 'log.details'] },
  { name: 'a port is called over TLS', covers: [`${port}.tls`], mesh: policy('one', `portLevelSettings: [{port: {number: 80}, tls: {${ANYBODY}}}]`), steps: [get('one/', { status: 200, seen: [{ tls: {} }] })] },
  { name: 'inside the mesh another name than the policy’s is refused', covers: [`${tls}.subjectAltNames[]`], mesh: policy('server', 'tls: {mode: ISTIO_MUTUAL, subjectAltNames: ["spiffe://cluster.local/ns/default/sa/other"]}'), steps: [get('server/', { status: 503, log: { flags: /UF/ } })] },
  { name: 'a policy asks for plaintext where mutual TLS would be spoken', covers: [`${tls}.mode`], mesh: policy('server', 'tls: {mode: DISABLE}'), steps: [get('server/', { status: 200, seen: [{ headers: { 'x-forwarded-client-cert': null } }] })] },
];

export const DESTINATION_RULES: readonly Scenario[] = [...BALANCING, ...LOCALITY, ...POOLS, ...OUTLIERS, ...SCOPE, ...TLS];
