/** For tests: what Envoy's RBAC would decide, written from its documentation. */
import { cidrContains, parseAddress, parseCidr } from '../../../base/cidr.ts';
import type { HeaderMatcher } from '../../../xds/generated/envoy/config/route/v3/route_components_pb.js';
import type { Permission, Policy, Principal } from '../../../xds/generated/envoy/config/rbac/v3/rbac_pb.js';
import type { MetadataMatcher } from '../../../xds/generated/envoy/type/matcher/v3/metadata_pb.js';
import type { ValueMatcher } from '../../../xds/generated/envoy/type/matcher/v3/value_pb.js';
import { textMatches } from './simulate.ts';

export interface RbacCall {
  /** SPIFFE URI of the peer; undefined without mutual TLS. */
  peer?: string;
  directIp: string;
  remoteIp: string;
  destinationIp: string;
  port: number;
  sni: string;
  /** `:authority`, `:method` and others. */
  headers: Readonly<Record<string, string>>;
  path: string;
  /** By filter. */
  metadata: Readonly<Record<string, unknown>>;
}

export const policyMatches = (policy: Policy, call: RbacCall): boolean => policy.permissions.some((p) => permits(p, call)) && policy.principals.some((p) => identifies(p, call));

function permits({ rule }: Permission, call: RbacCall): boolean {
  switch (rule.case) {
    case 'andRules': return rule.value.rules.every((r) => permits(r, call));
    case 'orRules': return rule.value.rules.some((r) => permits(r, call));
    case 'notRule': return !permits(rule.value, call);
    case 'any': return true;
    case 'header': return header(rule.value, call);
    case 'urlPath': return rule.value.rule.case === 'path' && textMatches(rule.value.rule.value, call.path);
    case 'destinationPort': return rule.value === call.port;
    case 'destinationIp': return inRange(rule.value, call.destinationIp);
    case 'requestedServerName': return textMatches(rule.value, call.sni);
    default: throw new Error(`not simulated: ${rule.case}`);
  }
}

function identifies({ identifier: id }: Principal, call: RbacCall): boolean {
  switch (id.case) {
    case 'andIds': return id.value.ids.every((p) => identifies(p, call));
    case 'orIds': return id.value.ids.some((p) => identifies(p, call));
    case 'notId': return !identifies(id.value, call);
    case 'any': return true;
    case 'authenticated': return call.peer !== undefined && (!id.value.principalName || textMatches(id.value.principalName, call.peer));
    case 'directRemoteIp': return inRange(id.value, call.directIp);
    case 'remoteIp': return inRange(id.value, call.remoteIp);
    case 'header': return header(id.value, call);
    case 'metadata': return metadata(id.value, call);
    default: throw new Error(`not simulated: ${id.case}`);
  }
}

function header({ name, headerMatchSpecifier: m }: HeaderMatcher, call: RbacCall): boolean {
  const value = call.headers[name.toLowerCase()];
  if (m.case === 'presentMatch') return (value !== undefined) === m.value;
  // RE2 allows flags in front, which JavaScript writes elsewhere.
  if (m.case === 'safeRegexMatch') return value !== undefined && new RegExp(`^(?:${m.value.regex.replace('(?i)', '')})$`, m.value.regex.startsWith('(?i)') ? 'i' : '').test(value);
  return value !== undefined && m.case === 'stringMatch' && textMatches(m.value, value);
}

function inRange(range: { addressPrefix: string; prefixLen?: number }, text: string): boolean {
  const cidr = parseCidr(`${range.addressPrefix}/${range.prefixLen ?? 0}`);
  const address = parseAddress(text);
  return cidr !== undefined && address !== undefined && cidrContains(cidr, address);
}

function metadata(matcher: MetadataMatcher, call: RbacCall): boolean {
  let value: unknown = call.metadata[matcher.filter];
  for (const { segment } of matcher.path) value = typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>)[segment.value ?? ''] : undefined;
  return matcher.value ? valueMatches(matcher.value, value) : false;
}

function valueMatches({ matchPattern: m }: ValueMatcher, value: unknown): boolean {
  if (m.case === 'stringMatch') return typeof value === 'string' && textMatches(m.value, value);
  if (m.case === 'orMatch') return m.value.valueMatchers.some((v) => valueMatches(v, value));
  const one = m.case === 'listMatch' && m.value.matchPattern.case === 'oneOf' ? m.value.matchPattern.value : undefined;
  return one !== undefined && Array.isArray(value) && value.some((v) => valueMatches(one, v));
}
