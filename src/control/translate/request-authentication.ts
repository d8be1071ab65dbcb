/** RequestAuthentications as the JWT filter. A request without a token passes, unless a rule says REQUIRED; one with a token
 * that is not valid is refused. Istio: authn ConvertToEnvoyJwtConfig. */
import { createPublicKey, type JsonWebKeyInput } from 'node:crypto';
import type { Any } from '@bufbuild/protobuf/wkt';
import type { JwtRule } from '../../api/request-authentication.ts';
import { JwtAuthenticationSchema, type JwtProviderSchema, type JwtRequirementSchema } from '../../xds/generated/envoy/extensions/filters/http/jwt_authn/v3/config_pb.js';
import { policiesFor } from '../registry/policies.ts';
import { placed, type Placed } from './apart.ts';
import type { Context } from './context.ts';
import { pack, type Init } from './message.ts';

type RequirementInit = Init<typeof JwtRequirementSchema>;

export function buildAuthentication(context: Context): Placed {
  return placed([{ name: 'envoy.filters.http.jwt_authn', config: buildJwtConfig(context), idle: pack(JwtAuthenticationSchema) }], context.proxy);
}

function buildJwtConfig(context: Context): Any | undefined {
  const subject = { namespace: context.proxy.namespace, labels: context.labels };
  const policies = policiesFor(context.snapshot.requestAuthentications, subject, context.settings.config.rootNamespace);
  const rules = policies.flatMap((p) => p.spec?.jwtRules ?? []);
  if (rules.length === 0) return undefined;
  const providers = Object.fromEntries(rules.map((rule, i) => [`origins-${i}`, provider(rule, context)]));
  return pack(JwtAuthenticationSchema, {
    providers,
    bypassCorsPreflight: true,
    rules: [{ match: { pathSpecifier: { case: 'prefix', value: '/' } }, requirementType: { case: 'requires', value: requirement(rules) } }],
  });
}

/** One of the providers must be satisfied, or there is no token. */
function requirement(rules: readonly JwtRule[]): RequirementInit {
  const named = rules.map((_rule, i): RequirementInit => ({ requiresType: { case: 'providerName', value: `origins-${i}` } }));
  const isRequired = rules.every((rule) => rule.presence === 'REQUIRED');
  const missing: RequirementInit[] = isRequired ? [] : [{ requiresType: { case: 'allowMissing', value: {} } }];
  const [only] = named;
  if (isRequired && named.length === 1 && only) return only;
  return { requiresType: { case: 'requiresAny', value: { requirements: [...named, ...missing] } } };
}

function provider(rule: JwtRule, context: Context): Init<typeof JwtProviderSchema> {
  const uri = rule.jwksUri ?? rule.jwks_uri;
  // Keys that could not be fetched, or are none, leave a set that no token fits: requests with a token are refused, not let
  // through, and nothing else of the listener is lost for it.
  const found = rule.jwks ?? (uri === undefined ? undefined : context.snapshot.jwks.get(uri));
  const keys = found !== undefined && hasKey(found) ? found : NO_KEY;
  const headers = (rule.fromHeaders ?? []).map((h) => ({ name: h.name, valuePrefix: h.prefix ?? '' }));
  return {
    issuer: rule.issuer ?? '',
    audiences: rule.audiences ?? [],
    jwksSourceSpecifier: { case: 'localJwks', value: { specifier: { case: 'inlineString', value: keys } } },
    forward: rule.forwardOriginalToken ?? false,
    fromHeaders: headers,
    fromParams: rule.fromParams ?? [],
    fromCookies: rule.fromCookies ?? [],
    forwardPayloadHeader: rule.outputPayloadToHeader ?? '',
    payloadInMetadata: 'payload',
    // At gateways routes may depend on claims.
    clearRouteCache: context.proxy.kind === 'router',
    normalizePayloadInMetadata: { spaceDelimitedClaims: ['scope', 'permission', ...(rule.spaceDelimitedClaims ?? [])] },
    claimToHeaders: (rule.outputClaimToHeaders ?? []).map((c) => ({ headerName: c.header, claimName: c.claim })),
  };
}

/** True when one of the keys can be used: otherwise Envoy refuses the listener. */
function hasKey(text: string): boolean {
  try {
    const { keys } = JSON.parse(text) as { keys?: unknown };
    return Array.isArray(keys) && keys.some(isKey);
  } catch {
    // Not JSON.
    return false;
  }
}

function isKey(key: unknown): boolean {
  try {
    // Whatever it is: what cannot be a key throws.
    createPublicKey({ key, format: 'jwk' } as JsonWebKeyInput);
    return true;
  } catch {
    return false;
  }
}

/** A public key whose private half nobody has: 2^2047 + 1 is not even a product of two chosen primes. */
const NO_KEY = JSON.stringify({ keys: [{ kty: 'RSA', kid: 'none', e: 'AQAB', n: `gA${'A'.repeat(338)}AQ` }] });
