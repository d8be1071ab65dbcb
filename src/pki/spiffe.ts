/** SPIFFE identities (SPIFFE-ID standard §2) and the form that Istio gives them: one per service account. */
export interface WorkloadIdentity {
  readonly trustDomain: string;
  readonly namespace: string;
  readonly serviceAccount: string;
}

export interface SpiffeId {
  readonly trustDomain: string;
  /** With its leading slash; empty for the trust domain itself. */
  readonly path: string;
}

const MAX_BYTES = 2048;
const TRUST_DOMAIN = /^[a-z0-9._-]{1,255}$/;
const SEGMENT = /^[A-Za-z0-9._-]+$/;

export function parseSpiffeId(uri: string): SpiffeId | undefined {
  if (uri.length > MAX_BYTES || !uri.startsWith('spiffe://')) return undefined;
  const rest = uri.slice('spiffe://'.length);
  const slash = rest.indexOf('/');
  const trustDomain = slash < 0 ? rest : rest.slice(0, slash);
  const path = slash < 0 ? '' : rest.slice(slash);
  if (!TRUST_DOMAIN.test(trustDomain)) return undefined;
  const isClean = path === '' || path.slice(1).split('/').every((s) => SEGMENT.test(s) && s !== '.' && s !== '..');
  return isClean ? { trustDomain, path } : undefined;
}

/** `spiffe://cluster.local/ns/default/sa/reviews` */
export const formatIdentity = (id: WorkloadIdentity): string => `spiffe://${id.trustDomain}/ns/${id.namespace}/sa/${id.serviceAccount}`;

export function parseIdentity(uri: string): WorkloadIdentity | undefined {
  const id = parseSpiffeId(uri);
  const match = id && /^\/ns\/([^/]+)\/sa\/([^/]+)$/.exec(id.path);
  return match ? { trustDomain: id.trustDomain, namespace: match[1] ?? '', serviceAccount: match[2] ?? '' } : undefined;
}
