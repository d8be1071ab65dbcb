import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parse } from 'yaml';
import type { KubeObject } from '../../kube/object.ts';
import { issueText } from '../issue.ts';
import { contextOf, NO_CONTEXT } from './context.ts';
import { validateObject } from './validate.ts';
import { validateText } from './validate-text.ts';

const VERSIONS: Readonly<Record<string, string>> = {
  PeerAuthentication: 'security.istio.io/v1',
  RequestAuthentication: 'security.istio.io/v1',
  AuthorizationPolicy: 'security.istio.io/v1',
  Telemetry: 'telemetry.istio.io/v1',
  EnvoyFilter: 'networking.istio.io/v1alpha3',
  ProxyConfig: 'networking.istio.io/v1beta1',
  WasmPlugin: 'extensions.istio.io/v1alpha1',
  TrafficExtension: 'extensions.istio.io/v1alpha1',
};

const object = (kind: string, spec: string): KubeObject => ({ apiVersion: VERSIONS[kind] ?? 'networking.istio.io/v1', kind, metadata: { name: 'x', namespace: 'default' }, spec: parse(spec) as unknown }) as KubeObject;

/** `E` for errors and `W` for warnings before each text. */
const said = (kind: string, spec: string, context = NO_CONTEXT) => validateObject(object(kind, spec), context).map((issue) => `${issue.severity === 'error' ? 'E' : 'W'} ${issueText(issue)}`);

const vs = (http: string) => `{hosts: [reviews], http: [${http}]}`;
const to = (extra = '') => `{route: [{destination: {host: reviews}}]${extra === '' ? '' : `, ${extra}`}}`;
const policy = (text: string) => `{host: reviews, trafficPolicy: ${text}}`;
const server = (text: string) => `{selector: {istio: ingressgateway}, servers: [${text}]}`;

/** Kind, spec in short, and what must be said about it: nothing, or texts that the lines must match in order. */
const CASES: readonly (readonly [string, string, readonly RegExp[]])[] = [
  // VirtualService
  ['VirtualService', vs(to()), []],
  ['VirtualService', '{}', [/E spec: http, tcp or tls must be provided/]],
  ['VirtualService', '{hosts: ["*"], http: [{route: [{destination: {host: a}}]}]}', [/E spec.hosts\[0\]: wildcard host \* is not allowed/]],
  ['VirtualService', '{hosts: ["*"], gateways: [ingress], http: [{route: [{destination: {host: a}}]}]}', []],
  ['VirtualService', '{hosts: ["a*b"], http: [{redirect: {uri: /x}}]}', [/E spec.hosts\[0\]: host name "a\*b": a wildcard/]],
  ['VirtualService', '{hosts: [a, a], http: [{redirect: {uri: /x}}]}', [/E spec.hosts\[1\]: duplicate host a/]],
  ['VirtualService', '{hosts: [a], gateways: [a/b/c], http: [{redirect: {uri: /x}}]}', [/E spec.gateways\[0\]: gateway "a\/b\/c" must be written as/]],
  ['VirtualService', '{hosts: [a], exportTo: ["*", default], http: [{redirect: {uri: /x}}]}', [/E spec.exportTo: \* must stand alone/]],
  ['VirtualService', '{http: [{route: [{destination: {host: a}}]}]}', []],
  ['VirtualService', '{gateways: [g], http: [{route: [{destination: {host: a}}]}]}', [/E spec.gateways: a delegate/]],
  ['VirtualService', vs('{}'), [/E spec.http\[0\]: HTTP route, redirect or direct_response is required/]],
  ['VirtualService', vs(to('redirect: {uri: /x}')), [/has route and redirect, of which a rule can have only one/]],
  ['VirtualService', vs('{route: [{destination: {host: a}, weight: -1}, {destination: {host: b}, weight: 101}]}'), [/E spec.http\[0\].route\[0\].weight: must not be negative, but is -1/, /W .*add up to 101/]],
  ['VirtualService', vs('{route: [{destination: {host: a}}, {destination: {host: b}}]}'), [/E spec.http\[0\].route: total destination weight = 0/]],
  ['VirtualService', vs('{route: [{destination: {host: a}, weight: 90}, {destination: {host: b}, weight: 20}]}'), [/W spec.http\[0\].route: the weights add up to 110, not 100/]],
  ['VirtualService', vs('{route: [{destination: {host: a}, weight: 0}]}'), []],
  ['VirtualService', vs('{route: [{destination: {host: a, port: {number: 70000}}}]}'), [/E .*port.number: port must be between 1-65535, not 70000/]],
  ['VirtualService', vs('{route: [{destination: {host: "*.a"}}]}'), [/E .*host: host "\*.a" must name one service/]],
  ['VirtualService', vs(to('match: [{uri: {regex: "(["}}]')), [/E spec.http\[0\].match\[0\].uri.regex: "\(\[" is not a regular expression of RE2/]],
  ['VirtualService', vs(to('match: [{uri: {regex: "a(?=b)"}}]')), [/E .*is not a regular expression of RE2/]],
  ['VirtualService', vs(to('match: [{uri: {prefix: ""}}]')), [/E .*prefix: must not be empty/]],
  ['VirtualService', vs(to('match: [{headers: {"a b": {exact: x}}}]')), [/E .*header name "a b"/]],
  ['VirtualService', vs(to('match: [{headers: {"@request.auth.claims.groups": {exact: x}}}]')), []],
  ['VirtualService', vs(to('match: [{sourceLabels: {"a!": b}}]')), [/E .*sourceLabels/]],
  ['VirtualService', vs(`${to('match: [{uri: {prefix: /a}}]')}, ${to('match: [{uri: {prefix: /a}, name: again}]')}`), [/W spec.http\[1\]: is never reached: its match is in rule 0/]],
  ['VirtualService', vs(`${to()}, ${to('match: [{uri: {prefix: /a}}]')}`), [/W spec.http\[1\]: is never reached: rule 0/]],
  ['VirtualService', vs(to('timeout: 1x')), [/E spec.http\[0\].timeout: "1x" is not a duration/]],
  ['VirtualService', vs(to('retries: {attempts: -1}')), [/E .*attempts: attempts cannot be negative/]],
  ['VirtualService', vs(to('retries: {attempts: 0, retryOn: 5xx}')), [/E .*configured when attempts are set to 0/]],
  ['VirtualService', vs(to('retries: {attempts: 2, retryOn: "5xx, 503,reset"}')), []],
  ['VirtualService', vs(to('retries: {attempts: 2, retryOn: 5yy}')), [/E .*retryOn: "5yy" is not a valid retryOn policy/]],
  ['VirtualService', vs(to('fault: {}')), [/E .*fault: HTTP fault injection must have an abort and\/or a delay/]],
  ['VirtualService', vs(to('fault: {delay: {fixedDelay: 7s}}')), [/W .*fault.delay: has no percentage, so no request is delayed/]],
  ['VirtualService', vs(to('fault: {abort: {httpStatus: 700, percentage: {value: 101}}}')), [/E .*percentage.value: must be a percentage from 0 to 100, not 101/, /E .*httpStatus: must be an HTTP status/]],
  ['VirtualService', vs(to('fault: {abort: {grpcStatus: GONE, percentage: {value: 1}}}')), [/E .*"GONE" is not a status of gRPC/]],
  ['VirtualService', vs(to('mirror: {host: a}, mirrorPercentage: {value: 120}')), [/E .*mirrorPercentage.value/]],
  ['VirtualService', vs(to('mirror: {host: a}, mirrors: [{destination: {host: b}}]')), [/E .*mirrors: a rule has either/]],
  ['VirtualService', vs('{redirect: {uri: /x, redirectCode: 200, scheme: ftp}}'), [/E .*scheme: must be http or https/, /E .*redirectCode: must be a 3xx/]],
  ['VirtualService', vs('{directResponse: {status: 99}}'), [/E .*status: must be an HTTP status/]],
  ['VirtualService', vs(to('rewrite: {}')), [/E .*rewrite must specify/]],
  ['VirtualService', vs(to('rewrite: {uriRegexRewrite: {match: "("}}')), [/E .*match: "\(" is not/, /E .*rewrite: is required/]],
  ['VirtualService', vs(to('corsPolicy: {allowMethods: [FETCH], maxAge: 1d}')), [/E .*"FETCH" is not a supported/, /E .*maxAge: "1d" is not a duration/]],
  ['VirtualService', vs(to('headers: {request: {set: {":path": /x}, remove: [host]}}')), [/E .*set\[:path\]/, /E .*remove\[0\]: host cannot be removed/]],
  ['VirtualService', vs(to('headers: {request: {set: {Host: a}}}')), []],
  ['VirtualService', vs(to('headers: {request: {set: {x-a: "%REQ(:path):10% of %DOWNSTREAM_REMOTE_ADDRESS%, 50%%"}}, response: {add: {x-b: "%START_TIME(%Y)%"}}}')), []],
  ['VirtualService', vs(to('headers: {request: {set: {x-a: "%NONSENSE%"}}}')), [/E .*headers\.request\.set\.x-a: there is no operator %NONSENSE%; .*%%/]],
  ['VirtualService', vs(to('headers: {response: {add: {x-a: "50%"}}}')), [/E .*headers\.response\.add\.x-a: a lone % .*written %%/]],
  ['VirtualService', vs(to('headers: {response: {add: {x-a: "%REQ%", x-b: "%PROTOCOL(x)%"}}}')), [/E .*%REQ% needs an argument/, /E .*%PROTOCOL% takes no argument/]],
  ['VirtualService', vs(to('headers: {request: {set: {x-a: "%REQ(a?b?c)%"}, add: {x-b: "%COMMON_DURATION(a:b:c)%"}}, response: {set: {x-c: "%FILTER_STATE(a:FOO)%"}}}')), [/set\.x-a: %REQ\(a\?b\?c\)%: one alternative/, /add\.x-b: .*none of ms, us, ns/, /response\.set\.x-c: .*none of PLAIN/]],
  ['VirtualService', vs(to('headers: {request: {set: {x-a: "a\\nb", Host: "a\\rb"}}, response: {add: {x-b: "a\\0b"}}}')), [/set\.x-a: .*must be one line/, /set\.Host: .*must be one line/, /add\.x-b: .*must be one line/]],
  ['VirtualService', vs(to(`headers: {request: {set: {x-a: ${'v'.repeat(16_385)}}, remove: [${'n'.repeat(16_385)}]}}`)), [/set\.x-a: may be 16384 bytes long, and is 16385/, /remove\[0\]: a header name may be 16384/]],
  ['VirtualService', vs(to('rewrite: {uri: "/a\\nb", authority: "a\\nb"}')), [/rewrite\.uri: .*one line/, /rewrite\.authority: .*one line/]],
  ['VirtualService', vs(to('rewrite: {uriRegexRewrite: {match: a, rewrite: "a\\nb"}}')), [/uriRegexRewrite\.rewrite: .*one line/]],
  ['VirtualService', vs('{redirect: {uri: "/a\\nb", authority: "a\\0", prefixRewrite: "\\r"}}'), [/redirect\.uri/, /redirect\.authority/, /redirect\.prefixRewrite/]],
  ['VirtualService', vs(to('match: [{headers: {"@request.auth.claims.a..b": {exact: x}, "@request.auth.claims[a][]": {exact: x}, "@request.auth.claims": {}, "@request.auth.claims.a.b": {}}}]')), [/claims\.a\.\.b must name a claim/, /claims\[a\]\[\] must name a claim/, /claims must name a claim/]],
  ['VirtualService', vs(to(`match: [{queryParams: {${'q'.repeat(1025)}: {exact: x}}}]`)), [/may be 1024 characters long/]],
  ['VirtualService', vs(to('match: [{uri: {regex: "[^a]{1000}[^b]{1000}[^c]{1000}[^d]{1000}"}}]')), [/compiled to 4002 instructions; proxies take 4000/]],
  ['VirtualService', vs(to("match: [{uri: {regex: '\\777'}}, {uri: {regex: '\\\\777'}}, {uri: {regex: '\\377'}}]")), [/match\[0\]\.uri\.regex: .*more than a byte/]],
  ['VirtualService', vs(to('timeout: 9999999h')), [/timeout: must be a duration of 2562047h or less/]],
  ['VirtualService', `{hosts: ["*.com"], tls: [{match: [{sniHosts: ["*.${'a.'.repeat(126)}com"]}], route: [{destination: {host: a.com}}]}]}`, [/E .*sniHosts\[0\]: .*longer than 255 characters/]],
  ['VirtualService', '{hosts: [a.com], tls: [{match: [{sniHosts: [b.com]}], route: [{destination: {host: a.com}}]}]}', [/E .*sniHosts\[0\]: SNI host "b.com" is not a compatible subset/]],
  ['VirtualService', '{hosts: ["*.com"], tls: [{match: [{sniHosts: [b.com]}], route: [{destination: {host: a.com}}]}]}', []],
  ['VirtualService', '{hosts: [a.com], tcp: [{match: [{destinationSubnets: [1.2.3.400]}], route: []}]}', [/E .*destinationSubnets\[0\]/, /E spec.tcp\[0\].route: needs at least one destination/]],
  // DestinationRule
  ['DestinationRule', '{host: reviews, subsets: [{name: v1, labels: {version: v1}}]}', []],
  ['DestinationRule', '{host: reviews, subsets: [{name: v1, labels: {version: v1}}, {name: v1, labels: {version: v2}}]}', [/E spec.subsets\[1\].name: duplicate subset v1/]],
  ['DestinationRule', '{host: reviews, subsets: [{name: "V 1", labels: {version: "a b"}}]}', [/E .*name: subset name "V 1" is invalid/, /E .*labels.version/]],
  ['DestinationRule', '{host: "a_b"}', [/E spec.host: host name "a_b": "a_b" is not a DNS label/]],
  ['DestinationRule', policy('{connectionPool: {}}'), [/E .*connection pool must have at least one field/]],
  ['DestinationRule', policy('{connectionPool: {tcp: {maxConnections: -1}, http: {idleTimeout: 0s}}}'), [/E .*idleTimeout: must be a duration of 1ms or more/, /E .*maxConnections: must not be negative/]],
  ['DestinationRule', policy('{outlierDetection: {interval: 1s, baseEjectionTime: 30s, maxEjectionPercent: 101}}'), [/E .*maxEjectionPercent: must be a percentage/]],
  ['DestinationRule', policy('{outlierDetection: {consecutiveErrors: 1}}'), [/W .*is deprecated; use consecutive5xxErrors/]],
  ['DestinationRule', policy('{loadBalancer: {consistentHash: {}}}'), [/E .*needs what to hash/]],
  ['DestinationRule', policy('{loadBalancer: {consistentHash: {useSourceIp: true, maglev: {tableSize: 10}}}}'), [/E .*tableSize must be a prime number/]],
  ['DestinationRule', policy('{loadBalancer: {simple: LEAST_CONN}}'), [/W .*old name of LEAST_REQUEST/]],
  ['DestinationRule', policy('{loadBalancer: {localityLbSetting: {distribute: [{from: a/*, to: {"a/*": 60, "b/*": 30}}]}}}'), [/E .*total locality weight 90 != 100/]],
  ['DestinationRule', policy('{loadBalancer: {localityLbSetting: {failover: [{from: a, to: a}]}}}'), [/E .*must specify different regions/]],
  ['DestinationRule', policy('{tls: {mode: MUTUAL}}'), [/E .*client certificate required/, /E .*private key required/]],
  ['DestinationRule', policy('{tls: {mode: ISTIO_MUTUAL, clientCertificate: /a}}'), [/E .*cannot be set with ISTIO_MUTUAL/]],
  ['DestinationRule', policy('{portLevelSettings: [{tls: {mode: DISABLE}}]}'), [/E .*port.number: port must be between/]],
  ['DestinationRule', policy('{portLevelSettings: [{port: {number: 80}}, {port: {number: 80}}]}'), [/E .*port 80 has settings already/]],
  ['DestinationRule', policy(`{tls: {mode: SIMPLE, sni: ${'x'.repeat(256)}}, portLevelSettings: [{port: {number: 80}, tls: {mode: ISTIO_MUTUAL, sni: "a\\0"}}]}`), [/trafficPolicy\.tls\.sni: a server name may be 255 bytes long, this one has 256/, /portLevelSettings\[0\]\.tls\.sni: .*NUL/]],
  ['DestinationRule', policy(`{tls: {mode: SIMPLE, sni: ${'x'.repeat(255)}}}`), []],
  ['DestinationRule', policy('{loadBalancer: {consistentHash: {httpHeaderName: "a\\nb"}}}'), [/httpHeaderName: header name/]],
  ['DestinationRule', policy('{loadBalancer: {consistentHash: {httpCookie: {name: a, ttl: 9999999h, attributes: [{name: ""}, {name: "a\\n"}, {name: SameSite, value: Lax}]}}}}'), [/attributes\[0\]\.name: must not be empty/, /attributes\[1\]\.name: .*one line/, /ttl: must be a duration of 2562047h/]],
  // Gateway
  ['Gateway', server('{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}'), []],
  ['Gateway', '{}', [/E spec.servers: gateway must have at least one server/, /W spec.selector/]],
  ['Gateway', server('{port: {number: 0, name: http, protocol: HTP}, hosts: []}'), [/E .*port must be between/, /E .*protocol "HTP"/, /E .*at least one host/]],
  ['Gateway', server('{port: {number: 443, name: https, protocol: HTTPS}, hosts: ["*"]}'), [/E .*must have TLS settings for HTTPS/]],
  ['Gateway', server('{port: {number: 443, name: https, protocol: HTTPS}, hosts: ["*"], tls: {mode: SIMPLE}}'), [/E .*SIMPLE TLS requires a server certificate/, /E .*private key/]],
  ['Gateway', server('{port: {number: 443, name: https, protocol: HTTPS}, hosts: ["*"], tls: {mode: SIMPLE, credentialName: x}}'), []],
  ['Gateway', server('{port: {number: 443, name: https, protocol: HTTPS}, hosts: ["*"], tls: {mode: SIMPLE, credentialName: x, minProtocolVersion: TLSV1_3, maxProtocolVersion: TLSV1_2}}'), [/E .*is above maxProtocolVersion/]],
  ['Gateway', server('{port: {number: 443, name: https, protocol: HTTPS}, hosts: ["*"], tls: {mode: SIMPLE, credentialName: x, cipherSuites: [ECDHE-RSA-AES128-GCM-SHA256, "[AES128-SHA|AES256-SHA]", TLS_AES_128_GCM_SHA256], ecdhCurves: [P-256, p-256]}}'), [/W spec.servers\[0\].tls.cipherSuites\[2\]: "TLS_AES_128_GCM_SHA256" is left out/, /W spec.servers\[0\].tls.ecdhCurves\[1\]: "p-256" is left out/]],
  ['Gateway', server('{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"], tls: {httpsRedirect: true}}'), []],
  ['Gateway', server('{port: {number: 80, name: a, protocol: HTTP}, hosts: [a.com]}, {port: {number: 80, name: a, protocol: TCP}, hosts: ["*/b.com"]}'), [/E .*duplicate name a/, /E .*port 80 is HTTP already/]],
  ['Gateway', server('{port: {number: 80, name: a, protocol: HTTP}, hosts: ["A_b/c/d", "x y"]}'), [/E .*hosts\[0\]: host/, /E .*hosts\[1\]/]],
  // ServiceEntry
  ['ServiceEntry', '{hosts: [api.example.com], ports: [{number: 443, name: https, protocol: HTTPS}], resolution: DNS}', []],
  ['ServiceEntry', '{hosts: ["*.example.com"], ports: [{number: 443, name: https, protocol: TLS}], resolution: DNS}', [/E spec.hosts: a wildcard host cannot be resolved by DNS/]],
  ['ServiceEntry', '{hosts: ["*"], ports: [{number: 443, name: a, protocol: TLS}]}', [/E .*invalid host \*/]],
  ['ServiceEntry', '{hosts: [a.com], ports: [{number: 1, name: a, protocol: TCP}], endpoints: [{address: 1.1.1.1}]}', [/E .*no endpoints should be provided for resolution type none/]],
  ['ServiceEntry', '{hosts: [a.com], ports: [{number: 1, name: a, protocol: TCP}], resolution: STATIC, endpoints: [{address: b.com, ports: {x: 1}}]}', [/E .*"b.com" is not an IP address/, /E .*there is no port named x/]],
  ['ServiceEntry', '{hosts: [a.com], ports: [{number: 1, name: a, protocol: TCP}, {number: 1, name: a, protocol: TCP}], resolution: DNS}', [/E .*name "a" already defined/, /E .*port 1 already defined/]],
  ['ServiceEntry', '{hosts: [a.com], addresses: [10.0.0.0/8], ports: [{number: 1, name: a, protocol: TCP}], resolution: DNS}', [/E .*CIDR addresses are allowed only/]],
  ['ServiceEntry', `{hosts: [a.com], ports: [{number: 1, name: a, protocol: TCP}], resolution: STATIC, endpoints: [{address: "unix:///${'x'.repeat(107)}"}, {address: "unix:///${'x'.repeat(106)}"}, {address: "fe80::1%eth0"}]}`, [/endpoints\[0\]\.address: .*107 bytes long, this one has 108/, /endpoints\[2\]\.address: .*interface/]],
  ['ServiceEntry', '{hosts: [a.com], ports: [{number: 1, name: a, protocol: TCP}], resolution: STATIC, endpoints: [{address: 1.1.1.1, weight: 4294967295}, {address: 1.1.1.2, weight: 1}]}', [/spec.endpoints: the weights add up to 4294967296, more than 4294967295/]],
  // Sidecar
  ['Sidecar', '{egress: [{hosts: ["./*", "istio-system/*"]}]}', []],
  ['Sidecar', '{egress: [{hosts: ["reviews"]}, {hosts: ["./*"]}]}', [/E .*must be of form namespace\/dnsName/, /E .*only one listener without port/]],
  ['Sidecar', '{ingress: [{port: {number: 80, protocol: HTTP, name: a}, defaultEndpoint: "8.8.8.8:80"}]}', [/E .*defaultEndpoint must be of form/]],
  ['Sidecar', '{ingress: [{port: {number: 80, protocol: HTTP, name: a}, defaultEndpoint: "127.0.0.1:8080"}]}', []],
  // Workloads
  ['WorkloadEntry', '{address: 10.0.0.1, ports: {http: 80}}', []],
  ['WorkloadEntry', '{labels: {a: b}}', [/E spec.address: Address is required/]],
  ['WorkloadGroup', '{metadata: {labels: {a: b}}}', [/E spec.template: template is required/]],
  ['WorkloadGroup', '{template: {ports: {http: 70000}}, probe: {tcpSocket: {port: 70001}}}', [/E spec.template.ports.http: .*70000/, /E spec.probe.tcpSocket.port: .*70001/]],
  // Security
  ['PeerAuthentication', '{mtls: {mode: STRICT}}', []],
  ['PeerAuthentication', '{portLevelMtls: {8080: {mode: DISABLE}}}', [/E .*portLevelMtls requires selector/]],
  ['PeerAuthentication', '{selector: {matchLabels: {app: a}}, portLevelMtls: {99999: {mode: DISABLE}}}', [/E .*port must be between/]],
  ['RequestAuthentication', '{jwtRules: [{issuer: a, jwksUri: "https://a/keys"}]}', []],
  ['RequestAuthentication', '{jwtRules: [{jwksUri: "ftp://a", jwks: "{"}]}', [/E .*issuer must be set/, /E .*must be a URL with scheme/, /E .*only one of jwks or jwksUri/, /E .*parse jwks error/]],
  ['RequestAuthentication', `{jwtRules: [{issuer: a, jwks: '{"keys": [{"kty": "RSA", "n": "!!", "e": "AQAB"}]}', fromHeaders: [{name: x, prefix: "a\\n"}]}]}`, [/jwks: keys\[0\]\.n must be base64url/, /fromHeaders\[0\]\.prefix: .*one line/]],
  ['AuthorizationPolicy', '{}', []],
  ['AuthorizationPolicy', '{rules: [{when: [{key: "request.headers[a b]", values: [x]}, {key: "request.headers[:authority]", values: [x]}, {key: "experimental.envoy.filters.a", values: [x]}, {key: "experimental.envoy.filters.network.x[y]", values: [x]}]}]}', [/when\[0\]\.key: unknown attribute "request.headers\[a b\]"/, /when\[2\]\.key: unknown attribute "experimental.envoy.filters.a"/]],
  ['AuthorizationPolicy', '{rules: [{to: [{operation: {paths: ["/a/{*}/b", "/{*}/", "/{**}", "/a;b=%20/{*}/{**}/c"]}}]}]}', []],
  ['AuthorizationPolicy', `{rules: [{to: [{operation: {paths: ["a/{*}", "//{*}", "/{*}//", "/a b/{*}", "/é/{*}", "/{*}/a?b"], notPaths: ["/{*}/${'x'.repeat(255)}"]}}]}]}`, [/a path with .* begins with/, /two slashes/, /two slashes/, /not "a b"/, /not "é"/, /not "a\?b"/, /may be 255 characters/]],
  ['AuthorizationPolicy', '{rules: [{}]}', []],
  ['AuthorizationPolicy', '{action: DENY}', [/W spec.rules: is empty: a DENY policy without rules denies nothing/]],
  ['AuthorizationPolicy', '{action: CUSTOM, rules: [{}]}', [/E .*CUSTOM action requires the name of a provider/]],
  ['AuthorizationPolicy', '{provider: {name: a}, rules: [{}]}', [/E .*provider must not be with non CUSTOM action/]],
  ['AuthorizationPolicy', '{rules: [{from: [{source: {}}], to: [{operation: {ports: [http]}}]}]}', [/E .*`from.source` cannot be empty/, /E .*port must be between 1-65535, not "http"/]],
  ['AuthorizationPolicy', '{rules: [{from: [{source: {ipBlocks: [10.0.0.0/33], principals: ["spiffe://a/ns/b/sa/c"]}}]}]}', [/E .*"10.0.0.0\/33" is not an address or a range/, /W .*leave spiffe:\/\/ out/]],
  ['AuthorizationPolicy', '{rules: [{to: [{operation: {paths: ["/a/{*}/b/{**}", "/a/{**}/{*}", "/a/{x}"]}}]}]}', [/E .*paths\[1\]: .*is not the last operator/, /E .*paths\[2\]/]],
  ['AuthorizationPolicy', '{rules: [{when: [{key: source.colour, values: [a]}, {key: "request.headers[x]"}, {key: destination.port, values: ["0"]}]}]}', [/E .*unknown attribute "source.colour"/, /E .*when\[1\]: at least one/, /E .*port must be between/]],
  // Telemetry and extensions
  ['Telemetry', '{tracing: [{customTags: {a: {formatter: {value: "%REQ(a?b?c)%"}}, b: {header: {name: "a b"}}}}]}', [/customTags\.a\.formatter\.value: .*one alternative/, /customTags\.b\.header\.name/]],
  ['Telemetry', '{tracing: [{randomSamplingPercentage: 10}]}', []],
  ['Telemetry', '{tracing: [{providers: [{name: a}, {name: b}], randomSamplingPercentage: 200}], metrics: [{overrides: [{tagOverrides: {a: {operation: REMOVE, value: x}}}]}]}', [/E .*multiple providers/, /E .*from 0 to 100/, /E .*value must not be set/]],
  ['EnvoyFilter', '{configPatches: [{applyTo: CLUSTER, match: {listener: {portNumber: 1}}, patch: {operation: MERGE}}]}', [/E .*missing patch value/, /E .*applyTo for CLUSTER cannot have listener match/]],
  ['EnvoyFilter', '{configPatches: [{applyTo: HTTP_FILTER, match: {listener: {filterChain: {filter: {name: x, subFilter: {}}}}}, patch: {operation: REMOVE, value: {}}}]}', [/W .*patch.value: has no effect with REMOVE/, /E .*subfilter match requires filter match with envoy.filters.network.http_connection_manager/, /E .*subfilter match has no name/]],
  ['EnvoyFilter', '{configPatches: [{applyTo: LISTENER, match: {proxy: {proxyVersion: "(["}, listener: {filterChain: {filter: {}}}}, patch: {operation: ADD, value: {}}}]}', [/E .*patch.value.name: is required/, /E .*proxyVersion: .*not a regular expression/, /W .*has no effect with applyTo LISTENER/, /E .*filter match has no name/]],
  ['EnvoyFilter', '{configPatches: [{patch: {}}]}', [/E .*missing applyTo/, /E .*missing patch operation/, /E .*missing patch value/]],
  ['WasmPlugin', '{url: "ftp://a"}', [/E .*url must have schema one of/]],
  ['TrafficExtension', '{}', [/E spec: exactly one of wasm or lua must be set/]],
  ['ProxyConfig', '{concurrency: 256}', []],
  ['ProxyConfig', '{concurrency: 257}', [/W .*at most 256 threads/]],
  ['ProxyConfig', '{concurrency: -1}', [/E .*concurrency must be greater/]],
];

for (const [kind, spec, want] of CASES) {
  test(`${kind} ${spec} ${want.length === 0 ? 'is valid' : `gives ${want.map(String).join(' ')}`}`, () => {
    const lines = said(kind, spec);
    assert.equal(lines.length, want.length, lines.join('\n'));
    want.forEach((pattern, index) => assert.match(lines[index] ?? '', pattern));
  });
}

const WITH_SUBSET = '{hosts: [reviews], http: [{route: [{destination: {host: reviews, subset: v3}}]}]}';

test('a subset that the rule for the host lacks is an error that lists the subsets there are', () => {
  const context = contextOf([object('DestinationRule', '{host: reviews.default.svc.cluster.local, subsets: [{name: v1}, {name: v2}]}')]);
  assert.deepEqual(said('VirtualService', WITH_SUBSET, context), ['E spec.http[0].route[0].destination.subset: subset "v3" not found: DestinationRule default/x for reviews.default.svc.cluster.local has only v1, v2']);
});

test('a subset without any rule for the host is a warning, since the rule may come next', () => {
  assert.match(said('VirtualService', WITH_SUBSET, contextOf([])).join('\n'), /^W .*subset "v3" is not there yet/);
});

test('a subset that exists, or a mesh that is not known, gives nothing', () => {
  assert.deepEqual(said('VirtualService', WITH_SUBSET, contextOf([object('DestinationRule', '{host: reviews, subsets: [{name: v3}]}')])), []);
  assert.deepEqual(said('VirtualService', WITH_SUBSET), []);
});

test('an object without spec says what belongs there', () => {
  const bare = { apiVersion: 'networking.istio.io/v1', kind: 'DestinationRule', metadata: { name: 'x' } };
  assert.deepEqual(validateObject(bare).map(issueText), ['spec: is missing: host, subsets and trafficPolicy of a DestinationRule belong under spec']);
});

test('objects of other groups are none of our business', () => {
  assert.deepEqual(validateObject({ apiVersion: 'gateway.networking.k8s.io/v1', kind: 'Gateway', metadata: { name: 'x' } }), []);
});

test('no object of Istio’s samples is refused', () => {
  const files = globSync('**/*.yaml', { cwd: new URL('../../../../shared/data/istio-samples/', import.meta.url) });
  const refused: string[] = [];
  let count = 0;
  for (const file of files) {
    const text = readFileSync(new URL(`../../../../shared/data/istio-samples/${file}`, import.meta.url), 'utf8');
    // Helm templates are no YAML, and some samples are.
    if (text.includes('{{')) continue;
    count++;
    for (const finding of validateText(text)) if (finding.severity === 'error') refused.push(`${file}: ${issueText(finding)}`);
  }
  assert.ok(count > 50);
  assert.deepEqual(refused, []);
});
