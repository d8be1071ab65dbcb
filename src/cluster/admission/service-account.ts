/** ServiceAccount: every pod runs as an account of its namespace and can reach the API with that account's token.
 * Kubernetes: plugin/pkg/admission/serviceaccount. */
import type { Container, Pod, ServiceAccount, Volume } from 'kubernetes-types/core/v1.d.ts';
import { cloneJson } from '../../base/clone.ts';
import { generateName } from '../../kube/names.ts';
import type { Stored } from '../../kube/object.ts';
import type { AdmissionPlugin, AdmissionRequest } from '../apiserver/admission.ts';
import { createdPod, isMirrorPod } from './plugin.ts';
import type { PluginContext } from './plugin.ts';
import { forbidden } from './refusal.ts';

const MOUNT_PATH = '/var/run/secrets/kubernetes.io/serviceaccount';
const VOLUME_PREFIX = 'kube-api-access-';
/** An hour and seven seconds: the kubelet renews a token of this age early. Kubernetes: defaultTokenExpirationSeconds */
const TOKEN_SECONDS = 3607;
/** A new namespace gets its default account a moment after it is made. */
const DEFAULT_ACCOUNT_WAIT_MS = 2000;

export function createServiceAccountPlugin(context: PluginContext): AdmissionPlugin {
  return {
    name: 'ServiceAccount',
    async mutate(request) {
      const pod = createdPod(request);
      if (!pod?.spec || isMirrorPod(pod)) return;
      const name = pod.spec.serviceAccountName || 'default';
      pod.spec.serviceAccountName = name;
      pod.spec.serviceAccount = name;
      const account = await lookUp(context, request, name);
      if (pod.spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true) mountToken(pod);
      if (!pod.spec.imagePullSecrets?.length && account.imagePullSecrets?.length) pod.spec.imagePullSecrets = cloneJson(account.imagePullSecrets);
    },
    async validate(request) {
      const pod = createdPod(request);
      if (!pod?.spec) return;
      if (isMirrorPod(pod)) {
        if (pod.spec.serviceAccountName) throw forbidden(request, 'a mirror pod may not reference service accounts');
        return;
      }
      if (pod.spec.serviceAccountName) await lookUp(context, request, pod.spec.serviceAccountName);
    },
  };
}

async function lookUp(context: PluginContext, request: AdmissionRequest, name: string): Promise<Stored<ServiceAccount>> {
  const namespace = request.namespace ?? '';
  const { serviceAccounts } = context.reads;
  const wait = () => serviceAccounts.waitFor((held) => held.metadata.name === name && held.metadata.namespace === namespace, DEFAULT_ACCOUNT_WAIT_MS);
  const account = (await serviceAccounts.find(name, namespace)) ?? (name === 'default' ? await wait() : undefined);
  if (!account) throw forbidden(request, `error looking up service account ${namespace}/${name}: serviceaccount "${name}" not found`);
  return account;
}

function mountToken(pod: Pod): void {
  const { spec } = pod;
  if (!spec) return;
  const held = spec.volumes?.find((volume) => volume.name.startsWith(VOLUME_PREFIX));
  const name = held?.name ?? generateName(VOLUME_PREFIX, Math.random);
  let isUsed = false;
  const mount = (container: Container): void => {
    if (container.volumeMounts?.some((each) => each.mountPath === MOUNT_PATH)) return;
    container.volumeMounts = [...(container.volumeMounts ?? []), { name, readOnly: true, mountPath: MOUNT_PATH }];
    isUsed = true;
  };
  spec.initContainers?.forEach(mount);
  spec.containers.forEach(mount);
  if (isUsed && !held) spec.volumes = [...(spec.volumes ?? []), tokenVolume(name)];
}

function tokenVolume(name: string): Volume {
  return {
    name,
    projected: {
      defaultMode: 0o644,
      sources: [
        { serviceAccountToken: { expirationSeconds: TOKEN_SECONDS, path: 'token' } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        { downwardAPI: { items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }] } },
      ],
    },
  };
}
