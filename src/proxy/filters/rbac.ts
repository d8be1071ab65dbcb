/** Role based access control: policies of permissions and principals, compiled to one predicate. Pure. Envoy: `config.rbac.v3.RBAC`. */
import type { Permission, Principal, RBAC } from '../../xds/generated/envoy/config/rbac/v3/rbac_pb.js';
import type { CidrRange } from '../../xds/generated/envoy/config/core/v3/address_pb.js';
import type { MetadataMatcher } from '../../xds/generated/envoy/type/matcher/v3/metadata_pb.js';
import { cidrContains, parseAddress } from '../../base/cidr.ts';
import { cidrOf } from '../config/address.ts';
import { unpack } from '../config/decode.ts';
import { ConfigError } from '../errors.ts';
import { compileHeaderMatcher } from '../route/header-match.ts';
import { compileMetadataMatcher } from '../route/metadata-match.ts';
import { pathOnly, type RequestView } from '../route/request-view.ts';
import { compileStringMatcher } from '../route/string-match.ts';
import { compilePathTemplate } from './path-template.ts';

export interface AccessInput {
  /** Undefined for plain TCP: matchers of HTTP facts then never match. */
  readonly request: RequestView | undefined;
  readonly destination: { readonly address: string; readonly port: number };
  /** Of the connection itself. */
  readonly sourceAddress: string;
  /** Seen through trusted proxies; equals `sourceAddress` without HTTP. */
  readonly remoteAddress: string;
  readonly serverName: string | undefined;
  /** Names of the client's verified certificate in Envoy's order: URI, else DNS, else subject. Undefined without one. */
  readonly principals: readonly string[] | undefined;
  /** Dynamic metadata of earlier filters. */
  metadata(filter: string): Readonly<Record<string, unknown>> | undefined;
}

export interface AccessDecision {
  readonly allowed: boolean;
  /** Policy that decided; undefined when none matched. */
  readonly policy: string | undefined;
}

export type AccessRules = (input: AccessInput) => AccessDecision;
type Predicate = (input: AccessInput) => boolean;

const DENY = 1;
const LOG = 2;

export function compileAccessRules(message: RBAC): AccessRules {
  // Envoy: policies are tried in the order of their names.
  const policies = Object.keys(message.policies)
    .sort()
    .map((name) => ({ name, matches: compilePolicy(name, message) }));
  const action = message.action as number;
  return (input) => {
    const policy = policies.find(({ matches }) => matches(input))?.name;
    const matched = policy !== undefined;
    return { allowed: action === LOG || (action === DENY ? !matched : matched), policy };
  };
}

function compilePolicy(name: string, message: RBAC): Predicate {
  const policy = message.policies[name];
  if (!policy) return () => false;
  if (policy.condition || policy.checkedCondition) throw new ConfigError(`rbac policy ${name}: conditions are not supported`);
  const permissions = any(policy.permissions.map(compilePermission));
  const principals = any(policy.principals.map(compilePrincipal));
  return (input) => permissions(input) && principals(input);
}

const any = (predicates: readonly Predicate[]): Predicate => (predicates.length === 1 && predicates[0] ? predicates[0] : (input) => predicates.some((matches) => matches(input)));
const all = (predicates: readonly Predicate[]): Predicate => (predicates.length === 1 && predicates[0] ? predicates[0] : (input) => predicates.every((matches) => matches(input)));

export function compilePermission(message: Permission): Predicate {
  const { rule } = message;
  switch (rule.case) {
    case 'andRules':
      return all(rule.value.rules.map(compilePermission));
    case 'orRules':
      return any(rule.value.rules.map(compilePermission));
    case 'any':
      return () => rule.value;
    case 'header':
      return headerRule(rule.value);
    case 'urlPath':
      return pathRule(rule.value.rule.case === 'path' ? compileStringMatcher(rule.value.rule.value) : undefined);
    case 'uriTemplate': {
      const config = unpack('uriTemplateMatch', rule.value.typedConfig);
      return pathRule(compilePathTemplate(config.pathTemplate));
    }
    case 'destinationIp':
      return rangeRule(rule.value, (input) => input.destination.address);
    case 'destinationPort':
      return (input) => input.destination.port === rule.value;
    case 'destinationPortRange':
      return ({ destination }) => destination.port >= rule.value.start && destination.port < rule.value.end;
    case 'metadata':
      return compileMetadata(rule.value);
    case 'notRule': {
      const inner = compilePermission(rule.value);
      return (input) => !inner(input);
    }
    case 'requestedServerName': {
      const matches = compileStringMatcher(rule.value);
      return (input) => matches(input.serverName ?? '');
    }
    default:
      throw new ConfigError(`rbac permission: ${rule.case ?? '(none)'} is not supported`);
  }
}

export function compilePrincipal(message: Principal): Predicate {
  const { identifier } = message;
  switch (identifier.case) {
    case 'andIds':
      return all(identifier.value.ids.map(compilePrincipal));
    case 'orIds':
      return any(identifier.value.ids.map(compilePrincipal));
    case 'any':
      return () => identifier.value;
    case 'authenticated': {
      if (!identifier.value.principalName) return (input) => input.principals !== undefined;
      const matches = compileStringMatcher(identifier.value.principalName);
      return (input) => input.principals?.some(matches) ?? false;
    }
    case 'sourceIp':
    case 'directRemoteIp':
      return rangeRule(identifier.value, (input) => input.sourceAddress);
    case 'remoteIp':
      return rangeRule(identifier.value, (input) => input.remoteAddress);
    case 'header':
      return headerRule(identifier.value);
    case 'urlPath':
      return pathRule(identifier.value.rule.case === 'path' ? compileStringMatcher(identifier.value.rule.value) : undefined);
    case 'metadata':
      return compileMetadata(identifier.value);
    case 'filterState': {
      // Istio writes the client's SPIFFE URI there.
      if (identifier.value.key !== 'io.istio.peer_principal' || identifier.value.matcher.case !== 'stringMatch') throw new ConfigError(`rbac principal: filter_state ${identifier.value.key} is not supported`);
      const matches = compileStringMatcher(identifier.value.matcher.value);
      return (input) => input.principals?.some(matches) ?? false;
    }
    case 'notId': {
      const inner = compilePrincipal(identifier.value);
      return (input) => !inner(input);
    }
    default:
      throw new ConfigError(`rbac principal: ${identifier.case ?? '(none)'} is not supported`);
  }
}

function headerRule(matcher: Parameters<typeof compileHeaderMatcher>[0]): Predicate {
  const matches = compileHeaderMatcher(matcher);
  return ({ request }) => request !== undefined && matches(request);
}

function pathRule(matches: ((path: string) => boolean) | undefined): Predicate {
  if (!matches) throw new ConfigError('rbac: url_path without a path matcher');
  return ({ request }) => request !== undefined && matches(pathOnly(request.path));
}

function rangeRule(range: CidrRange, address: (input: AccessInput) => string): Predicate {
  const cidr = cidrOf(range);
  return (input) => {
    const bytes = parseAddress(address(input));
    return bytes !== undefined && cidrContains(cidr, bytes);
  };
}

export function compileMetadata(matcher: MetadataMatcher): Predicate {
  const matches = compileMetadataMatcher(matcher);
  return (input) => matches(input.metadata(matcher.filter));
}
