/** Requests for resources: from method, URL and headers to a verb, and back to an answer. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { DeleteOptions } from '../../../kube/client.ts';
import { PatchType } from '../../../kube/client.ts';
import { isObject } from '../../../kube/schema/schema.ts';
import type { UserInfo } from '../admission.ts';
import type { Kind } from '../kinds/kind.ts';
import { createAt, deleteAt, deleteSelected, getAt, patchAt, updateAt, type ApiDeps, type Target } from '../rest/api.ts';
import type { Caller } from '../rest/caller.ts';
import { checkPropagation, deletedStatus } from '../rest/delete.ts';
import { listEntries } from '../rest/list.ts';
import { badRequest, methodNotAllowed, notAcceptable } from '../status.ts';
import { includeObjectOf } from '../table/table.ts';
import { negotiate } from './accept.ts';
import { mediaType, readBody } from './body.ts';
import { listJson, objectJson, type FormContext } from './forms.ts';
import { sendJson, sendYaml, setWarnings } from './respond.ts';
import type { ResourceRoute } from './route.ts';
import { streamWatch } from './watch-stream.ts';

export interface ResourceRequest {
  request: IncomingMessage;
  response: ServerResponse;
  query: URLSearchParams;
  route: ResourceRoute;
  kind: Kind;
  verb: string;
  user: UserInfo;
  closed: AbortSignal;
}

/** The verb that RBAC and discovery know a request by. */
export function verbOf(method: string, route: ResourceRoute, query: URLSearchParams): string {
  const isWatch = ['1', 'true'].includes(query.get('watch') ?? '');
  switch (method) {
    case 'GET': case 'HEAD': return isWatch ? 'watch' : route.name === undefined ? 'list' : 'get';
    case 'POST': return 'create';
    case 'PUT': return 'update';
    case 'PATCH': return 'patch';
    case 'DELETE': return route.name === undefined ? 'deletecollection' : 'delete';
    default: return method.toLowerCase();
  }
}

export async function serveResource(deps: ApiDeps, call: ResourceRequest): Promise<void> {
  const { kind, route, response, verb } = call;
  const caller = callerOf(call);
  if (kind.deprecation) caller.warnings.push(kind.deprecation);
  if (route.subresource === undefined && !kind.verbs.includes(verb)) throw methodNotAllowed(kind.resource, verb);
  const form = formOf(deps, call);
  switch (verb) {
    case 'get': {
      setWarnings(response, caller.warnings);
      return answer(call, { code: 200, object: getAt(deps, targetOf(call)), form });
    }
    case 'list': {
      setWarnings(response, caller.warnings);
      const json = listJson(kind, listEntries(deps, kind, selectionOf(call)), form);
      return form.accepted.form === 'yaml' ? sendYaml(response, 200, JSON.parse(json)) : sendJson(response, 200, json);
    }
    case 'watch': {
      setWarnings(response, caller.warnings);
      return streamWatch(deps, kind, response, watchOptions(deps, call, form));
    }
    default: {
      // Warnings go with refusals too: an unknown field is often the reason.
      await serveWrite(deps, call, { caller, form }).catch((error: unknown) => {
        setWarnings(response, caller.warnings);
        throw error;
      });
    }
  }
}

async function serveWrite(deps: ApiDeps, call: ResourceRequest, how: { caller: Caller; form: FormContext }): Promise<void> {
  const { kind, request, response, verb, query } = call;
  const { caller, form } = how;
  switch (verb) {
    case 'create': {
      const input = required(await readBody(request));
      const { namespace, name, subresource } = call.route;
      const object = await createAt(deps, { kind, namespace, name, subresource, input }, caller);
      setWarnings(response, caller.warnings);
      return answer(call, { code: 201, object: object as ReturnType<typeof getAt>, form });
    }
    case 'update': {
      const input = required(await readBody(request));
      const object = await updateAt(deps, { ...targetOf(call), input }, caller);
      setWarnings(response, caller.warnings);
      return answer(call, { code: 200, object, form });
    }
    case 'patch': {
      const body = required(await readBody(request, Object.values(PatchType)));
      const type = mediaType(request);
      if (type === PatchType.Apply && !query.get('fieldManager')) throw badRequest('PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch');
      const { object, created } = await patchAt(deps, targetOf(call), { type, body, force: query.get('force') === 'true' }, caller);
      setWarnings(response, caller.warnings);
      return answer(call, { code: created ? 201 : 200, object, form });
    }
    case 'delete': case 'deletecollection': return serveDelete(deps, call, how);
    default: throw methodNotAllowed(kind.resource, verb);
  }
}

async function serveDelete(deps: ApiDeps, call: ResourceRequest, { caller, form }: { caller: Caller; form: FormContext }): Promise<void> {
  const { kind, response } = call;
  const body = await readBody(call.request);
  const options = deleteOptions(call.query, isObject(body) ? body : {});
  const isDryRun = isObject(body) && Array.isArray(body['dryRun']) && body['dryRun'].includes('All');
  const by = isDryRun ? { ...caller, dryRun: true } : caller;
  if (call.verb === 'deletecollection') {
    const objects = await deleteSelected(deps, kind, { ...selectionOf(call), options }, by);
    setWarnings(response, caller.warnings);
    const entries = objects.map((object) => ({ object, revision: Number(object.metadata.resourceVersion), json: JSON.stringify(object) }));
    return sendJson(response, 200, listJson(kind, { entries, revision: deps.store.revision }, form));
  }
  const result = await deleteAt(deps, targetOf(call), options, by);
  setWarnings(response, caller.warnings);
  // Kubernetes answers 200 with the object while something still holds it, and with a Status once it is gone.
  return result.gone ? sendJson(response, 200, deletedStatus(kind, result.object)) : answer(call, { code: 200, object: result.object, form });
}

function answer({ kind, response }: ResourceRequest, what: { code: number; object: ReturnType<typeof getAt>; form: FormContext }): void {
  const json = what.object.kind === kind.resource.kind || kind.convert ? objectJson(kind, what.object, what.form) : JSON.stringify(what.object);
  if (what.form.accepted.form === 'yaml') sendYaml(response, what.code, JSON.parse(json));
  else sendJson(response, what.code, json);
}

function required(body: unknown): unknown {
  if (body === undefined) throw badRequest('the request has no body');
  return body;
}

function targetOf({ kind, route }: ResourceRequest): Target {
  return { kind, namespace: route.namespace, name: route.name ?? '', subresource: route.subresource };
}

function selectionOf({ query, route }: ResourceRequest) {
  const named = route.name === undefined ? [] : [`metadata.name=${route.name}`];
  return {
    namespace: route.namespace,
    labelSelector: query.get('labelSelector') ?? undefined,
    fieldSelector: [query.get('fieldSelector') ?? '', ...named].filter((t) => t !== '').join(',') || undefined,
    limit: number(query, 'limit'),
    continue: query.get('continue') ?? undefined,
  };
}

function watchOptions(deps: ApiDeps, call: ResourceRequest, form: FormContext) {
  const { query } = call;
  const initial = query.get('sendInitialEvents');
  return {
    ...selectionOf(call),
    resourceVersion: query.get('resourceVersion') ?? undefined,
    allowWatchBookmarks: query.get('allowWatchBookmarks') === 'true',
    sendInitialEvents: initial === null ? undefined : initial === 'true',
    timeoutSeconds: number(query, 'timeoutSeconds'),
    form, clock: deps.clock, closed: call.closed,
  };
}

function formOf(deps: ApiDeps, { request, query }: ResourceRequest): FormContext {
  const accepted = negotiate(request.headers.accept, true);
  if (!accepted) throw notAcceptable(['application/json', 'application/yaml']);
  return { accepted, includeObject: includeObjectOf(query.get('includeObject')), nowMs: deps.clock.now() };
}

function callerOf({ request, query, user }: ResourceRequest): Caller {
  const dryRun = query.getAll('dryRun');
  if (dryRun.some((value) => value !== 'All')) throw badRequest(`Invalid value for dryRun: ${dryRun.join(',')}: only "All" is allowed`);
  const validation = query.get('fieldValidation') ?? 'Warn';
  if (validation !== 'Strict' && validation !== 'Warn' && validation !== 'Ignore') throw badRequest(`fieldValidation: Unsupported value: ${JSON.stringify(validation)}: supported values: "", "Ignore", "Strict", "Warn"`);
  const agent = (request.headers['user-agent'] ?? 'unknown').split('/')[0] ?? 'unknown';
  return { user, fieldManager: query.get('fieldManager') ?? agent.slice(0, 128), fieldValidation: validation, dryRun: dryRun.length > 0, warnings: [] };
}

/** From the query, or (as kubectl does) from the body. */
function deleteOptions(query: URLSearchParams, body: Record<string, unknown>): DeleteOptions {
  const policy = body['propagationPolicy'] ?? query.get('propagationPolicy') ?? (body['orphanDependents'] === true ? 'Orphan' : undefined);
  checkPropagation(policy === undefined ? undefined : String(policy));
  const grace = body['gracePeriodSeconds'] ?? number(query, 'gracePeriodSeconds');
  return {
    gracePeriodSeconds: typeof grace === 'number' ? grace : undefined,
    propagationPolicy: policy as DeleteOptions['propagationPolicy'],
    preconditions: isObject(body['preconditions']) ? body['preconditions'] : undefined,
  };
}

function number(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null || text === '') return undefined;
  if (!/^-?\d+$/.test(text)) throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  return Number(text);
}
