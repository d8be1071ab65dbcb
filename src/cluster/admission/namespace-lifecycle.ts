/** NamespaceLifecycle: nothing is made in a namespace that is missing or going, and three namespaces stay.
 * Kubernetes: apiserver/pkg/admission/plugin/namespace/lifecycle. */
import type { AdmissionPlugin, AdmissionRequest } from '../apiserver/admission.ts';
import type { PluginContext } from './plugin.ts';
import { forbidden, notFound } from './refusal.ts';

/** Another client may have made the namespace a moment ago. Kubernetes: forceLiveLookup, missingNamespaceWait */
const WAIT_MS = 50;
/** The cluster's own namespaces are made while the API already answers. */
const SYSTEM_WAIT_MS = 5000;
const SYSTEM: ReadonlySet<string> = new Set(['default', 'kube-system', 'kube-public', 'kube-node-lease']);
const IMMORTAL: ReadonlySet<string> = new Set(['default', 'kube-system', 'kube-public']);

export function createNamespaceLifecycle(context: PluginContext): AdmissionPlugin {
  return {
    name: 'NamespaceLifecycle',
    async validate(request) {
      const { resource, operation, namespace } = request;
      if (operation === 'DELETE' && resource.group === '' && resource.plural === 'namespaces' && IMMORTAL.has(request.name)) {
        throw forbidden(request, 'this namespace may not be deleted');
      }
      if (operation !== 'CREATE' || !namespace || !resource.namespaced || isReview(request)) return;
      const { namespaces } = context.reads;
      const wait = SYSTEM.has(namespace) ? SYSTEM_WAIT_MS : WAIT_MS;
      const held = (await namespaces.find(namespace)) ?? (await namespaces.waitFor((each) => each.metadata.name === namespace, wait));
      if (!held) throw notFound('namespaces', namespace);
      const isGoing = held.metadata.deletionTimestamp !== undefined || held.status?.phase === 'Terminating';
      if (!isGoing) return;
      // The copy may be of a namespace that is gone and was made anew.
      const now = await context.reads.namespaces.fresh(namespace);
      if (!now) throw notFound('namespaces', namespace);
      if (now.metadata.deletionTimestamp || now.status?.phase === 'Terminating') throw terminating(request, namespace);
    },
  };
}

/** Questions about rights are answered for any namespace. */
const isReview = (request: AdmissionRequest): boolean => request.resource.group === 'authorization.k8s.io' && request.resource.plural === 'localsubjectaccessreviews';

function terminating(request: AdmissionRequest, namespace: string): Error {
  const cause = { reason: 'NamespaceTerminating', message: `namespace ${namespace} is being terminated`, field: 'metadata.namespace' };
  return forbidden(request, `unable to create new content in namespace ${namespace} because it is being terminated`, [cause]);
}
