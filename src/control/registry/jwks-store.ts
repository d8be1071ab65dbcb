import type { RequestAuthentication } from '../../api/request-authentication.ts';
import type { Clock } from '../../base/clock.ts';
import { errorText, MeshError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { Stored } from '../../kube/object.ts';
import { createFetchedStore, download, type FetchedStore } from './fetched-store.ts';

const REFRESH_MS = 20 * 60_000;
const RETRY_MS = 5_000;
const LIMITS = { timeoutMs: 5_000, maxBytes: 1024 * 1024 };

/** Key sets as they were served, by URI. */
export type JwksStore = FetchedStore<Stored<RequestAuthentication>, string>;

export interface JwksStoreDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** A key set came, or is another one than before. */
  changed(): void;
  /** Default: HTTP GET. */
  fetch?(uri: string): Promise<string>;
}

/** Fetches the keys of token issuers, so that proxies need not: they get them with their configuration. Refreshed every 20
 * minutes; a failed fetch is tried again after 5 seconds, and the last good keys stay meanwhile. */
export function createJwksStore({ clock, log, changed, fetch: get = text }: JwksStoreDeps): JwksStore {
  return createFetchedStore<Stored<RequestAuthentication>, string>({
    clock,
    changed,
    wanted: (objects) => new Map(objects.flatMap((o) => o.spec?.jwtRules ?? []).flatMap((rule) => (rule.jwks ? [] : (rule.jwksUri ?? rule.jwks_uri ?? []))).map((uri) => [uri, uri])),
    async load(uri) {
      try {
        return { value: checked(uri, await get(uri)), againMs: REFRESH_MS };
      } catch (error) {
        log.warn('keys of a token issuer cannot be fetched', { uri, error: errorText(error) });
        return { value: undefined, againMs: RETRY_MS };
      }
    },
    isSame: (a, b) => a === b,
  });
}

class JwksError extends MeshError<'JWKS'> {}

const text = async (uri: string): Promise<string> => (await download(uri, LIMITS)).toString();

function checked(uri: string, keys: string): string {
  const value: unknown = JSON.parse(keys);
  if (typeof value !== 'object' || value === null || !('keys' in value) || !Array.isArray(value.keys)) throw new JwksError('JWKS', `${uri} is not a JSON Web Key Set: it has no list "keys"`);
  return keys;
}
