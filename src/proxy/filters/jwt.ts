/** JSON Web Token authentication. Envoy: envoy.filters.http.jwt_authn. RFC 7519. */
import type { JwtAuthentication, JwtProvider, JwtRequirement, PerRouteConfig } from '../../xds/generated/envoy/extensions/filters/http/jwt_authn/v3/config_pb.js';
import { ConfigError } from '../errors.ts';
import type { FilterContext, HttpFilter } from '../http/filter.ts';
import { compileRouteMatch } from '../route/path-match.ts';
import type { RequestPredicate } from '../route/header-match.ts';
import { applyClaims, createProvider, type JwtVerdict, type Provider } from './jwt-provider.ts';
import type { FilterDeps } from './registry.ts';

/** What a rule asks for. */
type Requirement =
  | { readonly kind: 'provider'; readonly provider: Provider; readonly audiences: readonly string[] | undefined }
  | { readonly kind: 'any' | 'all'; readonly parts: readonly Requirement[] }
  | { readonly kind: 'allow-missing' | 'allow-failed' };

interface Rule {
  readonly matches: RequestPredicate;
  readonly requirement: Requirement | undefined;
}

type PerRoute = { readonly requirement: string };

export function compileJwtPerRoute(message: PerRouteConfig): unknown {
  const { requirementSpecifier: specifier } = message;
  if (specifier.case === 'requirementName') return { requirement: specifier.value } satisfies PerRoute;
  return specifier.case === 'disabled' && specifier.value ? null : undefined;
}

const OK: JwtVerdict = { ok: true, claims: undefined };
const MISSING: JwtVerdict = { ok: false, status: 401, message: 'Jwt is missing', missing: true };

export function createJwtFilter(name: string, message: JwtAuthentication, deps: FilterDeps): HttpFilter {
  const providers = new Map(Object.entries(message.providers).map(([key, provider]: [string, JwtProvider]) => [key, createProvider(key, provider, deps)]));
  const compile = (requirement: JwtRequirement): Requirement => compileRequirement(requirement, providers);
  const named = new Map(Object.entries(message.requirementMap).map(([key, requirement]) => [key, compile(requirement)]));
  const rules: Rule[] = message.rules.map((rule) => {
    const type = rule.requirementType;
    const requirement = type.case === 'requires' ? compile(type.value) : type.case === 'requirementName' ? named.get(type.value) : undefined;
    if (type.case === 'requirementName' && !requirement) throw new ConfigError(`jwt_authn: requirement_name ${type.value} is not in requirement_map`);
    return { matches: compileRouteMatch(rule.match, deps.random), requirement };
  });

  return {
    name,
    onRequest(context) {
      const { request } = context;
      if (message.bypassCorsPreflight && request.method === 'OPTIONS' && request.headers.has('origin') && request.headers.has('access-control-request-method')) return 'continue';
      const perRoute = context.perRoute(name) as PerRoute | null | undefined;
      if (perRoute === null) return 'continue';
      const requirement = perRoute ? named.get(perRoute.requirement) : rules.find((rule) => rule.matches(request))?.requirement;
      if (!requirement) return 'continue';
      let async = false;
      let step: 'continue' | 'stop' | 'done' = 'stop';
      evaluate(requirement, context, (verdict) => {
        if (verdict.ok) {
          step = 'continue';
          if (async) context.resume();
          return;
        }
        step = 'done';
        deny(context, verdict);
      });
      async = true;
      return step;
    },
    close() {
      for (const provider of providers.values()) provider.close();
    },
  };
}

function compileRequirement(message: JwtRequirement, providers: ReadonlyMap<string, Provider>): Requirement {
  const find = (key: string): Provider => {
    const provider = providers.get(key);
    if (!provider) throw new ConfigError(`jwt_authn: provider ${key} does not exist`);
    return provider;
  };
  const { requiresType: type } = message;
  switch (type.case) {
    case 'providerName':
      return { kind: 'provider', provider: find(type.value), audiences: undefined };
    case 'providerAndAudiences':
      return { kind: 'provider', provider: find(type.value.providerName), audiences: type.value.audiences };
    case 'requiresAny':
      return { kind: 'any', parts: type.value.requirements.map((part) => compileRequirement(part, providers)) };
    case 'requiresAll':
      return { kind: 'all', parts: type.value.requirements.map((part) => compileRequirement(part, providers)) };
    case 'allowMissing':
      return { kind: 'allow-missing' };
    case 'allowMissingOrFailed':
      return { kind: 'allow-failed' };
    case undefined:
      return { kind: 'allow-failed' };
  }
}

/** Calls `done` exactly once, at once when everything needed is in the caches. */
function evaluate(requirement: Requirement, context: FilterContext, done: (verdict: JwtVerdict) => void): void {
  switch (requirement.kind) {
    case 'provider':
      requirement.provider.check(context, requirement.audiences, (verdict) => {
        if (verdict.ok) applyClaims(requirement.provider, context, verdict);
        done(verdict);
      });
      return;
    case 'allow-missing':
    case 'allow-failed':
      done(OK);
      return;
    case 'all':
      evaluateAll(requirement.parts, context, 0, done);
      return;
    case 'any':
      evaluateAny(requirement.parts, context, { at: 0, failed: undefined }, done);
  }
}

function evaluateAll(parts: readonly Requirement[], context: FilterContext, at: number, done: (verdict: JwtVerdict) => void): void {
  const part = parts[at];
  if (!part) return done(OK);
  evaluate(part, context, (verdict) => (verdict.ok ? evaluateAll(parts, context, at + 1, done) : done(verdict)));
}

/** A token that is there but wrong weighs more than one that is missing: `allow_missing` forgives only the latter. */
function evaluateAny(parts: readonly Requirement[], context: FilterContext, state: { at: number; failed: JwtVerdict | undefined }, done: (verdict: JwtVerdict) => void): void {
  const part = parts[state.at];
  if (!part) return done(state.failed ?? MISSING);
  const next = (failed: JwtVerdict | undefined): void => evaluateAny(parts, context, { at: state.at + 1, failed }, done);
  if (part.kind === 'allow-missing') {
    const { failed } = state;
    if (failed && !failed.ok && !failed.missing) return next(failed);
    return done(OK);
  }
  evaluate(part, context, (verdict) => {
    if (verdict.ok) return done(verdict);
    const { failed } = state;
    next(failed && !failed.ok && !failed.missing ? failed : verdict);
  });
}

function deny(context: FilterContext, verdict: JwtVerdict & { ok: false }): void {
  const { request } = context;
  const realm = `${request.scheme}://${request.authority}${request.path.split('?')[0] ?? ''}`;
  const problem = verdict.missing ? '' : ', error="invalid_token"';
  context.reply({
    status: verdict.status, body: verdict.message, details: `jwt_authn_access_denied{${verdict.message.replaceAll(' ', '_')}}`,
    headers: [['www-authenticate', `Bearer realm="${realm.replaceAll('"', '%22')}"${problem}`]],
  });
}
