/** What an object refers to and does not find: at which field, with what there is instead, and the way out. */
import type { AuthorizationPolicy } from '../../api/authorization-policy.ts';
import type { Destination } from '../../api/common/destination.ts';
import type { DestinationRule } from '../../api/destination-rule.ts';
import type { Gateway } from '../../api/gateway.ts';
import type { RequestAuthentication } from '../../api/request-authentication.ts';
import { issueText } from '../../api/issue.ts';
import { nearest } from '../../api/schema/check.ts';
import type { MeshObject } from '../../api/schema/kind.ts';
import type { Sidecar } from '../../api/sidecar.ts';
import { eachItem, Report } from '../../api/validation/report.ts';
import type { Telemetry } from '../../api/telemetry.ts';
import type { HttpRoute, L4RouteDestination, VirtualService } from '../../api/virtual-service.ts';
import type { KubeObject, Stored } from '../../kube/object.ts';
import { fullHost, hostCovers, isWildcard } from '../registry/hosts.ts';
import type { MeshService } from '../registry/model.ts';
import { gatewayName, MESH_GATEWAY } from '../registry/virtual-services.ts';
import { labelsMatch } from '../registry/visibility.ts';
import type { MeshIndex } from './mesh-index.ts';

type Finder<T extends KubeObject = MeshObject<unknown>> = (report: Report, object: Stored<T>, mesh: MeshIndex) => void;

/** By kind. The casts are where "an object of this kind whose fields have been checked" becomes a type. */
const FINDERS: Readonly<Record<string, Finder>> = {
  VirtualService: (report, object, mesh) => ofVirtualService(report, object as Stored<VirtualService>, mesh),
  DestinationRule: (report, object, mesh) => ofDestinationRule(report, object as Stored<DestinationRule>, mesh),
  Gateway: (report, object, mesh) => ofGateway(report, object as Stored<Gateway>, mesh),
  Sidecar: (report, object, mesh) => ofSidecar(report, object as Stored<Sidecar>, mesh),
  AuthorizationPolicy: (report, object, mesh) => ofAuthorizationPolicy(report, object as Stored<AuthorizationPolicy>, mesh),
  RequestAuthentication: (report, object, mesh) => ofRequestAuthentication(report, object as Stored<RequestAuthentication>, mesh),
  Telemetry: (report, object, mesh) => ofTelemetry(report, object as Stored<Telemetry>, mesh),
};

/** @param object one that can be used
 * @returns `FIELD: what is not there; the way out` */
export function missingReferences(kind: string, object: Stored<MeshObject<unknown>>, mesh: MeshIndex): string[] {
  const report = new Report();
  FINDERS[kind]?.(report, object, mesh);
  return report.issues.map(issueText);
}

/** Whose references are looked up. */
interface Asking {
  readonly namespace: string;
  readonly mesh: MeshIndex;
}

const askedBy = ({ metadata }: Stored<MeshObject<unknown>>, mesh: MeshIndex): Asking => ({ namespace: metadata.namespace ?? '', mesh });

const ofVirtualService: Finder<VirtualService> = (report, object, mesh) => {
  const asking = askedBy(object, mesh);
  const { gateways, http, tls, tcp } = object.spec ?? {};
  eachItem(report.at('gateways'), gateways, (at, name) => ofGatewayName(at, name, asking));
  eachItem(report.at('http'), http, (at, rule) => ofHttpRule(at, rule, asking));
  for (const [field, rules] of [['tls', tls], ['tcp', tcp]] as const) {
    eachItem<{ match?: readonly { gateways?: readonly string[] }[]; route?: readonly L4RouteDestination[] }>(report.at(field), rules, (at, rule) => {
      ofMatches(at, rule.match, asking);
      eachItem(at.at('route'), rule.route, (routeAt, { destination }) => ofDestination(routeAt.at('destination'), destination, asking));
    });
  }
};

function ofHttpRule(at: Report, rule: HttpRoute, asking: Asking): void {
  ofMatches(at, rule.match, asking);
  eachItem(at.at('route'), rule.route, (routeAt, { destination }) => ofDestination(routeAt.at('destination'), destination, asking));
  if (rule.mirror) ofDestination(at.at('mirror'), rule.mirror, asking);
  eachItem(at.at('mirrors'), rule.mirrors, (mirrorAt, { destination }) => ofDestination(mirrorAt.at('destination'), destination, asking));
  if (rule.delegate) ofDelegate(at.at('delegate'), rule.delegate, asking);
}

function ofMatches(at: Report, matches: readonly { gateways?: readonly string[] }[] | undefined, asking: Asking): void {
  eachItem(at.at('match'), matches, (matchAt, match) => eachItem(matchAt.at('gateways'), match.gateways, (nameAt, name) => ofGatewayName(nameAt, name, asking)));
}

function ofGatewayName(at: Report, text: string, { namespace, mesh }: Asking): void {
  const name = gatewayName(text, namespace);
  if (name === MESH_GATEWAY || mesh.gateways.has(name)) return;
  const elsewhere = [...mesh.gateways].filter((known) => known.endsWith(`/${text.slice(text.indexOf('/') + 1)}`));
  at.error(`Gateway ${name} does not exist${elsewhere.length > 0 ? `; there is ${elsewhere.join(', ')}: name its namespace` : hint(name, mesh.gateways) || '; create it, or name one that is there as NAMESPACE/NAME'}`);
}

function ofDelegate(at: Report, { name = '', namespace }: { name?: string; namespace?: string }, asking: Asking): void {
  const { virtualServices } = asking.mesh;
  const key = `${namespace || asking.namespace}/${name}`;
  const target = virtualServices.get(key);
  if (!target) at.error(`VirtualService ${key} does not exist${hint(key, virtualServices.keys()) || '; create it, without hosts'}`);
  else if ((target.spec?.hosts?.length ?? 0) > 0) at.error(`VirtualService ${key} has hosts of its own; a delegate must have none: take its spec.hosts out`);
  else if ((target.spec?.http ?? []).some((route) => route.delegate)) at.error(`VirtualService ${key} delegates further, which is not followed: delegate to its delegate`);
}

function ofDestination(at: Report, destination: Destination, asking: Asking): void {
  const service = serviceOf(at.at('host'), destination.host, asking);
  if (!service) return;
  ofPort(at.at('port', 'number'), destination.port?.number, service);
  ofSubset(at.at('subset'), destination.subset, { service, asking });
}

function serviceOf(at: Report, text: string, { namespace, mesh }: Asking): MeshService | undefined {
  const host = fullHost(text, namespace, mesh.settings.clusterDomain);
  const service = mesh.serviceFor(host, namespace);
  if (service) return service;
  const isHidden = mesh.hasHost(host);
  const wayOut = isHidden ? `; it is there, but not exported to ${namespace}: see exportTo, or networking.istio.io/exportTo of the Service` : mesh.hostHint(host) || '; create the Service, or a ServiceEntry for what is outside of the mesh';
  at.error(`host ${host} is not a service that namespace ${namespace} sees${wayOut}`);
  return undefined;
}

function ofPort(at: Report, port: number | undefined, service: MeshService): void {
  const ports = service.ports.filter((p) => p.protocol !== 'UDP');
  if (port === undefined || port === 0 || ports.some((p) => p.port === port)) return;
  at.error(`port ${port} is not a port of ${service.host} (has ${ports.map((p) => `${p.port}${p.name ? ` ${p.name}` : ''}`).join(', ') || 'none'})`);
}

function ofSubset(at: Report, subset: string | undefined, { service, asking: { namespace, mesh } }: { service: MeshService; asking: Asking }): void {
  if (!subset) return;
  const policy = mesh.policyFor(service, namespace);
  if (!policy) return at.error(`subset ${subset} of ${service.host} is in no DestinationRule: there is none for this host; create one with this subset`);
  if (policy.subsets.some((s) => s.name === subset)) return;
  at.error(`subset ${subset} of ${service.host} is not in DestinationRule ${policy.namespace}/${policy.name} (has ${policy.subsets.map((s) => s.name).join(', ') || 'none'}); add it there`);
}

const ofDestinationRule: Finder<DestinationRule> = (report, object, mesh) => {
  const asking = askedBy(object, mesh);
  const { host: text = '', trafficPolicy, subsets } = object.spec ?? {};
  const host = fullHost(text, asking.namespace, mesh.settings.clusterDomain);
  if (isWildcard(host)) {
    if (!mesh.hosts.some((known) => hostCovers(host, known))) report.at('host').error(`no service has a host that ${host} covers`);
    return;
  }
  const service = serviceOf(report.at('host'), text, asking);
  if (!service) return;
  const ofPolicy = (at: Report, policy: typeof trafficPolicy) => eachItem(at.at('portLevelSettings'), policy?.portLevelSettings, (portAt, { port }) => ofPort(portAt.at('port', 'number'), port?.number, service));
  ofPolicy(report.at('trafficPolicy'), trafficPolicy);
  eachItem(report.at('subsets'), subsets, (at, subset) => ofPolicy(at.at('trafficPolicy'), subset.trafficPolicy));
};

/** A gateway reads secrets of its own namespace. */
const ofGateway: Finder<Gateway> = (report, { metadata, spec = {} }, mesh) => {
  const selected = mesh.workloads.filter((w) => labelsMatch(spec.selector, w.labels));
  if (selected.length === 0) {
    report.at('selector').error(`no pod has the labels of the selector (${Object.entries(spec.selector ?? {}).map(([key, value]) => `${key}=${value}`).join(', ')}); install a gateway with them, or take those of one that runs`);
    return;
  }
  const namespaces = [...new Set(selected.map((w) => w.namespace))];
  const where = namespaces.includes(metadata.namespace ?? '') ? '' : " (secrets are read from the namespace of the gateway's pod)";
  const look = (at: Report, name: string | undefined, keys: readonly (readonly string[])[]) => {
    if (name) for (const problem of secretProblems(name, namespaces, { keys, mesh })) at.error(`${problem}${where}`);
  };
  eachItem(report.at('servers'), spec.servers, (at, { tls }) => {
    const tlsAt = at.at('tls');
    look(tlsAt.at('credentialName'), tls?.credentialName, PAIR);
    eachItem(tlsAt.at('credentialNames'), tls?.credentialNames, (nameAt, name) => look(nameAt, name, PAIR));
    look(tlsAt.at('caCertCredentialName'), tls?.caCertCredentialName, [['ca.crt', 'cacert']]);
  });
};

/** What a server's secret has, each with the names under which it may stand there. */
const PAIR = [['tls.crt', 'cert'], ['tls.key', 'key']];

function secretProblems(text: string, namespaces: readonly string[], { keys: want, mesh }: { keys: readonly (readonly string[])[]; mesh: MeshIndex }): string[] {
  const bare = text.replace(/^kubernetes(-gateway)?:\/\//, '');
  return namespaces.flatMap((namespace) => {
    const name = bare.includes('/') ? bare : `${namespace}/${bare}`;
    const secret = mesh.snapshot.secrets.get(name);
    if (!secret) return [`Secret ${name} does not exist; create it: kubectl create secret tls ${name.slice(name.indexOf('/') + 1)} -n ${name.slice(0, name.indexOf('/'))} --cert=FILE --key=FILE`];
    const lacking = want.filter((names) => !names.some((key) => secret.data?.[key])).map(([key = '']) => key);
    return lacking.length === 0 ? [] : [`Secret ${name} has no ${lacking.join(' and no ')} (has ${Object.keys(secret.data ?? {}).join(', ') || 'nothing'})`];
  });
}

const ofSidecar: Finder<Sidecar> = (report, object, mesh) => {
  const { egress, outboundTrafficPolicy } = object.spec ?? {};
  eachItem(report.at('egress'), egress, (at, { hosts }) => eachItem(at.at('hosts'), hosts, (hostAt, text) => {
    const host = text.slice(text.indexOf('/') + 1);
    if (isWildcard(host) || text.startsWith('~/') || mesh.hasHost(host)) return;
    hostAt.error(`host ${host} is not a service${mesh.hostHint(host) || '; hosts are written whole here, as NAMESPACE/NAME.NAMESPACE.svc.cluster.local'}`);
  }));
  if (outboundTrafficPolicy?.egressProxy) ofDestination(report.at('outboundTrafficPolicy', 'egressProxy'), outboundTrafficPolicy.egressProxy, askedBy(object, mesh));
};

const ofAuthorizationPolicy: Finder<AuthorizationPolicy> = (report, { spec }, mesh) => {
  if (spec?.action === 'CUSTOM') ofProvider(report.at('provider', 'name'), spec.provider?.name ?? '', mesh);
};

const ofRequestAuthentication: Finder<RequestAuthentication> = (report, { spec }, mesh) => {
  eachItem(report.at('jwtRules'), spec?.jwtRules, (at, { issuer, jwks, jwksUri, jwks_uri: legacy }) => {
    const uri = jwksUri ?? legacy;
    if (jwks || uri === undefined || mesh.snapshot.jwks.has(uri)) return;
    at.at(jwksUri === undefined ? 'jwks_uri' : 'jwksUri').error(`the keys of issuer ${issuer} have not been fetched from ${uri}: its tokens are refused; see that istiod reaches it, or write the keys into jwks`);
  });
};

const ofTelemetry: Finder<Telemetry> = (report, { spec }, mesh) => {
  for (const [field, rules] of [['accessLogging', spec?.accessLogging], ['tracing', spec?.tracing], ['metrics', spec?.metrics]] as const) {
    eachItem<{ providers?: readonly { name: string }[] }>(report.at(field), rules, (at, { providers }) => eachItem(at.at('providers'), providers, (providerAt, { name }) => ofProvider(providerAt.at('name'), name, mesh)));
  }
};

const BUILT_IN = ['envoy', 'prometheus'];

function ofProvider(at: Report, name: string, { settings }: MeshIndex): void {
  const known = [...BUILT_IN, ...settings.config.extensionProviders.map((p) => p.name)];
  if (!known.includes(name)) at.error(`extension provider ${JSON.stringify(name)} is not in the mesh configuration (has ${known.join(', ')}); add it to meshConfig.extensionProviders`);
}

/** `; did you mean …?` when something is nearly the same. */
function hint(word: string, known: Iterable<string>): string {
  const near = nearest(word, [...known]);
  return near === undefined ? '' : `; did you mean ${near}?`;
}
