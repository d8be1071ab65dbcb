/** One issuer of tokens: where its tokens are in a request, its keys, and what a token must say. */
import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTPayload, jwtVerify } from 'jose';
import type { JwtProvider } from '../../xds/generated/envoy/extensions/filters/http/jwt_authn/v3/config_pb.js';
import { inlineData } from '../config/routes.ts';
import { ConfigError } from '../errors.ts';
import { fetchThroughCluster } from '../http/fetch.ts';
import type { FilterContext } from '../http/filter.ts';
import { cookieValue } from '../route/hash-policy.ts';
import { queryParameter } from '../route/header-match.ts';
import { durationMs } from '../route/numbers.ts';
import { compileStringMatcher } from '../route/string-match.ts';
import { ALGORITHMS, readToken } from './jwt-shape.ts';
import type { FilterDeps } from './registry.ts';

export type JwtVerdict =
  | { readonly ok: true; readonly claims: JWTPayload | undefined; readonly token?: FoundToken }
  | { readonly ok: false; readonly status: number; readonly message: string; readonly missing: boolean };

interface FoundToken {
  readonly text: string;
  /** Takes it out of the request. */
  strip(): void;
}

export interface Provider {
  readonly settings: JwtProvider;
  check(context: FilterContext, audiences: readonly string[] | undefined, done: (verdict: JwtVerdict) => void): void;
  close(): void;
}

const METADATA = 'envoy.filters.http.jwt_authn';
const CACHE_SIZE = 1000;
const DEFAULT_SKEW_S = 60;
const DEFAULT_CACHE_MS = 600_000;
const FETCH_TIMEOUT_MS = 5000;
const FOREVER_S = 1e12;

const refuse = (message: string, status = 401): JwtVerdict => ({ ok: false, status, message, missing: false });

export function createProvider(name: string, settings: JwtProvider, deps: FilterDeps): Provider {
  const keys = createKeySource(name, settings, deps);
  const cache = new Map<string, { readonly claims: JWTPayload; readonly untilMs: number }>();
  const subject = settings.subjects && compileStringMatcher(settings.subjects);
  const skewS = settings.clockSkewSeconds === 0 ? DEFAULT_SKEW_S : settings.clockSkewSeconds;

  /** All that can be said without a key, in Envoy's order. */
  const objection = (claims: JWTPayload, audiences: readonly string[] | undefined): JwtVerdict | undefined => {
    if (settings.issuer !== '' && claims.iss !== settings.issuer) return refuse('Jwt issuer is not configured');
    if (subject && !(typeof claims.sub === 'string' && subject(claims.sub))) return refuse('Jwt subject is not allowed');
    if (settings.requireExpiration && claims.exp === undefined) return refuse('Jwt must have an expiration');
    const nowS = deps.clock.now() / 1000;
    if (claims.nbf !== undefined && claims.nbf > nowS + skewS) return refuse('Jwt not yet valid');
    if (claims.exp !== undefined && claims.exp < nowS - skewS) return refuse('Jwt is expired');
    const wanted = audiences ?? settings.audiences;
    const offered = typeof claims.aud === 'string' ? [claims.aud] : (claims.aud ?? []);
    const isFor = wanted.length === 0 || wanted.some((audience) => offered.some((given) => audienceEquals(given, audience)));
    return isFor ? undefined : refuse('Audiences in Jwt are not allowed', 403);
  };
  const verify = async (token: string, claims: JWTPayload): Promise<JwtVerdict> => {
    try {
      await verifySignature(token, await keys.get(), new Date(deps.clock.now()));
      if (cache.size >= CACHE_SIZE) cache.delete(cache.keys().next().value ?? '');
      cache.set(token, { claims, untilMs: (claims.exp ?? Number.MAX_SAFE_INTEGER / 1000 - skewS) * 1000 });
      return { ok: true, claims };
    } catch (error) {
      return refuse(reasonOf(error));
    }
  };

  return {
    settings,
    check(context, audiences, done) {
      const token = findToken(settings, context);
      if (!token) return done({ ok: false, status: 401, message: 'Jwt is missing', missing: true });
      const finish = (verdict: JwtVerdict): void => done(verdict.ok ? { ...verdict, token } : verdict);
      const known = cache.get(token.text);
      const isKnown = known !== undefined && known.untilMs > deps.clock.now();
      const shape = isKnown ? known : readToken(token.text);
      if (typeof shape === 'string') return done(refuse(shape));
      const { claims } = shape;
      const no = objection(claims, audiences);
      if (no) return done(no);
      if (isKnown) return finish({ ok: true, claims });
      verify(token.text, claims).then(finish, (error: unknown) => finish(refuse(String(error))));
    },
    close: () => cache.clear(),
  };
}

/** Envoy: trailing slash and scheme of an audience do not matter. */
function audienceEquals(a: string, b: string): boolean {
  const plain = (text: string) => text.replace(/^https?:\/\//, '').replace(/\/$/, '');
  return plain(a) === plain(b);
}

/** Times and claims have been looked at: no token is too early or too late here. A token that names no key is tried with each that
 * could be its own. */
async function verifySignature(token: string, keys: KeySet, now: Date): Promise<void> {
  const options = { algorithms: ALGORITHMS, clockTolerance: FOREVER_S, currentDate: now };
  try {
    await jwtVerify(token, keys, options);
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
    for await (const key of error) {
      try {
        await jwtVerify(token, key, options);
        return;
      } catch (wrong) {
        if (!(wrong instanceof errors.JWSSignatureVerificationFailed)) throw wrong;
      }
    }
    throw new errors.JWSSignatureVerificationFailed();
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof errors.JWKSNoMatchingKey) return "Jwks doesn't have key to match kid or alg from Jwt";
  return error instanceof errors.JOSEError ? 'Jwt verification fails' : 'Jwks remote fetch is failed';
}

type KeySet = ReturnType<typeof createLocalJWKSet>;

function createKeySource(name: string, settings: JwtProvider, deps: FilterDeps): { get(): Promise<KeySet> } {
  const { jwksSourceSpecifier: source } = settings;
  if (source.case === 'localJwks') {
    const set = Promise.resolve(parseKeys(name, inlineData(source.value).toString('utf8')));
    return { get: () => set };
  }
  const uri = source.case === 'remoteJwks' ? source.value.httpUri : undefined;
  if (source.case !== 'remoteJwks' || !uri || uri.httpUpstreamType.case !== 'cluster') throw new ConfigError(`jwt provider ${name}: local_jwks or remote_jwks with a cluster is needed`);
  const cluster = uri.httpUpstreamType.value;
  const lifeMs = durationMs(source.value.cacheDuration) ?? DEFAULT_CACHE_MS;
  let current: Promise<KeySet> | undefined;
  let untilMs = 0;
  const load = async (): Promise<KeySet> => {
    const { status, body } = await fetchThroughCluster({ cluster, url: uri.uri, timeoutMs: durationMs(uri.timeout) ?? FETCH_TIMEOUT_MS, clusters: deps.clusters, clock: deps.clock });
    if (status !== 200) throw new Error(`${uri.uri} answered ${status}`);
    return parseKeys(name, body.toString('utf8'));
  };
  return {
    get() {
      const now = deps.clock.monotonic();
      if (current && now < untilMs) return current;
      untilMs = now + lifeMs;
      current = load();
      // A failed fetch is not remembered: the next request tries again.
      current.catch(() => {
        untilMs = 0;
      });
      return current;
    },
  };
}

function parseKeys(name: string, text: string): KeySet {
  try {
    const set: unknown = JSON.parse(text);
    if (typeof set !== 'object' || set === null || !('keys' in set)) throw new Error('no "keys"');
    return createLocalJWKSet(set as JSONWebKeySet);
  } catch (cause) {
    throw new ConfigError(`jwt provider ${name}: the JWKS cannot be read`, { cause });
  }
}

/** Envoy: without any place configured, `Authorization: Bearer` and the query parameter `access_token`. */
function findToken(settings: JwtProvider, context: FilterContext): FoundToken | undefined {
  const { request } = context;
  const standard = settings.fromHeaders.length === 0 && settings.fromParams.length === 0 && settings.fromCookies.length === 0;
  const places = standard ? [{ name: 'authorization', valuePrefix: 'Bearer ' }] : settings.fromHeaders;
  for (const place of places) {
    const name = place.name.toLowerCase();
    const value = request.headers.get(name);
    const at = value?.indexOf(place.valuePrefix) ?? -1;
    if (value === undefined || at < 0) continue;
    // As Envoy: a token begins with the first character that a token can have.
    const text = value.slice(at + place.valuePrefix.length).replace(/^[^\w\-=.]+/, '').split(/[,\s]/, 1)[0] ?? '';
    if (text !== '') return { text, strip: () => request.headers.remove(name) };
  }
  for (const name of standard ? ['access_token'] : settings.fromParams) {
    const text = queryParameter(request.path, name);
    if (text !== undefined && text !== '') return { text, strip: () => {} };
  }
  for (const name of settings.fromCookies) {
    const text = cookieValue(request.headers.get('cookie'), name);
    if (text !== undefined && text !== '') return { text, strip: () => {} };
  }
  return undefined;
}

/** Makes a verified token's claims visible to what comes after. */
export function applyClaims(provider: Provider, context: FilterContext, verdict: JwtVerdict & { ok: true }): void {
  const { settings } = provider;
  const { claims, token } = verdict;
  if (!claims) return;
  const { headers } = context.request;
  if (!settings.forward) token?.strip();
  if (settings.forwardPayloadHeader !== '') {
    const encoded = Buffer.from(JSON.stringify(claims), 'utf8').toString('base64url');
    headers.set(settings.forwardPayloadHeader.toLowerCase(), settings.padForwardPayloadHeader ? encoded.padEnd(Math.ceil(encoded.length / 4) * 4, '=') : encoded);
  }
  for (const { headerName, claimName } of settings.claimToHeaders) {
    const value = claimName.split('.').reduce<unknown>((at, key) => (typeof at === 'object' && at !== null && Object.hasOwn(at, key) ? (at as Record<string, unknown>)[key] : undefined), claims);
    if (value !== undefined) headers.set(headerName.toLowerCase(), (typeof value === 'object' ? Buffer.from(JSON.stringify(value)).toString('base64url') : String(value)).replaceAll(/[\r\n\0]/g, ''));
    else headers.remove(headerName.toLowerCase());
  }
  if (settings.payloadInMetadata !== '') {
    const spaced = settings.normalizePayloadInMetadata?.spaceDelimitedClaims ?? [];
    const payload = Object.fromEntries(Object.entries(claims).map(([key, value]) => [key, spaced.includes(key) && typeof value === 'string' ? value.split(' ') : value]));
    context.metadata.set(METADATA, { ...context.metadata.get(METADATA), [settings.payloadInMetadata]: payload });
  }
  if (settings.clearRouteCache) context.routeAnew();
}
