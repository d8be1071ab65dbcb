import type { Clock } from '../../base/clock.ts';
import { bearerToken } from '../ca/service.ts';
import { identifyCertificate, type CallerResult } from '../ca/caller.ts';
import type { Authenticator } from './discovery.ts';

export interface AuthenticatorDeps {
  reviewToken(token: string): Promise<CallerResult>;
  /** PEM of the authority that signs workloads. */
  readonly issuers: readonly string[];
  readonly trustDomain: string;
  readonly clock: Clock;
}

/** By service-account token, or else by a certificate that our own authority signed. */
export function createAuthenticator(deps: AuthenticatorDeps): Authenticator {
  const read = (result: CallerResult) =>
    result.ok ? { identity: result.identity } : { reason: result.reason, unavailable: result.unavailable === true };
  return {
    async callerOf(peer) {
      const { certificate } = peer;
      const token = bearerToken(peer);
      if (token !== undefined) return read(await deps.reviewToken(token));
      if (!certificate) return { reason: 'no bearer token and no client certificate' };
      return read(identifyCertificate(certificate, deps));
    },
  };
}
