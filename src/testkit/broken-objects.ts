/** For tests: objects of the mesh that are broken, each in another way, and what must be said of each. */
import { stringify } from 'yaml';
import type { KubeObject } from '../kube/object.ts';
import { KINDS } from '../api/kinds.ts';

export interface BrokenObject {
  readonly object: KubeObject;
  /** Stands in the API server's answer, or in the message of a condition that is False. */
  readonly says: RegExp;
}

type Spec = Record<string, unknown>;
type Row = readonly [kind: string, spec: unknown, says: RegExp];

const LONG = 'x'.repeat(64);
const route = { destination: { host: 'good-0.good.svc.cluster.local' } };
const vs = (over: Spec): Spec => ({ hosts: ['broken.example.com'], http: [{ route: [route] }], ...over });
const rule = (over: Spec): Spec => vs({ http: [{ route: [route], ...over }] });
const dr = (trafficPolicy: Spec): Spec => ({ host: 'broken-target', trafficPolicy });
const se = (over: Spec): Spec => ({ hosts: ['broken.example.com'], ports: [{ number: 80, name: 'http', protocol: 'HTTP' }], resolution: 'NONE', ...over });
const server = (over: Spec): Spec => ({ selector: { app: 'broken-edge' }, servers: [{ port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: ['broken.example.com'], ...over }] });
const tls = (settings: Spec): Spec => server({ port: { number: 443, name: 'https', protocol: 'HTTPS' }, tls: settings });
/** Policies are for a workload that nobody asks anything of. */
const victim = { matchLabels: { app: 'victim' } };
const authz = (over: Spec): Spec => ({ selector: victim, action: 'DENY', rules: [{}], ...over });
const from = (source: Spec): Spec => authz({ rules: [{ from: [{ source }] }] });
const to = (operation: Spec): Spec => authz({ rules: [{ to: [{ operation }] }] });
const when = (condition: Spec): Spec => authz({ rules: [{ when: [condition] }] });
const jwt = (over: Spec): Spec => ({ selector: victim, jwtRules: [{ issuer: 'me', jwks: '{"keys": []}', ...over }] });

const filter = (applyTo: string, patch: Spec, match: Spec = {}): Spec => ({ workloadSelector: { labels: { app: 'victim' } }, configPatches: [{ applyTo, match, patch }] });

/** A row for each of the values. */
const each = (values: readonly unknown[], row: (value: unknown) => Row): Row[] => values.map(row);
const nested = (path: string, value: unknown): Spec => path.split('.').reduceRight<unknown>((inner, key) => ({ [key]: inner }), value) as Spec;

const BAD_DURATIONS = ['-1s', 'abc', '5', '0.1ms', ''];
const BAD_REGEX = ['(', '[a', '(?=x)', '*a'];
const BAD_PORTS = [65_536, -1];
const BAD_HOSTS = ['a b.example.com', 'a..example.com', '-a.example.com', `${LONG}.example.com`, 'a.*.example.com', ''];

const ROWS: readonly Row[] = [
  // VirtualService: what it is for
  ['VirtualService', {}, /http, tcp or tls must be provided/],
  ['VirtualService', vs({ hosts: [] , gateways: ['mesh'] }), /a delegate, which has no hosts, cannot have gateways/],
  ['VirtualService', vs({ http: [] }), /http, tcp or tls must be provided/],
  ['VirtualService', vs({ hosts: ['a.example.com', 'a.example.com'] }), /spec\.hosts\[1\]: duplicate host/],
  ['VirtualService', vs({ hosts: ['*'] }), /wildcard host \* is not allowed/],
  ...each(BAD_HOSTS, (host) => ['VirtualService', vs({ hosts: [host] }), /spec\.hosts\[0\]/]),
  ['VirtualService', vs({ gateways: ['a/b/c'] }), /spec\.gateways\[0\]/],
  ['VirtualService', vs({ exportTo: ['Not_A_Namespace'] }), /spec\.exportTo/],
  // VirtualService: rules
  ['VirtualService', rule({ route: [] }), /HTTP route, redirect or direct_response is required/],
  ['VirtualService', rule({ redirect: { uri: '/' } }), /has route and redirect/],
  ['VirtualService', rule({ directResponse: { status: 200 } }), /has route and directResponse/],
  ['VirtualService', vs({ http: [{ redirect: { uri: '/' }, rewrite: { uri: '/' } }] }), /redirect cannot have rewrite/],
  ['VirtualService', vs({ http: [{ redirect: { redirectCode: 200 } }] }), /redirectCode/],
  ['VirtualService', vs({ http: [{ redirect: { scheme: 'ftp' } }] }), /redirect\.scheme/],
  ['VirtualService', vs({ http: [{ redirect: { port: 80, derivePort: 'FROM_REQUEST_PORT' } }] }), /redirect/],
  ['VirtualService', vs({ http: [{ directResponse: {} }] }), /status/],
  ['VirtualService', vs({ http: [{ directResponse: { status: 9999 } }] }), /directResponse\.status/],
  ['VirtualService', vs({ http: [{ directResponse: { status: 200, body: { string: 'x'.repeat(1_048_577) } } }] }), /body/],
  ['VirtualService', vs({ http: [{ delegate: {} }] }), /delegate\.name/],
  ['VirtualService', { http: [{ delegate: { name: 'x' } }] }, /a delegate cannot delegate further/],
  ...each([[0, 0], [-1, 101], [2 ** 31, 2 ** 31]], (weights) => ['VirtualService', rule({ route: (weights as number[]).map((weight) => ({ ...route, weight })) }), /weight|route/]),
  ['VirtualService', rule({ route: [{ weight: 100 }] }), /destination/],
  ['VirtualService', rule({ route: [{ destination: {} }] }), /host/],
  ['VirtualService', rule({ route: [{ destination: { host: '' } }] }), /host/],
  ...each(BAD_PORTS, (number) => ['VirtualService', rule({ route: [{ destination: { host: 'good-0.good.svc.cluster.local', port: { number } } }] }), /port/]),
  ['VirtualService', rule({ route: [{ destination: { host: 'good-0.good.svc.cluster.local', subset: 'Not A Subset' } }] }), /subset (Not A Subset of good-0|"Not A Subset" not found: DestinationRule good\/good-0)/],
  ...each(BAD_REGEX, (regex) => ['VirtualService', rule({ match: [{ uri: { regex } }] }), /match\[0\]\.uri/]),
  ...each(BAD_REGEX, (regex) => ['VirtualService', rule({ match: [{ headers: { 'x-a': { regex } } }] }), /headers/]),
  ...each(BAD_REGEX.slice(0, 2), (regex) => ['VirtualService', rule({ match: [{ queryParams: { a: { regex } } }] }), /queryParams/]),
  ...each(BAD_REGEX.slice(0, 2), (regex) => ['VirtualService', rule({ match: [{ authority: { regex } }] }), /authority/]),
  ...each(BAD_REGEX.slice(0, 2), (regex) => ['VirtualService', rule({ match: [{ withoutHeaders: { a: { regex } } }] }), /withoutHeaders/]),
  ['VirtualService', rule({ match: [{ uri: { exact: '/a', prefix: '/b' } }] }), /uri/],
  ['VirtualService', rule({ match: [{ headers: { 'bad name': { exact: 'x' } } }] }), /headers/],
  ['VirtualService', rule({ match: [{ sourceLabels: { 'bad key!': 'x' } }] }), /sourceLabels/],
  ['VirtualService', rule({ match: [{ port: 65_536 }] }), /port/],
  ['VirtualService', rule({ rewrite: { uri: '/', uriRegexRewrite: { match: 'a', rewrite: 'b' } } }), /rewrite/],
  ['VirtualService', rule({ rewrite: { uriRegexRewrite: { match: '(', rewrite: 'b' } } }), /uriRegexRewrite/],
  ...each(BAD_DURATIONS.slice(0, 4), (timeout) => ['VirtualService', rule({ timeout }), /timeout/]),
  ...each(BAD_DURATIONS.slice(0, 4), (perTryTimeout) => ['VirtualService', rule({ retries: { attempts: 2, perTryTimeout } }), /perTryTimeout/]),
  ...each(BAD_DURATIONS.slice(0, 3), (backoff) => ['VirtualService', rule({ retries: { attempts: 2, backoff } }), /backoff/]),
  ['VirtualService', rule({ retries: { attempts: -1 } }), /attempts/],
  ['VirtualService', rule({ retries: { attempts: 2, retryOn: 'no-such-reason' } }), /retryOn/],
  ['VirtualService', rule({ retries: { attempts: 2, retryOn: '999999' } }), /retryOn/],
  ...each(BAD_DURATIONS.slice(0, 3), (fixedDelay) => ['VirtualService', rule({ fault: { delay: { fixedDelay, percentage: { value: 1 } } } }), /fixedDelay/]),
  ...each([-1, 101], (value) => ['VirtualService', rule({ fault: { abort: { httpStatus: 500, percentage: { value } } } }), /percentage/]),
  ...each([0, 99, 600], (httpStatus) => ['VirtualService', rule({ fault: { abort: { httpStatus } } }), /httpStatus|abort/]),
  ['VirtualService', rule({ fault: { abort: { grpcStatus: 'NO_SUCH_STATUS' } } }), /grpcStatus/],
  ['VirtualService', rule({ fault: { abort: {} } }), /abort/],
  ...each([-1, 101], (value) => ['VirtualService', rule({ mirror: { host: 'good-0.good.svc.cluster.local' }, mirrorPercentage: { value } }), /mirrorPercentage/]),
  ['VirtualService', rule({ mirror: { host: 'good-0.good.svc.cluster.local' }, mirrors: [{ destination: { host: 'good-0.good.svc.cluster.local' } }] }), /mirror/],
  ['VirtualService', rule({ mirrors: [{}] }), /destination/],
  ...each(BAD_REGEX.slice(0, 2), (regex) => ['VirtualService', rule({ corsPolicy: { allowOrigins: [{ regex }] } }), /allowOrigins/]),
  ['VirtualService', rule({ corsPolicy: { allowMethods: ['NO SUCH METHOD'] } }), /allowMethods/],
  ['VirtualService', rule({ corsPolicy: { maxAge: 'abc' } }), /maxAge/],
  ['VirtualService', rule({ headers: { request: { set: { 'bad name': 'x' } } } }), /headers/],
  ['VirtualService', rule({ headers: { response: { remove: [''] } } }), /headers/],
  // VirtualService: TLS and TCP
  ['VirtualService', vs({ http: undefined, tls: [{ match: [], route: [route] }] }), /tls/],
  ['VirtualService', vs({ http: undefined, tls: [{ match: [{ sniHosts: ['other.example.org'] }], route: [route] }] }), /not a compatible subset/],
  ['VirtualService', vs({ http: undefined, tcp: [{ route: [] }] }), /at least one destination/],
  ['VirtualService', vs({ http: undefined, tcp: [{ match: [{ destinationSubnets: ['10.0.0.0/99'] }], route: [route] }] }), /destinationSubnets/],
  ['VirtualService', vs({ http: undefined, tcp: [{ route: [{ ...route, weight: 0 }, { ...route, weight: 0 }] }] }), /weight/],
  // VirtualService: references
  ['VirtualService', vs({ gateways: ['no-such-gateway'] }), /Gateway broken\/no-such-gateway does not exist/],
  ['VirtualService', rule({ route: [{ destination: { host: 'no-such-host' } }] }), /host no-such-host\.broken\.svc\.cluster\.local is not a service/],
  ['VirtualService', rule({ route: [{ destination: { host: 'good-0.good.svc.cluster.local', subset: 'v9' } }] }), /subset (v9 of good-0\.good\.svc\.cluster\.local is not in DestinationRule good\/good-0 \(has v1\)|"v9" not found: DestinationRule good\/good-0 for good-0\.good\.svc\.cluster\.local has only v1)/],
  ['VirtualService', rule({ route: [{ destination: { host: 'good-0.good.svc.cluster.local', port: { number: 81 } } }] }), /port 81 is not a port of good-0/],
  ['VirtualService', vs({ http: [{ delegate: { name: 'no-such-delegate' } }] }), /VirtualService broken\/no-such-delegate does not exist/],
  ['VirtualService', rule({ mirror: { host: 'no-such-mirror' } }), /no-such-mirror/],
  // VirtualService: wrong types and numbers out of range
  ['VirtualService', vs({ hosts: 'broken.example.com' }), /hosts/],
  ['VirtualService', vs({ http: {} }), /http/],
  ['VirtualService', rule({ route: [{ ...route, weight: 'many' }] }), /weight/],
  ['VirtualService', rule({ route: [{ ...route, weight: 1.5 }] }), /weight/],
  ['VirtualService', rule({ route: [{ ...route, weight: 2 ** 40 }] }), /weight/],
  ['VirtualService', rule({ timeout: 5 }), /timeout/],
  ['VirtualService', rule({ match: 'all' }), /match/],
  ['VirtualService', rule({ match: [{ uri: '/' }] }), /uri/],
  ['VirtualService', rule({ retries: 3 }), /retries/],
  ['VirtualService', 'nothing', /spec/],

  // DestinationRule
  ['DestinationRule', {}, /host/],
  ['DestinationRule', { host: '' }, /host/],
  ...each(BAD_HOSTS.slice(0, 4), (host) => ['DestinationRule', { host }, /host/]),
  ['DestinationRule', { host: 'broken-target', subsets: [{ labels: {} }] }, /name/],
  ['DestinationRule', { host: 'broken-target', subsets: [{ name: 'a' }, { name: 'a' }] }, /subsets\[1\]/],
  ['DestinationRule', { host: 'broken-target', subsets: [{ name: 'a', labels: { 'bad key!': 'x' } }] }, /labels/],
  ['DestinationRule', { host: 'broken-target', subsets: [{ name: 'a', labels: { a: 'bad value!' } }] }, /labels/],
  ['DestinationRule', dr({ loadBalancer: { simple: 'NO_SUCH' } }), /simple/],
  ['DestinationRule', dr({ loadBalancer: { simple: 'RANDOM', consistentHash: { useSourceIp: true } } }), /loadBalancer/],
  ['DestinationRule', dr({ loadBalancer: { consistentHash: {} } }), /consistentHash/],
  ['DestinationRule', dr({ loadBalancer: { consistentHash: { useSourceIp: true, httpHeaderName: 'x' } } }), /consistentHash/],
  ['DestinationRule', dr({ loadBalancer: { consistentHash: { useSourceIp: true, maglev: { tableSize: 100 } } } }), /prime/],
  ['DestinationRule', dr({ loadBalancer: { consistentHash: { useSourceIp: true, ringHash: { minimumRingSize: 9_000_000 } } } }), /minimumRingSize/],
  ['DestinationRule', dr({ loadBalancer: { localityLbSetting: { distribute: [{ from: 'a', to: { a: 10 } }] } } }), /locality weight/],
  ['DestinationRule', dr({ loadBalancer: { localityLbSetting: { failover: [{ from: 'a', to: 'a' }] } } }), /failover/],
  ['DestinationRule', dr({ loadBalancer: { warmup: { duration: 'abc' } } }), /warmup/],
  ['DestinationRule', dr({ loadBalancer: { warmup: { duration: '1s', minimumPercent: 101 } } }), /minimumPercent/],
  ...each(['tcp.maxConnections', 'tcp.tcpKeepalive.probes', 'http.http1MaxPendingRequests', 'http.http2MaxRequests', 'http.maxRequestsPerConnection'], (path) => ['DestinationRule', dr({ connectionPool: nested(String(path), -1) }), new RegExp(String(path).split('.').at(-1) ?? '')]),
  ...each(['tcp.connectTimeout', 'tcp.idleTimeout', 'tcp.maxConnectionDuration', 'tcp.tcpKeepalive.time', 'http.idleTimeout'], (path) => ['DestinationRule', dr({ connectionPool: nested(String(path), 'abc') }), new RegExp(String(path).split('.').at(-1) ?? '')]),
  ...each(['interval', 'baseEjectionTime'], (field) => ['DestinationRule', dr({ outlierDetection: { [String(field)]: '0s' } }), new RegExp(String(field))]),
  ...each(['maxEjectionPercent', 'minHealthPercent'], (field) => ['DestinationRule', dr({ outlierDetection: { [String(field)]: 101 } }), new RegExp(String(field))]),
  ['DestinationRule', dr({ outlierDetection: { consecutive5xxErrors: -1 } }), /consecutive5xxErrors/],
  ['DestinationRule', dr({ tls: { mode: 'MUTUAL' } }), /certificate/i],
  ['DestinationRule', dr({ tls: { mode: 'MUTUAL', clientCertificate: '/etc/certs/cert.pem' } }), /privateKey|key/],
  ['DestinationRule', dr({ tls: { mode: 'ISTIO_MUTUAL', clientCertificate: '/etc/certs/cert.pem' } }), /ISTIO_MUTUAL|clientCertificate/],
  ['DestinationRule', dr({ tls: { mode: 'NO_SUCH' } }), /mode/],
  ['DestinationRule', dr({ portLevelSettings: [{ port: { number: 0 } }] }), /port/],
  ['DestinationRule', dr({ portLevelSettings: [{ loadBalancer: { simple: 'RANDOM' } }] }), /port/],
  ['DestinationRule', dr({ tunnel: { targetHost: 'x' } }), /targetPort/],
  ['DestinationRule', { host: 'broken-target', exportTo: ['.', '*'] }, /exportTo/],
  ['DestinationRule', { host: 'broken-target', trafficPolicy: 'fast' }, /trafficPolicy/],
  ['DestinationRule', { host: ['broken-target'] }, /host/],
  ['DestinationRule', { host: 'no-such-host' }, /host no-such-host\.broken\.svc\.cluster\.local is not a service/],

  // Gateway
  ['Gateway', {}, /servers/],
  ['Gateway', { selector: { app: 'broken-edge' }, servers: [] }, /servers/],
  ['Gateway', { servers: [{ hosts: ['a.example.com'] }] }, /port/],
  ['Gateway', { servers: [{ port: { number: 80, name: 'http', protocol: 'HTTP' } }] }, /hosts/],
  ['Gateway', server({ hosts: [] }), /hosts/],
  ...each(BAD_HOSTS.slice(0, 5), (host) => ['Gateway', server({ hosts: [host] }), /hosts/]),
  ...each(BAD_PORTS, (number) => ['Gateway', server({ port: { number, name: 'http', protocol: 'HTTP' } }), /port/]),
  ['Gateway', server({ port: { number: 80, name: 'http', protocol: 'NO_SUCH' } }), /protocol/],
  ['Gateway', server({ port: { number: 80, protocol: 'HTTP' } }), /name/],
  ['Gateway', server({ port: { number: 443, name: 'https', protocol: 'HTTPS' } }), /tls/],
  ['Gateway', tls({ mode: 'SIMPLE' }), /certificate|credential/i],
  ['Gateway', tls({ mode: 'SIMPLE', serverCertificate: '/etc/certs/cert.pem' }), /privateKey|key/],
  ['Gateway', tls({ mode: 'MUTUAL', serverCertificate: '/a', privateKey: '/b' }), /caCertificates|ca/i],
  ['Gateway', tls({ mode: 'NO_SUCH', credentialName: 'x' }), /mode/],
  ['Gateway', tls({ mode: 'SIMPLE', credentialName: 'x', credentialNames: ['y'] }), /credentialName/],
  ['Gateway', tls({ mode: 'SIMPLE', credentialName: 'x', minProtocolVersion: 'TLSV9' }), /minProtocolVersion/],
  ['Gateway', { selector: { app: 'broken-edge' }, servers: [80, 80].map((number) => ({ port: { number, name: 'http', protocol: 'HTTP' }, hosts: ['a.example.com'], name: 'same' })) }, /name|duplicate/i],
  ['Gateway', server({ bind: 'not an address' }), /bind/],
  ['Gateway', { selector: 'app=x', servers: [] }, /selector/],
  ['Gateway', server({ port: '80' }), /port/],
  ['Gateway', server({}), /no pod has the labels of the selector \(app=broken-edge\)/],

  // ServiceEntry
  ['ServiceEntry', {}, /hosts/],
  ['ServiceEntry', se({ hosts: [] }), /hosts/],
  ['ServiceEntry', se({ hosts: ['*'] }), /hosts/],
  ...each(BAD_HOSTS.slice(0, 5), (host) => ['ServiceEntry', se({ hosts: [host] }), /hosts/]),
  ['ServiceEntry', se({ hosts: ['*.example.com'], resolution: 'DNS' }), /wildcard|hosts|DNS/],
  ['ServiceEntry', se({ ports: [{ number: 80, name: 'a', protocol: 'HTTP' }, { number: 80, name: 'b', protocol: 'HTTP' }] }), /port/],
  ['ServiceEntry', se({ ports: [{ number: 80, name: 'a', protocol: 'HTTP' }, { number: 81, name: 'a', protocol: 'HTTP' }] }), /name|duplicate/],
  ['ServiceEntry', se({ ports: [{ number: 65_536, name: 'a', protocol: 'HTTP' }] }), /port/],
  ['ServiceEntry', se({ ports: [{ number: 80, name: 'a', protocol: 'NO_SUCH' }] }), /protocol/],
  ['ServiceEntry', se({ addresses: ['10.0.0.0/99'] }), /addresses/],
  ['ServiceEntry', se({ addresses: ['not an address'] }), /addresses/],
  ['ServiceEntry', se({ resolution: 'NO_SUCH' }), /resolution/],
  ['ServiceEntry', se({ location: 'NOWHERE' }), /location/],
  ['ServiceEntry', se({ resolution: 'NONE', endpoints: [{ address: '10.1.1.1' }] }), /endpoints|NONE/],
  ['ServiceEntry', se({ resolution: 'STATIC', endpoints: [{ address: 'a.example.com' }] }), /address/],
  ['ServiceEntry', se({ resolution: 'STATIC', endpoints: [{}] }), /address/i],
  ['ServiceEntry', se({ resolution: 'STATIC', endpoints: [{ address: '10.1.1.1', ports: { http: 70_000 } }] }), /port/],
  ['ServiceEntry', se({ resolution: 'STATIC', endpoints: [{ address: 'unix://relative' }] }), /address|UDS/i],
  ['ServiceEntry', se({ resolution: 'DNS_ROUND_ROBIN', endpoints: [{ address: 'a.example.com' }, { address: 'b.example.com' }] }), /endpoint/],
  ['ServiceEntry', se({ resolution: 'STATIC', endpoints: [{ address: '10.1.1.1' }], workloadSelector: { labels: { a: 'b' } } }), /WorkloadSelector or Endpoints/],
  ['ServiceEntry', se({ ports: 'http' }), /ports/],

  // Sidecar, WorkloadEntry, WorkloadGroup, ProxyConfig
  ['Sidecar', { workloadSelector: { labels: { app: 'victim' } }, egress: [{}] }, /hosts/],
  ['Sidecar', { workloadSelector: { labels: { app: 'victim' } }, egress: [{ hosts: ['no-slash'] }] }, /hosts/],
  ['Sidecar', { workloadSelector: { labels: { app: 'victim' } }, egress: [{ hosts: ['./a b'] }] }, /hosts/],
  ['Sidecar', { workloadSelector: { labels: { app: 'victim' } }, ingress: [{ port: { number: 0, protocol: 'HTTP', name: 'a' } }] }, /port/],
  ['Sidecar', { workloadSelector: { labels: { app: 'victim' } }, ingress: [{ port: { number: 80, protocol: 'HTTP', name: 'a' }, defaultEndpoint: '10.1.1.1:80' }] }, /defaultEndpoint/],
  ['Sidecar', { workloadSelector: { labels: { app: 'victim' } }, ingress: [{ port: { number: 80, protocol: 'NO_SUCH', name: 'a' } }] }, /protocol/],
  ['Sidecar', { workloadSelector: { labels: { app: 'victim' } }, outboundTrafficPolicy: { mode: 'NO_SUCH' } }, /mode/],
  ['Sidecar', { workloadSelector: { labels: { app: 'victim' } }, egress: [{ hosts: ['broken/no-such-host.example.com'] }] }, /host no-such-host\.example\.com is not a service/],
  ['WorkloadEntry', {}, /address/i],
  ['WorkloadEntry', { address: 'unix://relative' }, /address|UDS/i],
  ['WorkloadEntry', { address: '10.1.1.1', ports: { http: 70_000 } }, /port/],
  ['WorkloadEntry', { address: '10.1.1.1', weight: -1 }, /weight/],
  ['WorkloadEntry', { address: '10.1.1.1', labels: { a: 1 } }, /labels/],
  ['WorkloadGroup', { template: { ports: { http: 70_000 } } }, /port/],
  ['WorkloadGroup', { template: {}, probe: { httpGet: {} } }, /port/],
  ['ProxyConfig', { concurrency: -1 }, /concurrency/],
  ['ProxyConfig', { environmentVariables: { a: 1 } }, /environmentVariables/],

  // Policies
  ['PeerAuthentication', { selector: victim, mtls: { mode: 'NO_SUCH' } }, /mode/],
  ['PeerAuthentication', { portLevelMtls: { 80: { mode: 'STRICT' } } }, /portLevelMtls|selector/],
  ['PeerAuthentication', { selector: victim, portLevelMtls: { 0: { mode: 'STRICT' } } }, /port/],
  ['PeerAuthentication', { selector: { matchLabels: { '': 'x' } } }, /matchLabels|key/],
  ['RequestAuthentication', jwt({ issuer: '' }), /issuer/],
  ['RequestAuthentication', { selector: victim, jwtRules: [{}] }, /issuer/],
  ['RequestAuthentication', jwt({ jwksUri: 'https://example.com/keys' }), /jwks/],
  ['RequestAuthentication', { selector: victim, jwtRules: [{ issuer: 'me', jwksUri: 'ftp://example.com' }] }, /jwksUri/],
  ['RequestAuthentication', jwt({ jwks: 'not json' }), /jwks/],
  ['RequestAuthentication', jwt({ fromHeaders: [{}] }), /fromHeaders|name/],
  ['RequestAuthentication', jwt({ outputClaimToHeaders: [{ header: 'bad name', claim: 'a' }] }), /outputClaimToHeaders|header/],
  ['AuthorizationPolicy', authz({ action: 'NO_SUCH' }), /action/],
  ['AuthorizationPolicy', authz({ action: 'CUSTOM' }), /provider/],
  ['AuthorizationPolicy', authz({ action: 'CUSTOM', provider: { name: 'no-such-provider' } }), /extension provider "no-such-provider" is not in the mesh configuration/],
  ['AuthorizationPolicy', authz({ provider: { name: 'x' } }), /provider/],
  ['AuthorizationPolicy', authz({ rules: [{ from: [] }] }), /from/],
  ['AuthorizationPolicy', authz({ rules: [{ to: [] }] }), /to/],
  ['AuthorizationPolicy', from({}), /source/],
  ['AuthorizationPolicy', from({ ipBlocks: ['10.0.0.0/99'] }), /ipBlocks|10\.0\.0\.0\/99/],
  ['AuthorizationPolicy', from({ remoteIpBlocks: ['nowhere'] }), /remoteIpBlocks|nowhere/],
  ['AuthorizationPolicy', from({ serviceAccounts: ['a'], principals: ['b'] }), /serviceAccounts/],
  ['AuthorizationPolicy', from({ principals: [''] }), /principals/],
  ['AuthorizationPolicy', to({}), /operation/],
  ['AuthorizationPolicy', to({ ports: ['http'] }), /ports/],
  ['AuthorizationPolicy', to({ ports: ['65536'] }), /ports/],
  ['AuthorizationPolicy', to({ paths: ['/{*'] }), /paths/],
  ['AuthorizationPolicy', to({ paths: 'all' }), /paths/],
  ['AuthorizationPolicy', when({ values: ['x'] }), /key/],
  ['AuthorizationPolicy', when({ key: 'no.such.key', values: ['x'] }), /key|no\.such\.key/],
  ['AuthorizationPolicy', when({ key: 'source.ip' }), /values/],
  ['AuthorizationPolicy', when({ key: 'source.ip', values: ['nowhere'] }), /nowhere|values/],
  ['AuthorizationPolicy', when({ key: 'destination.port', values: ['x'] }), /port|values/],

  // Telemetry and extensions
  ['Telemetry', { selector: victim, tracing: [{ randomSamplingPercentage: 101 }] }, /randomSamplingPercentage/],
  ['Telemetry', { selector: victim, tracing: [{ customTags: { a: {} } }] }, /customTags/],
  ['Telemetry', { selector: victim, tracing: [{ customTags: { a: { literal: { value: 'x' }, header: { name: 'y' } } } }] }, /customTags/],
  ['Telemetry', { selector: victim, accessLogging: [{ providers: [{}] }] }, /name/],
  ['Telemetry', { selector: victim, accessLogging: [{ providers: [{ name: 'no-such-provider' }] }] }, /extension provider "no-such-provider"/],
  ['Telemetry', { selector: victim, metrics: [{ overrides: [{ tagOverrides: { a: { operation: 'UPSERT' } } }] }] }, /tagOverrides|value/],
  ['Telemetry', { selector: victim, metrics: [{ reportingInterval: 'abc' }] }, /reportingInterval/],
  ['EnvoyFilter', { configPatches: [{ applyTo: 'NO_SUCH' }] }, /applyTo/],
  ['EnvoyFilter', filter('CLUSTER', { operation: 'MERGE', value: { conect_timeout: '1s' } }), /did you mean connect_timeout/],
  ['EnvoyFilter', filter('CLUSTER', { operation: 'MERGE', value: { connect_timeout: 5 } }), /5 is no google\.protobuf\.Duration/],
  ['EnvoyFilter', filter('CLUSTER', { operation: 'ADD', value: { type: 'STATIC' } }), /value\.name: is required/],
  ['EnvoyFilter', filter('HTTP_FILTER', { operation: 'INSERT_FIRST', value: { name: 'x', typed_config: { stat_prefix: 'a' } } }), /must name the type/],
  ['EnvoyFilter', filter('HTTP_FILTER', { operation: 'INSERT_FIRST', value: { name: 'x', typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit', stat_prefx: 'a' } } }), /did you mean stat_prefix/],
  ['EnvoyFilter', filter('LISTENER', { operation: 'REMOVE' }, { cluster: {} }), /cannot have cluster match/],
  ['EnvoyFilter', filter('ROUTE_CONFIGURATION', { operation: 'REMOVE' }), /means nothing for ROUTE_CONFIGURATION/],
  ['WasmPlugin', { selector: victim }, /url/],
  ['WasmPlugin', { selector: victim, url: 'oci://example.com/x', sha256: 'short' }, /sha256/],
  ['WasmPlugin', { selector: victim, url: 'oci://example.com/x' }, /images are not pulled/],
];

const NAMESPACE = 'broken';

/** Each under a name of its own. */
export function brokenObjects(): BrokenObject[] {
  return ROWS.map(([name, spec, says], i) => {
    const kind = KINDS.find((k) => k.kind === name);
    if (!kind) throw new Error(`no kind ${name}`);
    // Broken on purpose: the spec has no type.
    const object = { apiVersion: `${kind.group}/${kind.versions[0]}`, kind: name, metadata: { name: `${name.toLowerCase()}-${i}`, namespace: NAMESPACE }, spec: JSON.parse(JSON.stringify(spec)) as unknown } as KubeObject;
    return { object, says };
  });
}

export const GOOD = 50;

/** So many services, each with a DestinationRule and a VirtualService: two good mesh objects each. */
export function goodObjects(): string {
  return Array.from({ length: GOOD }, (_, i) => {
    const name = `good-${i}`;
    const metadata = { name, namespace: 'good' };
    return [
      { apiVersion: 'v1', kind: 'Service', metadata, spec: { selector: { app: name }, ports: [{ name: 'http', port: 80 }] } },
      { apiVersion: 'networking.istio.io/v1', kind: 'DestinationRule', metadata, spec: { host: name, subsets: [{ name: 'v1', labels: { app: name } }] } },
      { apiVersion: 'networking.istio.io/v1', kind: 'VirtualService', metadata, spec: { hosts: [name], http: [{ route: [{ destination: { host: name, subset: 'v1' } }], headers: { response: { set: { 'x-good': name } } } }] } },
    ].map((object) => stringify(object)).join('---\n');
  }).join('---\n');
}
