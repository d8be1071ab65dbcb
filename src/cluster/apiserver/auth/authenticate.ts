import { TLSSocket } from 'node:tls';
import type { IncomingMessage } from 'node:http';
import type { UserInfo } from '../admission.ts';
import type { Store } from '../storage/store.ts';
import { unauthorized } from '../status.ts';
import type { TokenIssuer, VerifiedToken } from './tokens.ts';

export interface AuthenticatorDeps {
  tokens: TokenIssuer;
  fixed: ReadonlyMap<string, UserInfo>;
  store: Store;
  now: () => number;
}

const ANONYMOUS: UserInfo = { username: 'system:anonymous', groups: ['system:unauthenticated'] };

export interface Authenticator {
  /** By bearer token, then client certificate; nobody is `system:anonymous`. @throws KubeApiError 401 for a credential that is wrong */
  authenticate(request: IncomingMessage): UserInfo;
  /** The account behind a service account token, if it and what it is bound to still exist. */
  verifyToken(token: string): VerifiedToken | undefined;
}

export function createAuthenticator(deps: AuthenticatorDeps): Authenticator {
  const verifyToken = (token: string): VerifiedToken | undefined => {
    const verified = deps.tokens.verify(token, deps.now());
    return verified && isAlive(deps.store, verified) ? verified : undefined;
  };
  return {
    verifyToken,
    authenticate(request) {
      const token = bearerOf(request);
      if (token !== undefined) {
        const fixed = deps.fixed.get(token);
        if (fixed) return fixed;
        const verified = verifyToken(token);
        // A token for another audience (a mesh's CA, say) does not open the API.
        if (!verified?.audiences.includes(deps.tokens.issuer)) throw unauthorized();
        return verified.user;
      }
      return certificateUser(request) ?? ANONYMOUS;
    },
  };
}

function bearerOf(request: IncomingMessage): string | undefined {
  const header = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1]?.trim();
  if (header !== undefined) return header;
  // Browsers cannot set headers on WebSockets: Kubernetes takes the token as a subprotocol.
  const protocol = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((p) => p.trim()).find((p) => p.startsWith('base64url.bearer.authorization.k8s.io.'));
  return protocol === undefined ? undefined : Buffer.from(protocol.slice('base64url.bearer.authorization.k8s.io.'.length), 'base64url').toString('utf8');
}

function certificateUser(request: IncomingMessage): UserInfo | undefined {
  const { socket } = request;
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  const subject = socket.getPeerCertificate().subject as { CN?: string | string[]; O?: string | string[] } | undefined;
  if (!subject?.CN) return undefined;
  const groups = subject.O === undefined ? [] : [subject.O].flat();
  return { username: [subject.CN].flat()[0] ?? '', groups: [...groups, 'system:authenticated'] };
}

function isAlive(store: Store, { namespace, serviceAccount, bound }: VerifiedToken): boolean {
  const account = store.get('/serviceaccounts', `${namespace}/${serviceAccount.name}`);
  if (account?.object.metadata.uid !== serviceAccount.uid) return false;
  if (!bound || bound.kind === 'Node') return true;
  const object = store.get(bound.kind === 'Pod' ? '/pods' : '/secrets', `${namespace}/${bound.name}`)?.object;
  return object?.metadata.uid === bound.uid;
}
