/** Service account tokens for pods, by the TokenRequest API. */
import type { Pod, ServiceAccount } from 'kubernetes-types/core/v1.d.ts';
import type { Clock } from '../../../base/clock.ts';
import type { KubeClient } from '../../../kube/client.ts';
import { resource } from '../../../kube/resource.ts';
import type { KubeObject } from '../../../kube/object.ts';
import type { TokenRequestSpec } from './payload.ts';

interface TokenRequest extends KubeObject {
  spec: { audiences?: string[]; expirationSeconds: number; boundObjectRef: { kind: string; apiVersion: string; name: string; uid: string } };
  status?: { token: string; expirationTimestamp: string };
}

/** The `token` subresource of a service account takes and gives TokenRequests. */
const AccountTokens = resource<TokenRequest & ServiceAccount>('v1', 'serviceaccounts', 'ServiceAccount');

export interface HeldToken {
  readonly token: string;
  /** When to ask for the next, ms since the epoch: after 80 % of its life, or a day. Kubernetes: token_manager.go */
  readonly renewAtMs: number;
}

export async function requestToken(client: KubeClient, pod: Pod, spec: TokenRequestSpec, clock: Clock): Promise<HeldToken> {
  const { name = '', namespace = 'default', uid = '' } = pod.metadata ?? {};
  const body: TokenRequest = {
    apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest',
    spec: { ...(spec.audience ? { audiences: [spec.audience] } : {}), expirationSeconds: spec.expirationSeconds, boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name, uid } },
  };
  const account = pod.spec?.serviceAccountName || 'default';
  // The body of this subresource is not of the resource's own kind.
  const answer = await client.create(AccountTokens, body as TokenRequest & ServiceAccount, { namespace, name: account, subresource: 'token' });
  const now = clock.now();
  const lifeMs = Math.max(0, Date.parse(answer.status?.expirationTimestamp ?? '') - now) || spec.expirationSeconds * 1000;
  return { token: answer.status?.token ?? '', renewAtMs: now + Math.min(lifeMs * 0.8, 24 * 3_600_000) };
}
