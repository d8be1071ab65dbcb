import type { RequestAuthentication } from '../../api/request-authentication.ts';
import type { Clock, Timer } from '../../base/clock.ts';
import { errorText, MeshError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { Stored } from '../../kube/object.ts';

const REFRESH_MS = 20 * 60_000;
const RETRY_MS = 5_000;
const TIMEOUT_MS = 5_000;
const MAX_BYTES = 1024 * 1024;

export interface JwksStore {
  /** Key sets that have been fetched for these objects. The same map as long as nothing new came. Begins to fetch what is
   * missing, and forgets what nobody asks for any more. */
  of(objects: readonly Stored<RequestAuthentication>[]): ReadonlyMap<string, string>;
  close(): void;
}

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
export function createJwksStore(deps: JwksStoreDeps): JwksStore {
  const { clock, log, changed, fetch: get = download } = deps;
  const timers = new Map<string, Timer | undefined>();
  let known: ReadonlyMap<string, string> = new Map();
  let from: unknown;
  let isClosed = false;

  const load = async (uri: string): Promise<number> => {
    try {
      const text = await get(uri);
      if (!isClosed && timers.has(uri) && known.get(uri) !== text) {
        known = new Map([...known, [uri, text]]);
        changed();
      }
      return REFRESH_MS;
    } catch (error) {
      log.warn('keys of a token issuer cannot be fetched', { uri, error: errorText(error) });
      return RETRY_MS;
    }
  };
  const keep = (uri: string): void => {
    timers.set(uri, undefined);
    void load(uri).then((delayMs) => {
      if (isClosed || !timers.has(uri)) return;
      const timer = clock.after(delayMs, () => keep(uri));
      timer.unref();
      timers.set(uri, timer);
    });
  };
  return {
    of(objects) {
      if (objects === from) return known;
      from = objects;
      const wanted = new Set(objects.flatMap((o) => o.spec?.jwtRules ?? []).flatMap((rule) => (rule.jwks ? [] : (rule.jwksUri ?? rule.jwks_uri ?? []))));
      for (const [uri, timer] of timers) {
        if (wanted.has(uri)) continue;
        timer?.cancel();
        timers.delete(uri);
      }
      if ([...known.keys()].some((uri) => !wanted.has(uri))) known = new Map([...known].filter(([uri]) => wanted.has(uri)));
      for (const uri of wanted) if (!timers.has(uri)) keep(uri);
      return known;
    },
    close() {
      isClosed = true;
      for (const timer of timers.values()) timer?.cancel();
      timers.clear();
    },
  };
}

class JwksError extends MeshError<'JWKS'> {}

async function download(uri: string): Promise<string> {
  const response = await fetch(uri, { signal: AbortSignal.timeout(TIMEOUT_MS), redirect: 'error' });
  if (!response.ok) throw new JwksError('JWKS', `${uri} answers ${response.status}`);
  const text = await response.text();
  if (text.length > MAX_BYTES) throw new JwksError('JWKS', `${uri} is larger than ${MAX_BYTES} bytes`);
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null || !('keys' in value) || !Array.isArray(value.keys)) throw new JwksError('JWKS', `${uri} is not a JSON Web Key Set: it has no list "keys"`);
  return text;
}
