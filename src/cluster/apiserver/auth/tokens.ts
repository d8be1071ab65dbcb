/** Service account tokens: JWTs that the API server signs and verifies itself. Kubernetes: pkg/serviceaccount/claims.go. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, randomUUID, sign, verify, createHash, type KeyObject } from 'node:crypto';
import { isObject } from '../../../kube/schema/schema.ts';
import type { UserInfo } from '../admission.ts';

export interface BoundObject {
  kind: 'Pod' | 'Secret' | 'Node';
  name: string;
  uid: string;
}

export interface TokenClaims {
  namespace: string;
  serviceAccount: { name: string; uid: string };
  audiences: readonly string[];
  /** Seconds from now. */
  lifetimeSeconds: number;
  bound?: BoundObject;
  /** The node of a bound pod. */
  node?: { name: string; uid: string };
}

export interface VerifiedToken {
  user: UserInfo;
  audiences: string[];
  namespace: string;
  serviceAccount: { name: string; uid: string };
  bound?: BoundObject;
}

export interface TokenIssuer {
  readonly issuer: string;
  readonly publicKeyPem: string;
  /** JSON Web Key Set, as `/openid/v1/jwks` answers. */
  jwks(): object;
  issue(claims: TokenClaims, nowMs: number): { token: string; expiresAtMs: number };
  /** Undefined when the signature, the issuer or the time does not hold. */
  verify(token: string, nowMs: number): VerifiedToken | undefined;
}

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

export function createTokenIssuer(options: { keyPem?: string; issuer: string }): TokenIssuer {
  const key = options.keyPem ? createPrivateKey(options.keyPem) : generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const publicKey = createPublicKey(key);
  const publicKeyPem = publicKey.export({ type: 'spki', format: 'pem' }) as string;
  const isRsa = key.asymmetricKeyType === 'rsa';
  const alg = isRsa ? 'RS256' : 'ES256';
  const kid = createHash('sha256').update(publicKey.export({ type: 'spki', format: 'der' })).digest('base64url');
  const header = encode({ alg, kid });
  return {
    issuer: options.issuer,
    publicKeyPem,
    jwks: () => ({ keys: [{ use: 'sig', kid, alg, ...publicKey.export({ format: 'jwk' }) }] }),
    issue(claims, nowMs) {
      const now = Math.floor(nowMs / 1000);
      const body = `${header}.${encode(payloadOf(claims, { issuer: options.issuer, now }))}`;
      const signature = sign('sha256', Buffer.from(body), keyInput(key)).toString('base64url');
      return { token: `${body}.${signature}`, expiresAtMs: (now + claims.lifetimeSeconds) * 1000 };
    },
    verify(token, nowMs) {
      const [head = '', body = '', signature = '', ...more] = token.split('.');
      if (more.length > 0 || signature === '') return undefined;
      if (!verify('sha256', Buffer.from(`${head}.${body}`), keyInput(publicKey), Buffer.from(signature, 'base64url'))) return undefined;
      return claimsOf(decode(head), decode(body), { alg, issuer: options.issuer, now: nowMs / 1000 });
    },
  };
}

const keyInput = (key: KeyObject) => (key.asymmetricKeyType === 'ec' ? { key, dsaEncoding: 'ieee-p1363' as const } : { key });

function payloadOf(claims: TokenClaims, context: { issuer: string; now: number }): object {
  const { namespace, serviceAccount, bound, node } = claims;
  return {
    aud: claims.audiences, exp: context.now + claims.lifetimeSeconds, iat: context.now, nbf: context.now, iss: context.issuer, jti: randomUUID(),
    'kubernetes.io': {
      namespace, serviceaccount: serviceAccount,
      ...(bound ? { [bound.kind.toLowerCase()]: { name: bound.name, uid: bound.uid } } : {}),
      ...(node ? { node } : {}),
    },
    sub: `system:serviceaccount:${namespace}:${serviceAccount.name}`,
  };
}

function decode(part: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    return isObject(value) ? value : {};
  } catch {
    return {}; // no JSON: has no claims, so it is refused below
  }
}

function claimsOf(head: Record<string, unknown>, body: Record<string, unknown>, want: { alg: string; issuer: string; now: number }): VerifiedToken | undefined {
  const { iss, exp, nbf, aud } = body;
  if (head['alg'] !== want.alg || iss !== want.issuer) return undefined;
  if (typeof exp !== 'number' || exp <= want.now || (typeof nbf === 'number' && nbf > want.now + 60)) return undefined;
  const own = body['kubernetes.io'];
  if (!isObject(own) || !isObject(own['serviceaccount']) || typeof own['namespace'] !== 'string') return undefined;
  const { namespace } = own;
  const account = own['serviceaccount'] as { name: string; uid: string };
  const kinds = ['Pod', 'Secret', 'Node'] as const;
  const boundKind = kinds.find((kind) => isObject(own[kind.toLowerCase()]) && !(kind === 'Node' && isObject(own['pod'])));
  const bound = boundKind && { kind: boundKind, ...(own[boundKind.toLowerCase()] as { name: string; uid: string }) };
  return {
    namespace, serviceAccount: account, bound,
    audiences: Array.isArray(aud) ? aud.map(String) : [String(aud)],
    user: serviceAccountUser(namespace, account, {
      bound, node: isObject(own['node']) ? (own['node'] as { name: string; uid: string }) : undefined, id: String(body['jti'] ?? ''),
    }),
  };
}

interface TokenFacts {
  bound?: BoundObject;
  node?: { name: string; uid: string };
  id: string;
}

function serviceAccountUser(namespace: string, account: { name: string; uid: string }, { bound, node, id }: TokenFacts): UserInfo {
  const extra: Record<string, string[]> = { 'authentication.kubernetes.io/credential-id': [`JTI=${id}`] };
  if (bound?.kind === 'Pod') Object.assign(extra, { 'authentication.kubernetes.io/pod-name': [bound.name], 'authentication.kubernetes.io/pod-uid': [bound.uid] });
  if (node) Object.assign(extra, { 'authentication.kubernetes.io/node-name': [node.name], 'authentication.kubernetes.io/node-uid': [node.uid] });
  return {
    username: `system:serviceaccount:${namespace}:${account.name}`, uid: account.uid,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'], extra,
  };
}
