/** What an object refers to and does not find, said so that one sees what was meant: with what there is instead. */
import type { AuthorizationPolicy } from '../../api/authorization-policy.ts';
import type { Destination } from '../../api/common/destination.ts';
import type { DestinationRule } from '../../api/destination-rule.ts';
import type { Gateway } from '../../api/gateway.ts';
import type { RequestAuthentication } from '../../api/request-authentication.ts';
import { nearest } from '../../api/schema/check.ts';
import type { MeshObject } from '../../api/schema/kind.ts';
import type { Sidecar } from '../../api/sidecar.ts';
import type { Telemetry } from '../../api/telemetry.ts';
import type { VirtualService } from '../../api/virtual-service.ts';
import type { Stored } from '../../kube/object.ts';
import { fullHost, hostCovers, isWildcard } from '../registry/hosts.ts';
import type { MeshService } from '../registry/model.ts';
import type { MeshSnapshot } from '../registry/snapshot.ts';
import { gatewayName, MESH_GATEWAY } from '../registry/virtual-services.ts';
import { labelsMatch } from '../registry/visibility.ts';
import type { MeshIndex } from './mesh-index.ts';

type Finder = (object: Stored<MeshObject<unknown>>, mesh: MeshIndex) => string[];

/** By kind. The casts are where "an object of this kind whose fields have been checked" becomes a type. */
const FINDERS: Readonly<Record<string, Finder>> = {
  VirtualService: (object, mesh) => ofVirtualService(object as Stored<VirtualService>, mesh),
  DestinationRule: (object, mesh) => ofDestinationRule(object as Stored<DestinationRule>, mesh),
  Gateway: (object, mesh) => ofGateway(object as Stored<Gateway>, mesh),
  Sidecar: (object, mesh) => ofSidecar(object as Stored<Sidecar>, mesh),
  AuthorizationPolicy: (object, mesh) => ofAuthorizationPolicy(object as Stored<AuthorizationPolicy>, mesh),
  RequestAuthentication: (object, mesh) => ofRequestAuthentication(object as Stored<RequestAuthentication>, mesh),
  Telemetry: (object, mesh) => ofTelemetry(object as Stored<Telemetry>, mesh),
};

/** @param object one that can be used */
export function missingReferences(kind: string, object: Stored<MeshObject<unknown>>, mesh: MeshIndex): string[] {
  return [...new Set(FINDERS[kind]?.(object, mesh) ?? [])];
}

function ofVirtualService({ metadata, spec = {} }: Stored<VirtualService>, mesh: MeshIndex): string[] {
  const namespace = metadata.namespace ?? '';
  const http = (spec.http ?? []).flatMap((rule, i) => {
    const at = `spec.http[${i}]`;
    const targets = [...(rule.route ?? []).map((r) => r.destination), ...(rule.mirror ? [rule.mirror] : []), ...(rule.mirrors ?? []).map((m) => m.destination)];
    return [...targets.flatMap((d) => ofDestination(d, namespace, mesh)), ...(rule.delegate ? ofDelegate(rule.delegate, at, { namespace, mesh }) : [])];
  });
  const l4 = [...(spec.tls ?? []), ...(spec.tcp ?? [])].flatMap((rule) => (rule.route ?? []).flatMap((r) => ofDestination(r.destination, namespace, mesh)));
  const matched = [...(spec.http ?? []), ...(spec.tls ?? []), ...(spec.tcp ?? [])].flatMap((rule) => (rule.match ?? []).flatMap((m) => m.gateways ?? []));
  return [...[...(spec.gateways ?? []), ...matched].flatMap((name) => ofGatewayName(name, namespace, mesh)), ...http, ...l4];
}

function ofGatewayName(text: string, namespace: string, mesh: MeshIndex): string[] {
  const name = gatewayName(text, namespace);
  if (name === MESH_GATEWAY || mesh.gateways.has(name)) return [];
  const elsewhere = [...mesh.gateways].filter((known) => known.endsWith(`/${text.slice(text.indexOf('/') + 1)}`));
  return [`Gateway ${name} does not exist${elsewhere.length > 0 ? `; there is ${elsewhere.join(', ')}` : hint(name, mesh.gateways)}`];
}

function ofDelegate({ name = '', namespace }: { name?: string; namespace?: string }, at: string, { namespace: own, mesh }: { namespace: string; mesh: MeshIndex }): string[] {
  const key = `${namespace || own}/${name}`;
  const target = mesh.virtualServices.get(key);
  if (!target) return [`${at}.delegate: VirtualService ${key} does not exist${hint(key, mesh.virtualServices.keys())}`];
  if ((target.spec?.hosts?.length ?? 0) > 0) return [`${at}.delegate: VirtualService ${key} has hosts of its own; a delegate must have none`];
  if ((target.spec?.http ?? []).some((route) => route.delegate)) return [`${at}.delegate: VirtualService ${key} delegates further, which is not followed`];
  return [];
}

function ofDestination(destination: Destination, namespace: string, mesh: MeshIndex): string[] {
  const { settings } = mesh.snapshot;
  const host = fullHost(destination.host, namespace, settings.clusterDomain);
  const service = mesh.serviceFor(host, namespace);
  if (!service) return [`host ${host} is not a service that namespace ${namespace} sees${mesh.hostHint(host)}`];
  return [...ofPort(destination.port?.number, service), ...ofSubset(destination.subset, service, { namespace, mesh })];
}

function ofPort(port: number | undefined, service: MeshService): string[] {
  const ports = service.ports.filter((p) => p.protocol !== 'UDP');
  if (port === undefined || port === 0 || ports.some((p) => p.port === port)) return [];
  return [`port ${port} is not a port of ${service.host} (has ${ports.map((p) => `${p.port}${p.name ? ` ${p.name}` : ''}`).join(', ') || 'none'})`];
}

function ofSubset(subset: string | undefined, service: MeshService, at: { namespace: string; mesh: MeshIndex }): string[] {
  if (!subset) return [];
  const policy = at.mesh.policyFor(service, at.namespace);
  if (!policy) return [`subset ${subset} of ${service.host} is in no DestinationRule: there is none for this host`];
  if (policy.subsets.some((s) => s.name === subset)) return [];
  return [`subset ${subset} of ${service.host} is not in DestinationRule ${policy.namespace}/${policy.name} (has ${policy.subsets.map((s) => s.name).join(', ') || 'none'})`];
}

function ofDestinationRule({ metadata, spec }: Stored<DestinationRule>, mesh: MeshIndex): string[] {
  const namespace = metadata.namespace ?? '';
  const host = fullHost(spec?.host ?? '', namespace, mesh.snapshot.settings.clusterDomain);
  if (isWildcard(host)) return mesh.hosts.some((known) => hostCovers(host, known)) ? [] : [`no service has a host that ${host} covers`];
  const service = mesh.serviceFor(host, namespace);
  if (!service) return [`host ${host} is not a service that namespace ${namespace} sees${mesh.hostHint(host)}`];
  const policies = [spec?.trafficPolicy, ...(spec?.subsets ?? []).map((s) => s.trafficPolicy)];
  return policies.flatMap((policy) => (policy?.portLevelSettings ?? []).flatMap((p) => ofPort(p.port?.number, service)));
}

/** A gateway reads secrets of its own namespace. */
function ofGateway({ metadata, spec = {} }: Stored<Gateway>, mesh: MeshIndex): string[] {
  const selected = mesh.workloads.filter((w) => labelsMatch(spec.selector, w.labels));
  if (selected.length === 0) return [`no pod has the labels of the selector (${Object.entries(spec.selector ?? {}).map(([key, value]) => `${key}=${value}`).join(', ')})`];
  const namespaces = [...new Set(selected.map((w) => w.namespace))];
  return (spec.servers ?? []).flatMap(({ tls }) => {
    const names = [tls?.credentialName, ...(tls?.credentialNames ?? [])].filter((name): name is string => name !== undefined && name !== '');
    const authorities = tls?.caCertCredentialName ? [tls.caCertCredentialName] : [];
    return [
      ...names.flatMap((name) => ofSecret(name, namespaces, { keys: [['tls.crt', 'cert'], ['tls.key', 'key']], mesh })),
      ...authorities.flatMap((name) => ofSecret(name, namespaces, { keys: [['ca.crt', 'cacert']], mesh })),
    ];
  }).map((text) => (namespaces.includes(metadata.namespace ?? '') ? text : `${text} (secrets are read from the namespace of the gateway's pod)`));
}

/** @param want each with the names under which it may stand in the secret */
function ofSecret(text: string, namespaces: readonly string[], { keys: want, mesh }: { keys: readonly (readonly string[])[]; mesh: MeshIndex }): string[] {
  const bare = text.replace(/^kubernetes(-gateway)?:\/\//, '');
  return namespaces.flatMap((namespace) => {
    const name = bare.includes('/') ? bare : `${namespace}/${bare}`;
    const secret = mesh.snapshot.secrets.get(name);
    if (!secret) return [`Secret ${name} does not exist`];
    const lacking = want.filter((names) => !names.some((key) => secret.data?.[key])).map(([key = '']) => key);
    return lacking.length === 0 ? [] : [`Secret ${name} has no ${lacking.join(' and no ')} (has ${Object.keys(secret.data ?? {}).join(', ') || 'nothing'})`];
  });
}

function ofSidecar({ metadata, spec = {} }: Stored<Sidecar>, mesh: MeshIndex): string[] {
  const namespace = metadata.namespace ?? '';
  const proxy = spec.outboundTrafficPolicy?.egressProxy;
  const imports = (spec.egress ?? []).flatMap((e, i) => e.hosts.flatMap((text, j) => {
    const host = text.slice(text.indexOf('/') + 1);
    if (isWildcard(host) || text.startsWith('~/')) return [];
    return mesh.hasHost(host) ? [] : [`spec.egress[${i}].hosts[${j}]: host ${host} is not a service${mesh.hostHint(host)}`];
  }));
  return [...imports, ...(proxy ? ofDestination(proxy, namespace, mesh) : [])];
}

function ofAuthorizationPolicy({ spec }: Stored<AuthorizationPolicy>, mesh: MeshIndex): string[] {
  if (spec?.action !== 'CUSTOM') return [];
  return ofProvider(spec.provider?.name ?? '', mesh.snapshot);
}

function ofRequestAuthentication({ spec }: Stored<RequestAuthentication>, mesh: MeshIndex): string[] {
  return (spec?.jwtRules ?? []).flatMap(({ issuer, jwks, jwksUri, jwks_uri: legacy }) => {
    const uri = jwksUri ?? legacy;
    return jwks || uri === undefined || mesh.snapshot.jwks.has(uri) ? [] : [`the keys of issuer ${issuer} have not been fetched from ${uri}: its tokens are refused`];
  });
}

function ofTelemetry({ spec }: Stored<Telemetry>, mesh: MeshIndex): string[] {
  const named = [...(spec?.accessLogging ?? []), ...(spec?.tracing ?? []), ...(spec?.metrics ?? [])].flatMap((rule) => (rule.providers ?? []).map((p) => p.name));
  return named.flatMap((name) => ofProvider(name, mesh.snapshot));
}

const BUILT_IN = ['envoy', 'prometheus'];

function ofProvider(name: string, { settings }: MeshSnapshot): string[] {
  const known = [...BUILT_IN, ...settings.config.extensionProviders.map((p) => p.name)];
  return known.includes(name) ? [] : [`extension provider ${JSON.stringify(name)} is not in the mesh configuration (has ${known.join(', ')})`];
}

/** `; did you mean …?` when something is nearly the same. */
function hint(word: string, known: Iterable<string>): string {
  const near = nearest(word, [...known]);
  return near === undefined ? '' : `; did you mean ${near}?`;
}
