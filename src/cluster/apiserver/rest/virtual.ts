/** POSTs that store nothing of their own: tokens, reviews, bindings, evictions. */
import type { Pod } from 'kubernetes-types/core/v1.d.ts';
import { cloneJson } from '../../../base/clone.ts';
import { KubeApiError } from '../../../kube/client.ts';
import { failure } from '../../../kube/errors.ts';
import type { KubeObject, Stored } from '../../../kube/object.ts';
import { isObject, type JsonObject } from '../../../kube/schema/schema.ts';
import type { PodDisruptionBudget } from 'kubernetes-types/policy/v1.d.ts';
import { matchesLabelSelector } from '../../../kube/selectors.ts';
import type { Authenticator } from '../auth/authenticate.ts';
import type { Authorizer } from '../auth/rbac.ts';
import type { BoundObject, TokenIssuer } from '../auth/tokens.ts';
import { badRequest, conflict, invalid, invalidObject, notFound } from '../status.ts';
import type { VirtualCreate } from './api.ts';
import { deleteObject } from './delete.ts';
import { timestamp, type RestDeps } from './deps.ts';
import { updateObject } from './update.ts';
import { SYSTEM_USER } from './caller.ts';

export interface VirtualDeps {
  rest: RestDeps;
  tokens: TokenIssuer;
  authenticator: Authenticator;
  authorizer: Authorizer;
}

const DEFAULT_TOKEN_SECONDS = 3600;
const MIN_TOKEN_SECONDS = 600;

export function virtualCreates(deps: VirtualDeps): Map<string, VirtualCreate> {
  return new Map<string, VirtualCreate>([
    ['/serviceaccounts:token', (target) => requestToken(deps, target)],
    ['/pods:binding', (target, caller) => bindPod(deps.rest, target, caller)],
    ['/pods:eviction', (target, caller) => evictPod(deps.rest, target, caller)],
    ['authentication.k8s.io/tokenreviews', async ({ input }) => reviewToken(deps, object(input))],
    ['authentication.k8s.io/selfsubjectreviews', async ({ input }, { user }) => ({ ...object(input), metadata: { creationTimestamp: timestamp(deps.rest.clock.now()) }, status: { userInfo: user } })],
    ['authorization.k8s.io/selfsubjectaccessreviews', async ({ input }, { user }) => reviewAccess(deps, object(input), user)],
    ['authorization.k8s.io/subjectaccessreviews', async ({ input }) => reviewAccess(deps, object(input), userOf(spec(object(input))))],
    ['authorization.k8s.io/localsubjectaccessreviews', async ({ input }) => reviewAccess(deps, object(input), userOf(spec(object(input))))],
    ['authorization.k8s.io/selfsubjectrulesreviews', async ({ input }, { user }) => reviewRules(deps, object(input), user)],
  ]);
}

function object(input: unknown): JsonObject & KubeObject {
  if (!isObject(input)) throw badRequest('the body is no object');
  return input as JsonObject & KubeObject;
}

const spec = (review: JsonObject): JsonObject => (isObject(review['spec']) ? review['spec'] : {});
const text = (value: unknown): string => (typeof value === 'string' ? value : '');

async function requestToken({ rest, tokens }: VirtualDeps, target: Parameters<VirtualCreate>[0]): Promise<KubeObject> {
  const { namespace = '', name } = target;
  const accounts = { group: '', plural: 'serviceaccounts', kind: 'ServiceAccount' };
  const account = rest.store.get('/serviceaccounts', `${namespace}/${name}`)?.object;
  if (!account) throw notFound(accounts, name);
  const input = object(target.input);
  const wanted = spec(input);
  const audiences = Array.isArray(wanted['audiences']) && wanted['audiences'].length > 0 ? wanted['audiences'].map(String) : [tokens.issuer];
  const lifetimeSeconds = typeof wanted['expirationSeconds'] === 'number' ? wanted['expirationSeconds'] : DEFAULT_TOKEN_SECONDS;
  if (lifetimeSeconds < MIN_TOKEN_SECONDS) {
    throw invalidObject({ group: 'authentication.k8s.io', plural: 'tokenrequests', kind: 'TokenRequest' }, '', [invalid('spec.expirationSeconds', lifetimeSeconds, 'may not specify a duration less than 10 minutes')]);
  }
  const { bound, node } = boundObject(rest, namespace, wanted['boundObjectRef']);
  const { token, expiresAtMs } = tokens.issue({ namespace, serviceAccount: { name, uid: account.metadata.uid }, audiences, lifetimeSeconds, bound, node }, rest.clock.now());
  return {
    kind: 'TokenRequest', apiVersion: 'authentication.k8s.io/v1', metadata: { name, namespace, creationTimestamp: timestamp(rest.clock.now()) },
    spec: { ...wanted, audiences, expirationSeconds: lifetimeSeconds }, status: { token, expirationTimestamp: timestamp(expiresAtMs) },
  } as KubeObject;
}

function boundObject(rest: RestDeps, namespace: string, ref: unknown): { bound?: BoundObject; node?: { name: string; uid: string } } {
  if (!isObject(ref)) return {};
  const kind = text(ref['kind']);
  if (kind !== 'Pod' && kind !== 'Secret') throw badRequest(`cannot bind token to object of type ${JSON.stringify(kind)}`);
  const plural = kind === 'Pod' ? 'pods' : 'secrets';
  const name = text(ref['name']);
  const found = rest.store.get(`/${plural}`, `${namespace}/${name}`)?.object;
  if (!found) throw notFound({ group: '', plural, kind }, name);
  const wantedUid = text(ref['uid']);
  if (wantedUid !== '' && wantedUid !== found.metadata.uid) {
    throw conflict({ group: '', plural, kind }, name, `the UID in the bound object reference (${wantedUid}) does not match the UID in record. The object might have been deleted and then recreated`);
  }
  const nodeName = kind === 'Pod' ? (found as unknown as Pod).spec?.nodeName : undefined;
  const node = nodeName === undefined ? undefined : rest.store.get('/nodes', nodeName)?.object;
  return { bound: { kind, name, uid: found.metadata.uid }, node: node && { name: node.metadata.name, uid: node.metadata.uid } };
}

function reviewToken({ tokens, authenticator }: VirtualDeps, review: JsonObject & KubeObject): KubeObject {
  const wanted = spec(review)['audiences'];
  const audiences = Array.isArray(wanted) && wanted.length > 0 ? wanted.map(String) : [tokens.issuer];
  const verified = authenticator.verifyToken(text(spec(review)['token']));
  const shared = verified?.audiences.filter((audience) => audiences.includes(audience)) ?? [];
  const status = verified && shared.length > 0
    ? { authenticated: true, user: verified.user, audiences: shared }
    : { authenticated: false, user: {}, error: verified ? `[invalid bearer token, token audiences ${JSON.stringify(verified.audiences)} is invalid for the target audiences ${JSON.stringify(audiences)}]` : '[invalid bearer token]' };
  return { ...review, metadata: {}, status } as KubeObject;
}

function userOf(wanted: JsonObject) {
  const groups = Array.isArray(wanted['groups']) ? wanted['groups'].map(String) : [];
  return { username: text(wanted['user']), uid: text(wanted['uid']), groups };
}

function reviewAccess({ authorizer }: VirtualDeps, review: JsonObject & KubeObject, user: { username: string; groups: string[] }): KubeObject {
  const wanted = spec(review);
  const of = isObject(wanted['resourceAttributes']) ? wanted['resourceAttributes'] : undefined;
  const path = isObject(wanted['nonResourceAttributes']) ? wanted['nonResourceAttributes'] : {};
  const allowed = authorizer.allows(of ? {
    user, verb: text(of['verb']),
    resource: { group: text(of['group']), plural: text(of['resource']), subresource: text(of['subresource']) || undefined, namespace: text(of['namespace']) || undefined, name: text(of['name']) || undefined },
  } : { user, verb: text(path['verb']), path: text(path['path']) });
  return { ...review, metadata: {}, status: { allowed, ...(allowed ? { reason: 'RBAC: allowed' } : {}) } } as KubeObject;
}

function reviewRules({ authorizer }: VirtualDeps, review: JsonObject & KubeObject, user: { username: string; groups: string[] }): KubeObject {
  const rules = authorizer.rulesFor(user, text(spec(review)['namespace']));
  return { ...review, metadata: {}, status: {
    incomplete: false,
    resourceRules: rules.filter((rule) => rule.resources).map(({ verbs, apiGroups, resources, resourceNames }) => ({ verbs, apiGroups, resources, resourceNames })),
    nonResourceRules: rules.filter((rule) => rule.nonResourceURLs).map(({ verbs, nonResourceURLs }) => ({ verbs, nonResourceURLs })),
  } } as KubeObject;
}

const SUCCESS = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 };

async function bindPod(rest: RestDeps, target: Parameters<VirtualCreate>[0], caller: Parameters<VirtualCreate>[1]): Promise<KubeObject> {
  const { namespace, name, input } = target;
  const to = object(input)['target'];
  const nodeName = isObject(to) ? text(to['name']) : '';
  const kind = rest.kinds.find('', 'v1', 'pods');
  if (!kind) throw badRequest('pods are not served');
  if (nodeName === '') throw badRequest('Binding "" is invalid: target.name: Required value');
  // The node of a pod is set here and nowhere else, so the check of immutable fields must not see it as a change of the spec.
  await updateObject(rest, { kind, namespace, name, subresource: 'binding' }, (old) => {
    const pod = cloneJson(old) as Stored<Pod>;
    if (pod.metadata.deletionTimestamp) throw conflict(kind.resource, name, `pod ${name} is being deleted, cannot be assigned to a host`);
    if (pod.spec?.nodeName) throw conflict(kind.resource, name, `pod ${name} is already assigned to node ${JSON.stringify(pod.spec.nodeName)}`);
    if (pod.spec?.schedulingGates?.length) throw conflict(kind.resource, name, `pod ${name} has non-empty .spec.schedulingGates`);
    const status = (pod as { status?: Pod['status'] }).status ?? {};
    const conditions = (status.conditions ?? []).filter((c) => c.type !== 'PodScheduled');
    Object.assign(pod, {
      spec: { ...pod.spec, nodeName },
      status: { ...status, conditions: [...conditions, { type: 'PodScheduled', status: 'True', lastTransitionTime: timestamp(rest.clock.now()) }] },
    });
    return pod as KubeObject;
  }, { caller });
  return SUCCESS as KubeObject;
}

async function evictPod(rest: RestDeps, target: Parameters<VirtualCreate>[0], caller: Parameters<VirtualCreate>[1]): Promise<KubeObject> {
  const { namespace, name, input } = target;
  const kind = rest.kinds.find('', 'v1', 'pods');
  if (!kind) throw badRequest('pods are not served');
  const pod = rest.store.get('/pods', `${namespace}/${name}`)?.object as Stored<Pod> | undefined;
  if (!pod) throw notFound(kind.resource, name);
  const isRunning = pod.status?.phase !== 'Succeeded' && pod.status?.phase !== 'Failed';
  if (isRunning) await takeDisruption(rest, pod);
  const options = object(input)['deleteOptions'];
  await deleteObject(rest, { kind, namespace, name, options: isObject(options) ? options : {} }, caller);
  return SUCCESS as KubeObject;
}

/** A budget must allow the disruption, and counts it. @throws KubeApiError 429 */
async function takeDisruption(rest: RestDeps, pod: Stored<Pod>): Promise<void> {
  const kind = rest.kinds.find('policy', 'v1', 'poddisruptionbudgets');
  const budgets = [...rest.store.entries('policy/poddisruptionbudgets')].map(({ object: budget }) => budget as Stored<PodDisruptionBudget>)
    .filter((budget) => budget.metadata.namespace === pod.metadata.namespace && matchesLabelSelector(budget.spec?.selector, pod.metadata.labels));
  const [budget, ...others] = budgets;
  if (!budget || !kind) return;
  if (others.length > 0) throw new KubeApiError(failure(500, 'InternalError', "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."));
  const allowed = budget.status?.disruptionsAllowed ?? 0;
  if (allowed <= 0) {
    throw new KubeApiError(failure(429, 'TooManyRequests', "Cannot evict pod as it would violate the pod's disruption budget.", {
      causes: [{ reason: 'DisruptionBudget', message: `The disruption budget ${budget.metadata.name} needs ${budget.status?.desiredHealthy ?? 0} healthy pods and has ${budget.status?.currentHealthy ?? 0} currently` }],
    }));
  }
  const caller = { user: SYSTEM_USER, fieldManager: 'kube-apiserver', fieldValidation: 'Ignore' as const, dryRun: false, warnings: [] };
  await updateObject(rest, { kind, namespace: pod.metadata.namespace, name: budget.metadata.name, subresource: 'status' }, (old) => {
    const draft = cloneJson(old) as Stored<PodDisruptionBudget>;
    return { ...draft, status: { ...draft.status, disruptionsAllowed: allowed - 1 } } as KubeObject;
  }, { caller });
}

