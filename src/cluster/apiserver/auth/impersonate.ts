import type { IncomingHttpHeaders } from 'node:http';
import type { UserInfo } from '../admission.ts';
import { forbidden } from '../status.ts';
import { denialText, type Attributes, type Authorizer } from './rbac.ts';

/** `Impersonate-User`, `-Group`, `-Uid`, `-Extra-…`: `kubectl --as`. @throws KubeApiError 403 when the user may not */
export function impersonate(authorizer: Authorizer, user: UserInfo, headers: IncomingHttpHeaders): UserInfo {
  const name = headers['impersonate-user'];
  if (typeof name !== 'string' || name === '') return user;
  const groups = values(headers['impersonate-group']);
  allow(authorizer, user, { plural: 'users', name });
  for (const group of groups) allow(authorizer, user, { plural: 'groups', name: group });
  const account = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(name);
  const own = account ? ['system:serviceaccounts', `system:serviceaccounts:${account[1]}`] : [];
  const extra = Object.entries(headers).filter(([key]) => key.startsWith('impersonate-extra-')).map(([key, value]) => [decodeURIComponent(key.slice('impersonate-extra-'.length)), values(value)] as const);
  const uid = headers['impersonate-uid'];
  return {
    username: name, groups: [...new Set([...groups, ...own, name === 'system:anonymous' ? 'system:unauthenticated' : 'system:authenticated'])],
    ...(typeof uid === 'string' ? { uid } : {}), ...(extra.length > 0 ? { extra: Object.fromEntries(extra) } : {}),
  };
}

function allow(authorizer: Authorizer, user: UserInfo, what: { plural: string; name: string }): void {
  const attributes: Attributes = { user, verb: 'impersonate', resource: { group: '', ...what } };
  if (!authorizer.allows(attributes)) throw forbidden({ group: '', plural: what.plural, kind: what.plural }, what.name, denialText(attributes));
}

/** Node joins repeated headers with a comma. */
const values = (header: string | string[] | undefined): string[] => [header ?? []].flat().flatMap((value) => value.split(',')).map((value) => value.trim()).filter((value) => value !== '');
