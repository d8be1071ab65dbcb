/** Sidecar injection as a pure function of the pod and the configuration. Istio: pkg/kube/inject. */
import type { Container, Pod, PodSpec, Volume } from 'kubernetes-types/core/v1.d.ts';
import { Annotation } from '../../api/proxy-pod/annotations.ts';
import type { InjectConfig } from '../../api/proxy-pod/config.ts';
import { InjectionError } from '../../api/proxy-pod/errors.ts';
import { INIT_NAME, initContainer } from './init-container.ts';
import { diffJson, type JsonPatchOperation } from './json-patch.ts';
import { mergeContainer } from './merge-container.ts';
import { addDefaultContainer, addLabels, mergeMetrics } from './metadata.ts';
import { podSettings, type PodSettings } from '../../api/proxy-pod/pod-settings.ts';
import { rewriteProbes } from './probes.ts';
import { holdUntilQuiet } from './quiet-end.ts';
import { holdsApplication, namedObjects, PROXY_NAME, proxyContainer, type ProxyInput } from '../../api/proxy-pod/proxy-container.ts';
import { proxyVolumes } from '../../api/proxy-pod/volumes.ts';
import { workloadOf, type Workload } from '../../api/proxy-pod/workload.ts';

export interface Injected {
  readonly pod: Pod;
  readonly patch: JsonPatchOperation[];
}

/** Whether the pod is to be injected is the caller's question (`injectionFor`).
 * @param workload default: what the pod's owner references tell
 * @throws InjectionError when an annotation asks for something impossible */
export function injectPod(pod: Pod, namespace: string, config: InjectConfig, workload: Workload = workloadOf(pod)): Injected {
  const result = structuredClone(pod);
  result.spec ??= { containers: [] };
  const role = templateRole(pod);
  const settings = podSettings(pod, namespace, config);
  const overrides = takeOverrides(result, role === 'sidecar' && settings.native);
  const metrics = mergeMetrics(result, config, settings);
  const probers = settings.statusPort !== 0 && settings.rewriteProbes && role === 'sidecar' ? rewriteProbes(result, settings.statusPort) : {};
  if (role === 'sidecar') holdUntilQuiet(result, config, settings);
  const proxy = proxyContainer({ role, pod: result, namespace, workload, config, settings });
  if (metrics !== undefined) proxy.env?.push({ name: 'ISTIO_PROMETHEUS_ANNOTATIONS', value: metrics });
  if (Object.keys(probers).length > 0) proxy.env?.push({ name: 'ISTIO_KUBE_APP_PROBERS', value: JSON.stringify(probers) });

  const added = addContainers(result, { role, settings, config, proxy, overrides });
  const volumes = [...proxyVolumes(), ...(namedObjects(settings.text(Annotation.UserVolume, ''), Annotation.UserVolume) as Volume[])];
  addVolumes(result.spec, volumes);
  if (role === 'router') allowLowPorts(result.spec);
  const imagePullSecrets = addPullSecrets(result.spec, config.values.imagePullSecrets);
  addLabels(result, role, workload);
  addDefaultContainer(result);
  const status = { ...added, volumes: volumes.map((volume) => volume.name), imagePullSecrets, revision: config.revision };
  addAnnotations(result, {
    ...config.injectedAnnotations,
    [Annotation.Revision]: config.revision,
    [Annotation.Status]: JSON.stringify(status),
    ...(overrides.annotation === undefined ? {} : { [Annotation.Overrides]: overrides.annotation }),
  });
  return { pod: result, patch: diffJson(pod, result) };
}

function templateRole(pod: Pod): ProxyInput['role'] {
  const template = pod.metadata?.annotations?.[Annotation.Templates] ?? 'sidecar';
  if (template === 'sidecar') return 'sidecar';
  if (template === 'gateway') return 'router';
  throw new InjectionError(`annotation ${Annotation.Templates}: there is no template ${JSON.stringify(template)}; the templates are sidecar and gateway`);
}

interface Overrides {
  readonly proxy?: Container;
  readonly init?: Container;
  /** What the user had written, for whoever injects again. */
  readonly annotation?: string;
}

/** Takes containers named like ours out of the pod: their fields go over the template's. */
function takeOverrides(pod: Pod, isNative: boolean): Overrides {
  const spec: PodSpec = pod.spec ?? { containers: [] };
  const take = (list: Container[] | undefined, name: string) => {
    const index = list?.findIndex((container) => container.name === name) ?? -1;
    return index < 0 ? undefined : list?.splice(index, 1)[0];
  };
  const proxy = withoutAutoImage(take(spec.containers, PROXY_NAME) ?? take(spec.initContainers, PROXY_NAME));
  const init = withoutAutoImage(take(spec.initContainers, INIT_NAME));
  if (!proxy && !init) return {};
  const initContainers = [init, isNative ? proxy : undefined].filter((container) => container !== undefined);
  const containers = proxy && !isNative ? [proxy] : [];
  const annotation = JSON.stringify({ ...(containers.length > 0 ? { containers } : {}), ...(initContainers.length > 0 ? { initContainers } : {}) });
  return { ...(proxy ? { proxy } : {}), ...(init ? { init } : {}), annotation };
}

/** The image `auto` stands for the template's. */
function withoutAutoImage(container: Container | undefined): Container | undefined {
  if (container?.image !== 'auto') return container;
  const { image: _, ...rest } = container;
  return rest;
}

const withOverride = (container: Container, override: Container | undefined): Container => (override ? mergeContainer(container, override) : container);

interface Placement {
  readonly role: ProxyInput['role'];
  readonly settings: PodSettings;
  readonly config: InjectConfig;
  readonly proxy: Container;
  readonly overrides: Overrides;
}

/** Returns the names of what was added where, for the status annotation. */
function addContainers(pod: Pod, { role, settings, config, proxy, overrides }: Placement): { initContainers: string[] | null; containers: string[] | null } {
  const spec = pod.spec ?? { containers: [] };
  const ours = withOverride(proxy, overrides.proxy);
  const users = spec.initContainers ?? [];
  const init = role === 'sidecar' && settings.interceptionMode !== 'NONE' ? [withOverride(initContainer(config, settings), overrides.init)] : [];
  if (role === 'sidecar' && settings.native) {
    spec.initContainers = [...init, ours, ...users];
    return { initContainers: [...init.map((container) => container.name), PROXY_NAME], containers: null };
  }
  // A classic init container runs last, so that the others still have the network to themselves.
  if (users.length + init.length > 0) spec.initContainers = [...users, ...init];
  spec.containers = holdsApplication(config, settings) ? [ours, ...spec.containers] : [...spec.containers, ours];
  return { initContainers: init.length > 0 ? [INIT_NAME] : null, containers: [PROXY_NAME] };
}

function addVolumes(spec: PodSpec, volumes: readonly Volume[]): void {
  const names = new Set(volumes.map((volume) => volume.name));
  spec.volumes = [...volumes, ...(spec.volumes ?? []).filter((volume) => !names.has(volume.name))];
}

/** A gateway binds ports under 1024 without being root. */
function allowLowPorts(spec: PodSpec): void {
  const name = 'net.ipv4.ip_unprivileged_port_start';
  const sysctls = spec.securityContext?.sysctls ?? [];
  if (sysctls.some((sysctl) => sysctl.name === name)) return;
  spec.securityContext = { ...spec.securityContext, sysctls: [...sysctls, { name, value: '0' }] };
}

function addPullSecrets(spec: PodSpec, secrets: readonly string[]): string[] | null {
  if (secrets.length === 0) return null;
  const existing = spec.imagePullSecrets ?? [];
  spec.imagePullSecrets = [...secrets.map((name) => ({ name })), ...existing.filter((secret) => !secrets.includes(secret.name ?? ''))];
  return [...secrets];
}

function addAnnotations(pod: Pod, annotations: Readonly<Record<string, string>>): void {
  pod.metadata = { ...pod.metadata, annotations: { ...pod.metadata?.annotations, ...annotations } };
}
