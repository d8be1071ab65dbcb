/** Defaults of pods and pod templates. Kubernetes: pkg/apis/core/v1/defaults.go. */
import type { Container, HTTPGetAction, LifecycleHandler, PodSpec, PodTemplateSpec, Probe, Volume } from 'kubernetes-types/core/v1.d.ts';
import { child, fill } from './fill.ts';

/** Mode of files in volumes: 0644. */
const FILE_MODE = 0o644;

export function defaultPodSpec(spec: PodSpec): void {
  fill(spec, { restartPolicy: 'Always', dnsPolicy: 'ClusterFirst', terminationGracePeriodSeconds: 30, securityContext: {}, schedulerName: 'default-scheduler' });
  // The older name of the same field.
  if (spec.serviceAccountName === undefined && spec.serviceAccount !== undefined) spec.serviceAccountName = spec.serviceAccount;
  if (spec.serviceAccountName !== undefined) spec.serviceAccount = spec.serviceAccountName;
  for (const container of [...(spec.initContainers ?? []), ...(spec.containers ?? [])]) defaultContainer(container, spec.hostNetwork ?? false);
  for (const container of spec.ephemeralContainers ?? []) defaultContainer(container as Container, spec.hostNetwork ?? false);
  for (const volume of spec.volumes ?? []) defaultVolume(volume);
}

/** What only pods get, not templates. */
export function defaultPod(spec: PodSpec): void {
  defaultPodSpec(spec);
  fill(spec, { enableServiceLinks: true });
  for (const container of [...(spec.initContainers ?? []), ...(spec.containers ?? [])]) {
    const { limits } = container.resources ?? {};
    if (limits && container.resources) container.resources.requests = { ...limits, ...container.resources.requests };
  }
}

export function defaultTemplate(template: PodTemplateSpec | undefined): void {
  if (!template) return;
  child(template, 'metadata', {});
  if (template.spec) defaultPodSpec(template.spec);
}

function defaultContainer(container: Container, hostNetwork: boolean): void {
  fill(container, {
    imagePullPolicy: pullPolicy(container.image ?? ''), terminationMessagePath: '/dev/termination-log', terminationMessagePolicy: 'File', resources: {},
  });
  for (const port of container.ports ?? []) {
    fill(port, { protocol: 'TCP' });
    if (hostNetwork) fill(port, { hostPort: port.containerPort });
  }
  for (const env of container.env ?? []) if (env.valueFrom?.fieldRef) fill(env.valueFrom.fieldRef, { apiVersion: 'v1' });
  for (const probe of [container.livenessProbe, container.readinessProbe, container.startupProbe]) if (probe) defaultProbe(probe);
  for (const handler of [container.lifecycle?.postStart, container.lifecycle?.preStop]) if (handler) defaultHandler(handler);
}

/** Images without a version may change under their name, so they are pulled always. */
function pullPolicy(image: string): string {
  if (image.includes('@')) return 'IfNotPresent';
  const tag = /:([^/:]+)$/.exec(image)?.[1];
  return tag === undefined || tag === 'latest' ? 'Always' : 'IfNotPresent';
}

function defaultProbe(probe: Probe): void {
  fill(probe, { timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3 });
  // Zero is how Go clients write "not set".
  for (const [field, value] of Object.entries({ timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3 })) {
    const key = field as 'timeoutSeconds';
    if (probe[key] === 0) probe[key] = value;
  }
  if (probe.httpGet) defaultHttpGet(probe.httpGet);
  if (probe.grpc) fill(probe.grpc, { service: '' });
}

function defaultHandler(handler: LifecycleHandler): void {
  if (handler.httpGet) defaultHttpGet(handler.httpGet);
}

const defaultHttpGet = (action: HTTPGetAction) => fill(action, { path: '/', scheme: 'HTTP' });

function defaultVolume(volume: Volume): void {
  if (Object.keys(volume).every((key) => key === 'name')) volume.emptyDir = {};
  if (volume.secret) fill(volume.secret, { defaultMode: FILE_MODE });
  if (volume.configMap) fill(volume.configMap, { defaultMode: FILE_MODE });
  if (volume.hostPath) fill(volume.hostPath, { type: '' });
  if (volume.downwardAPI) {
    fill(volume.downwardAPI, { defaultMode: FILE_MODE });
    for (const item of volume.downwardAPI.items ?? []) if (item.fieldRef) fill(item.fieldRef, { apiVersion: 'v1' });
  }
  if (!volume.projected) return;
  fill(volume.projected, { defaultMode: FILE_MODE });
  for (const source of volume.projected.sources ?? []) {
    if (source.serviceAccountToken) fill(source.serviceAccountToken, { expirationSeconds: 3600 });
    for (const item of source.downwardAPI?.items ?? []) if (item.fieldRef) fill(item.fieldRef, { apiVersion: 'v1' });
  }
}
