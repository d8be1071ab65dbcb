/** The single conditions of AuthorizationPolicies as Envoy matchers. A value is exact, `prefix*`, `*suffix`, or `*` for "is
 * there". Texts of users go into typed matchers, never into a regular expression. */
import { parseCidr } from '../../base/cidr.ts';
import { pathProblem } from '../../api/validation/authorization-policy.ts';
import type { HeaderMatcherSchema } from '../../xds/generated/envoy/config/route/v3/route_components_pb.js';
import type { PermissionSchema, PrincipalSchema } from '../../xds/generated/envoy/config/rbac/v3/rbac_pb.js';
import type { MetadataMatcherSchema } from '../../xds/generated/envoy/type/matcher/v3/metadata_pb.js';
import type { StringMatcherSchema } from '../../xds/generated/envoy/type/matcher/v3/string_pb.js';
import { UriTemplateMatchConfigSchema } from '../../xds/generated/envoy/extensions/path/match/uri_template/v3/uri_template_match_pb.js';
import type { MeshConfig } from '../../api/mesh-config.ts';
import { cidrRange } from './listener-parts.ts';
import { pack, type Init } from './message.ts';

export type PermissionInit = Init<typeof PermissionSchema>;
export type PrincipalInit = Init<typeof PrincipalSchema>;
type StringInit = Init<typeof StringMatcherSchema>;
type MetadataInit = Init<typeof MetadataMatcherSchema>;

const PRESENT: StringInit = { matchPattern: { case: 'safeRegex', value: { regex: '.+' } } };
const SPIFFE = 'spiffe://';

/** @param before text that stands in front of every value */
export function textMatcher(value: string, before = ''): StringInit {
  if (value === '*') return PRESENT;
  if (value.startsWith('*')) return { matchPattern: { case: 'suffix', value: value.slice(1) } };
  if (value.endsWith('*')) return { matchPattern: { case: 'prefix', value: before + value.slice(0, -1) } };
  return { matchPattern: { case: 'exact', value: before + value } };
}

const authenticated = (principalName: StringInit): PrincipalInit => ({ identifier: { case: 'authenticated', value: { principalName } } });
const contains = (value: string): StringInit => ({ matchPattern: { case: 'contains', value } });
const anyOf = (ids: PrincipalInit[]): PrincipalInit => (ids.length === 1 && ids[0] ? ids[0] : { identifier: { case: 'orIds', value: { ids } } });

/** `trust-domain/ns/NAMESPACE/sa/ACCOUNT`; the mesh's own trust domain stands for its aliases too, and they for it. */
export function principal(value: string, mesh: Pick<MeshConfig, 'trustDomain' | 'trustDomainAliases'>): PrincipalInit {
  const domains = [...new Set([mesh.trustDomain, ...mesh.trustDomainAliases])];
  const [domain = '', ...rest] = value.split('/');
  const isOurs = rest.length > 0 && (domains.includes(domain) || domain === 'cluster.local');
  const names = isOurs ? domains.map((d) => [d, ...rest].join('/')) : [value];
  return anyOf(names.map((name) => authenticated(textMatcher(name, SPIFFE))));
}

/** A name has no slash, so the parts of an identity can be told apart by their slashes. */
export function namespacePrincipal(value: string): PrincipalInit {
  if (value === '*') return authenticated(contains('/ns/'));
  if (value.startsWith('*')) return authenticated(contains(`${value.slice(1)}/sa/`));
  if (value.endsWith('*')) return authenticated(contains(`/ns/${value.slice(0, -1)}`));
  return authenticated(contains(`/ns/${value}/`));
}

/** `namespace/account`, or `account` of the policy's namespace. */
export function accountPrincipal(value: string, namespace: string): PrincipalInit {
  const [ns, account] = value.includes('/') ? value.split('/') : [namespace, value];
  return authenticated({ matchPattern: { case: 'suffix', value: `/ns/${ns}/sa/${account}` } });
}

export const trustDomainPrincipal = (value: string): PrincipalInit =>
  authenticated(value.startsWith('*') && value !== '*' ? contains(`${value.slice(1)}/ns/`) : { matchPattern: { case: 'prefix', value: `${SPIFFE}${value.endsWith('*') ? value.slice(0, -1) : `${value}/`}` } });

/** Of the connection. */
function range(value: string): ReturnType<typeof cidrRange> {
  if (!parseCidr(value)) throw new Error(`"${value}" is not an address or a range`);
  return cidrRange(value);
}

export const sourceIp = (value: string): PrincipalInit => ({ identifier: { case: 'directRemoteIp', value: range(value) } });
/** Of the original client, by X-Forwarded-For or the PROXY protocol. */
export const remoteIp = (value: string): PrincipalInit => ({ identifier: { case: 'remoteIp', value: range(value) } });

export const headerPrincipal = (name: string, value: string): PrincipalInit => ({ identifier: { case: 'header', value: headerValue(name, value) } });

function headerValue(name: string, value: string, ignoreCase = false): Init<typeof HeaderMatcherSchema> {
  if (value === '*') return { name, headerMatchSpecifier: { case: 'presentMatch', value: true } };
  return { name, headerMatchSpecifier: { case: 'stringMatch', value: { ...textMatcher(value), ...(ignoreCase ? { ignoreCase } : {}) } } };
}

const metadata = (filter: string, path: readonly string[], value: MetadataInit['value']): PrincipalInit => ({
  identifier: { case: 'metadata', value: { filter, path: path.map((key) => ({ segment: { case: 'key', value: key } })), value } },
});

const JWT = 'envoy.filters.http.jwt_authn';

/** A claim is a text, or a list of which one entry is the text. */
export function claim(path: readonly string[], value: string): PrincipalInit {
  const text: MetadataInit['value'] = { matchPattern: { case: 'stringMatch', value: textMatcher(value) } };
  const list: MetadataInit['value'] = { matchPattern: { case: 'listMatch', value: { matchPattern: { case: 'oneOf', value: text } } } };
  return anyOf([metadata(JWT, ['payload', ...path], text), metadata(JWT, ['payload', ...path], list)]);
}

/** `issuer/subject`; issuers are URLs, so the last slash divides. A star at the far end leaves the other part open. */
export function requestPrincipal(value: string): PrincipalInit {
  const part = (name: string, text: string) => metadata(JWT, ['payload', name], { matchPattern: { case: 'stringMatch', value: textMatcher(text) } });
  const [issuer, subject] = splitPrincipal(value);
  return { identifier: { case: 'andIds', value: { ids: [part('iss', issuer), part('sub', subject)] } } };
}

function splitPrincipal(value: string): [issuer: string, subject: string] {
  const slash = value.lastIndexOf('/');
  if (slash >= 0) return [value.slice(0, slash), value.slice(slash + 1)];
  if (value.startsWith('*')) return ['*', value];
  return [value, value.endsWith('*') ? '*' : ''];
}

/** `experimental.envoy.filters.NAME[KEY]`; a value in brackets matches an entry of a list. */
export function filterMetadata(filter: string, key: string, value: string): PrincipalInit {
  const inner = /^\[(.*)\]$/.exec(value)?.[1];
  const text: MetadataInit['value'] = { matchPattern: { case: 'stringMatch', value: textMatcher(inner ?? value) } };
  return metadata(filter, [key], inner === undefined ? text : { matchPattern: { case: 'listMatch', value: { matchPattern: { case: 'oneOf', value: text } } } });
}

export const host = (value: string): PermissionInit => ({ rule: { case: 'header', value: headerValue(':authority', value, true) } });
export const method = (value: string): PermissionInit => ({ rule: { case: 'header', value: headerValue(':method', value) } });
export function port(value: string): PermissionInit {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 0 || number > 65_535) throw new Error(`"${value}" is not a port`);
  return { rule: { case: 'destinationPort', value: number } };
}

export const destinationIp = (value: string): PermissionInit => ({ rule: { case: 'destinationIp', value: range(value) } });
export const serverName = (value: string): PermissionInit => ({ rule: { case: 'requestedServerName', value: textMatcher(value) } });

/** `/a/{*}/b` and `/a/{**}` are templates: one segment, any number of segments. */
export function path(value: string): PermissionInit {
  if (!value.includes('{*}') && !value.includes('{**}')) return { rule: { case: 'urlPath', value: { rule: { case: 'path', value: textMatcher(value) } } } };
  const problem = pathProblem(value);
  if (problem !== undefined) throw new Error(problem);
  const pathTemplate = value.replaceAll('{**}', '**').replaceAll('{*}', '*');
  return {
    rule: {
      case: 'uriTemplate',
      value: { name: 'uri-template', typedConfig: pack(UriTemplateMatchConfigSchema, { pathTemplate }) },
    },
  };
}
