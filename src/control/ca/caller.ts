/** Who is calling the control plane: a service account, proven by its token or by a certificate of our own authority. */
import { X509Certificate } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import { errorText } from '../../base/errors.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { KubeObject } from '../../kube/object.ts';
import { resource } from '../../kube/resource.ts';
import { readCertificate } from '../../pki/certificate.ts';
import { parseIdentity } from '../../pki/spiffe.ts';
import type { WorkloadIdentity } from '../../pki/spiffe.ts';

export type CallerResult =
  | { readonly ok: true; readonly identity: WorkloadIdentity }
  /** `unavailable`: the API server could not be asked; the caller may try again. */
  | { readonly ok: false; readonly reason: string; readonly unavailable?: boolean };

interface TokenReview extends KubeObject {
  spec: { token: string; audiences?: readonly string[] };
  status?: {
    authenticated?: boolean;
    error?: string;
    audiences?: string[];
    user?: { username?: string };
  };
}

const TokenReviews = resource<TokenReview>('authentication.k8s.io/v1', 'tokenreviews', 'TokenReview', false);
const MAX_TOKEN_BYTES = 16 * 1024;
const SERVICE_ACCOUNT = /^system:serviceaccount:([^:]+):([^:]+)$/;

/** Asks the API server whose token it is (TokenReview, authentication.k8s.io/v1). */
export function createTokenReviewer(deps: { client: KubeClient; audiences: readonly string[]; trustDomain: string }): (token: string) => Promise<CallerResult> {
  return async (token) => {
    if (token.length === 0 || token.length > MAX_TOKEN_BYTES) return { ok: false, reason: 'the bearer token is empty or too long' };
    let review: TokenReview;
    try {
      review = await deps.client.create(TokenReviews, {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenReview',
        spec: { token, audiences: deps.audiences },
      });
    } catch (error) {
      return { ok: false, unavailable: true, reason: `the API server could not be asked about the token: ${errorText(error)}` };
    }
    return readReview(review, deps);
  };
}

function readReview(review: TokenReview, expected: { audiences: readonly string[]; trustDomain: string }): CallerResult {
  const { status = {} } = review;
  if (status.authenticated !== true) return { ok: false, reason: status.error || 'the token is not valid' };
  // Without audiences in the answer the server vouches for its own audience only: such a token was not made for us.
  const isForUs = (status.audiences ?? []).some((audience) => expected.audiences.includes(audience));
  if (!isForUs) return { ok: false, reason: `the token is not for audience ${expected.audiences.join(' or ')}` };
  const match = SERVICE_ACCOUNT.exec(status.user?.username ?? '');
  if (!match) return { ok: false, reason: `"${status.user?.username ?? ''}" is not a service account` };
  return { ok: true, identity: { trustDomain: expected.trustDomain, namespace: match[1] ?? '', serviceAccount: match[2] ?? '' } };
}

export interface CertificateCheck {
  /** Certificates that sign workloads: the authority's own. */
  readonly issuers: readonly string[];
  readonly trustDomain: string;
  readonly clock: Clock;
}

/** Reads the identity in a client certificate that our own authority signed directly and that is in date. */
export function identifyCertificate(der: Buffer, check: CertificateCheck): CallerResult {
  const certificate = new X509Certificate(der);
  const isOurs = check.issuers.map((pem) => new X509Certificate(pem)).some((issuer) => certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey));
  if (!isOurs) return { ok: false, reason: 'the client certificate was not signed by this authority' };
  const facts = readCertificate(der);
  const now = check.clock.now();
  if (now < facts.notBeforeMs || now > facts.notAfterMs) return { ok: false, reason: 'the client certificate is out of date' };
  const [uri, ...others] = facts.uris;
  const identity = uri === undefined || others.length > 0 ? undefined : parseIdentity(uri);
  if (!identity || identity.trustDomain !== check.trustDomain) return { ok: false, reason: 'the client certificate carries no workload identity of this trust domain' };
  return { ok: true, identity };
}
