/** One HTTP request from beginning to end: who, what, may they, do it, answer. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { KubeApiError } from '../../../kube/client.ts';
import { failure } from '../../../kube/errors.ts';
import type { Log } from '../../../base/log.ts';
import { errorText } from '../../../base/errors.ts';
import type { UserInfo } from '../admission.ts';
import type { Authenticator } from '../auth/authenticate.ts';
import { impersonate } from '../auth/impersonate.ts';
import { denialText, type Attributes, type Authorizer } from '../auth/rbac.ts';
import type { Kind } from '../kinds/kind.ts';
import type { ApiDeps } from '../rest/api.ts';
import { forbidden, methodNotAllowed, noSuchPath } from '../status.ts';
import { sendError } from './respond.ts';
import { serveResource, verbOf } from './resources.ts';
import { parseResourcePath, type ResourceRoute } from './route.ts';

export interface HandlerDeps {
  api: ApiDeps;
  authenticator: Authenticator;
  authorizer: Authorizer;
  log: Log;
  closed: AbortSignal;
  /** Paths that are not resources. Returns false when there is no such path. */
  serveDocument: (path: string, request: IncomingMessage, response: ServerResponse) => boolean;
  /** GETs of subresources that stream: `log`, and exec and its like when asked for without an upgrade. */
  serveStream: (call: StreamCall) => Promise<boolean>;
}

export interface StreamCall {
  request: IncomingMessage;
  response: ServerResponse;
  route: ResourceRoute;
  query: URLSearchParams;
}

export function createHandler(deps: HandlerDeps): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    serve(deps, request, response).catch((error: unknown) => {
      const status = sendError(response, error);
      if ((status.code ?? 500) >= 500) deps.log.error('request failed', { method: request.method, url: request.url, error: errorText(error) });
    });
  };
}

async function serve(deps: HandlerDeps, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { path, query } = splitUrl(request);
  const user = userOf(deps, request);
  const route = parseResourcePath(path);
  const kind = route && kindOf(deps, route);
  if (!route || !kind) {
    authorizePath(deps, user, { verb: (request.method ?? 'get').toLowerCase(), path });
    if (!deps.serveDocument(path, request, response)) throw noSuchPath();
    return;
  }
  const verb = verbOf(request.method ?? 'GET', route, query);
  authorizeResource(deps, user, { verb, route, kind });
  if (route.subresource !== undefined) {
    if (!kind.subresources.includes(route.subresource)) throw noSuchPath();
    if (await deps.serveStream({ request, response, route, query })) return;
  } else if (route.name !== undefined && request.method === 'POST') {
    throw methodNotAllowed(kind.resource, 'POST');
  }
  await serveResource(deps.api, { request, response, query, route, kind, verb, user, closed: deps.closed });
}

export function splitUrl(request: IncomingMessage): { path: string; query: URLSearchParams } {
  const url = request.url ?? '/';
  const mark = url.indexOf('?');
  return mark < 0 ? { path: url, query: new URLSearchParams() } : { path: url.slice(0, mark), query: new URLSearchParams(url.slice(mark + 1)) };
}

/** The authenticated user, or the one that they may act as. @throws KubeApiError 401, 403 */
export function userOf(deps: Pick<HandlerDeps, 'authenticator' | 'authorizer'>, request: IncomingMessage): UserInfo {
  return impersonate(deps.authorizer, deps.authenticator.authenticate(request), request.headers);
}

function kindOf({ api }: HandlerDeps, route: ResourceRoute): Kind | undefined {
  const kind = api.kinds.find(route.group, route.version, route.plural);
  // A cluster-scoped kind has no place in a namespace, and one object of a namespaced kind none outside.
  if (kind && !kind.resource.namespaced && route.namespace !== undefined) return undefined;
  if (kind?.resource.namespaced && route.namespace === undefined && route.name !== undefined) return undefined;
  return kind;
}

function authorizePath({ authorizer }: HandlerDeps, user: UserInfo, what: { verb: string; path: string }): void {
  const attributes: Attributes = { user, ...what };
  if (!authorizer.allows(attributes)) throw new KubeApiError(failure(403, 'Forbidden', `forbidden: ${denialText(attributes)}`, {}));
}

/** @throws KubeApiError 403 */
export function authorizeResource({ authorizer }: Pick<HandlerDeps, 'authorizer'>, user: UserInfo, what: { verb: string; route: ResourceRoute; kind: Kind }): void {
  const { route, kind, verb } = what;
  const isNamespace = kind.collection === '/namespaces';
  const resource = { group: route.group, plural: route.plural, subresource: route.subresource, namespace: route.namespace ?? (isNamespace ? route.name : undefined), name: route.name, version: route.version };
  const attributes: Attributes = { user, verb, resource };
  if (!authorizer.allows(attributes)) throw forbidden(kind.resource, route.name ?? '', denialText(attributes));
}
