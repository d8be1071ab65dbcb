/** One rule of an AuthorizationPolicy as an RBAC policy. */
import type { AuthorizationCondition, AuthorizationRule, Operation, Source } from '../../api/authorization-policy.ts';
import type { MeshConfig } from '../../api/mesh-config.ts';
import type { PolicySchema } from '../../xds/generated/envoy/config/rbac/v3/rbac_pb.js';
import { errorText } from '../../base/errors.ts';
import * as match from './authorization-match.ts';
import type { PermissionInit, PrincipalInit } from './authorization-match.ts';
import type { Init } from './message.ts';

export type PolicyInit = Init<typeof PolicySchema>;

export interface RuleOptions {
  /** Of the policy. */
  readonly namespace: string;
  readonly mesh: MeshConfig;
  /** On TCP only what TCP shows counts. A rule that needs more is left out when it allows (`drop`); when it denies, the rest
   * of it stays in force (`keep`), which denies more. */
  readonly tcp?: 'drop' | 'keep';
  /** Of rules that deny or ask: told of what cannot be understood, which then holds for every call, so that more is refused and never
   * less (Istio: checkError). Without it such a rule cannot be built. */
  readonly widened?: (problem: string) => void;
}

/** A field that lists values, its negation, and what one value becomes. */
interface Term<M> {
  readonly values?: readonly string[];
  readonly not?: readonly string[];
  readonly isHttp: boolean;
  readonly make: (value: string) => M;
}

/** Thrown away with the rule, never shown. */
class NeedsHttp extends Error {}

/** @returns undefined when the rule does not apply to TCP */
export function buildRule(rule: AuthorizationRule, options: RuleOptions): PolicyInit | undefined {
  try {
    const when = (rule.when ?? []).map((condition) => conditionTerms(condition, options));
    const permissions = [...(rule.to ?? [{ operation: {} }])].map(({ operation = {} }) => allPermissions([...operationTerms(operation), ...when.flatMap((w) => w.permissions)], options));
    const principals = [...(rule.from ?? [{ source: {} }])].map(({ source = {} }) => allPrincipals([...sourceTerms(source, options), ...when.flatMap((w) => w.principals)], options));
    return { permissions, principals };
  } catch (error) {
    if (error instanceof NeedsHttp) return undefined;
    throw error;
  }
}

function operationTerms(o: Operation): Term<PermissionInit>[] {
  return [
    { values: o.hosts, not: o.notHosts, isHttp: true, make: match.host },
    { values: o.methods, not: o.notMethods, isHttp: true, make: match.method },
    { values: o.paths, not: o.notPaths, isHttp: true, make: match.path },
    { values: o.ports, not: o.notPorts, isHttp: false, make: match.port },
  ];
}

function sourceTerms(s: Source, options: RuleOptions): Term<PrincipalInit>[] {
  const account = (value: string) => match.accountPrincipal(value, options.namespace);
  return [
    { values: s.principals, not: s.notPrincipals, isHttp: false, make: (value) => match.principal(value, options.mesh) },
    { values: s.requestPrincipals, not: s.notRequestPrincipals, isHttp: true, make: match.requestPrincipal },
    { values: s.namespaces, not: s.notNamespaces, isHttp: false, make: match.namespacePrincipal },
    { values: s.serviceAccounts, not: s.notServiceAccounts, isHttp: false, make: account },
    { values: s.trustDomains, not: s.notTrustDomains, isHttp: false, make: match.trustDomainPrincipal },
    { values: s.ipBlocks, not: s.notIpBlocks, isHttp: false, make: match.sourceIp },
    { values: s.remoteIpBlocks, not: s.notRemoteIpBlocks, isHttp: false, make: match.remoteIp },
  ];
}

const HEADER = /^request\.headers\[(.+)\]$/;
const FILTER = /^experimental\.(envoy\.filters\.[^[]+)\[(.+)\]$/;

function conditionTerms({ key, values, notValues: not }: AuthorizationCondition, options: RuleOptions): { permissions: Term<PermissionInit>[]; principals: Term<PrincipalInit>[] } {
  const of = (make: (value: string) => PrincipalInit, isHttp = false) => ({ permissions: [], principals: [{ values, not, isHttp, make }] });
  const to = (make: (value: string) => PermissionInit) => ({ permissions: [{ values, not, isHttp: false, make }], principals: [] });
  const header = HEADER.exec(key)?.[1];
  if (header !== undefined) return of((value) => match.headerPrincipal(header, value), true);
  if (key.startsWith('request.auth.claims[')) {
    const path = [...key.matchAll(/\[([^\]]+)\]/g)].map((m) => m[1] ?? '');
    return of((value) => match.claim(path, value), true);
  }
  const [, filter, name] = FILTER.exec(key) ?? [];
  if (filter !== undefined && name !== undefined) return of((value) => match.filterMetadata(filter, name, value));
  switch (key) {
    case 'source.ip': return of(match.sourceIp);
    case 'remote.ip': return of(match.remoteIp);
    case 'source.namespace': return of(match.namespacePrincipal);
    case 'source.serviceAccount': return of((value) => match.accountPrincipal(value, options.namespace));
    case 'source.trustDomain': return of(match.trustDomainPrincipal);
    case 'source.principal': return of((value) => match.principal(value, options.mesh));
    case 'request.auth.principal': return of(match.requestPrincipal, true);
    case 'request.auth.audiences': return of((value) => match.claim(['aud'], value), true);
    case 'request.auth.presenter': return of((value) => match.claim(['azp'], value), true);
    case 'destination.ip': return to(match.destinationIp);
    case 'destination.port': return to(match.port);
    case 'connection.sni': return to(match.serverName);
    default:
      if (!options.widened) throw new Error(`unknown condition "${key}"`);
      options.widened(`unknown condition "${key}"`);
      return { permissions: [], principals: [] };
  }
}

interface Read<M> {
  readonly values: readonly M[];
  readonly not: readonly M[];
}

/** A list of which one value cannot be understood might mean any. */
function read<M>({ values = [], not = [], make }: Term<M>, { widened }: RuleOptions): Read<M> {
  if (!widened) return { values: values.map(make), not: not.map(make) };
  const tried = (list: readonly string[]) => list.flatMap((value) => {
    try {
      return [make(value)];
    } catch (error) {
      widened(errorText(error));
      return [];
    }
  });
  const understood = tried(values);
  return { values: understood.length === values.length ? understood : [], not: tried(not) };
}

/** Terms that say something and that the protocol can answer. */
function usable<M>(terms: readonly Term<M>[], options: RuleOptions): Term<M>[] {
  const said = terms.filter((t) => (t.values?.length ?? 0) > 0 || (t.not?.length ?? 0) > 0);
  if (options.tcp === undefined || said.every((t) => !t.isHttp)) return said;
  if (options.tcp === 'drop') throw new NeedsHttp();
  return said.filter((t) => !t.isHttp);
}

function allPermissions(terms: readonly Term<PermissionInit>[], options: RuleOptions): PermissionInit {
  const or = (list: readonly PermissionInit[]): PermissionInit => ({ rule: { case: 'orRules', value: { rules: [...list] } } });
  const rules = usable(terms, options).map((term) => read(term, options)).flatMap(({ values, not }): PermissionInit[] => [
    ...(values.length > 0 ? [or(values)] : []),
    ...(not.length > 0 ? [{ rule: { case: 'notRule' as const, value: or(not) } }] : []),
  ]);
  return { rule: { case: 'andRules', value: { rules: rules.length > 0 ? rules : [{ rule: { case: 'any', value: true } }] } } };
}

function allPrincipals(terms: readonly Term<PrincipalInit>[], options: RuleOptions): PrincipalInit {
  const or = (list: readonly PrincipalInit[]): PrincipalInit => ({ identifier: { case: 'orIds', value: { ids: [...list] } } });
  const ids = usable(terms, options).map((term) => read(term, options)).flatMap(({ values, not }): PrincipalInit[] => [
    ...(values.length > 0 ? [or(values)] : []),
    ...(not.length > 0 ? [{ identifier: { case: 'notId' as const, value: or(not) } }] : []),
  ]);
  return { identifier: { case: 'andIds', value: { ids: ids.length > 0 ? ids : [{ identifier: { case: 'any', value: true } }] } } };
}
