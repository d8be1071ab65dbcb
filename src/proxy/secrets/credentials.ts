/** By what a workload proves who it is: the token of its service account, or, where that is not renewed (on a machine), the certificate that
 * it was given for it. Istio: an agent on a virtual machine does the same. */
import type { SignedWorkload } from './signing-client.ts';

export type Credentials = { readonly token: string } | { readonly certificate: Pick<SignedWorkload, 'certificateChainPem' | 'keyPem'> };

/** A token that the control plane would refuse on its arrival is of no use. */
const SLACK_MS = 10_000;

/** @returns undefined when there is neither; a token that has run out goes before nothing at all, so that the refusal tells why */
export function chooseCredentials(token: string | undefined, certificate: Pick<SignedWorkload, 'certificateChainPem' | 'keyPem'> | undefined, nowMs: number): Credentials | undefined {
  const hasRunOut = token !== undefined && (expiryMs(token) ?? Infinity) <= nowMs + SLACK_MS;
  if (token && !(hasRunOut && certificate)) return { token };
  return certificate && { certificate };
}

/** RFC 7519 `exp`. Undefined: the token does not say. */
export function expiryMs(token: string): number | undefined {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
    const exp = typeof claims === 'object' && claims !== null && 'exp' in claims ? claims.exp : undefined;
    return typeof exp === 'number' ? exp * 1000 : undefined;
  } catch {
    return undefined;
  }
}
