/** The container `istio-proxy`, as a sidecar and as a gateway. Names, arguments and variables are Istio's. */
import type { Container, EnvVar, Lifecycle, Pod, Probe, SecurityContext, VolumeMount } from 'kubernetes-types/core/v1.d.ts';
import { Annotation, Label } from './annotations.ts';
import type { InjectConfig } from './config.ts';
import { InjectionError } from './errors.ts';
import type { PodSettings } from './pod-settings.ts';
import { proxyMounts } from './volumes.ts';
import { ownerUrl, type Workload } from './workload.ts';

export const PROXY_NAME = 'istio-proxy';

export interface ProxyInput {
  readonly role: 'sidecar' | 'router';
  readonly pod: Pod;
  readonly namespace: string;
  readonly workload: Workload;
  readonly config: InjectConfig;
  readonly settings: PodSettings;
}

export function proxyContainer(input: ProxyInput): Container {
  const { config, settings, role } = input;
  const { values } = config;
  const isNative = role === 'sidecar' && settings.native;
  const lifecycle = role === 'sidecar' ? lifecycleOf(input) : undefined;
  return {
    name: PROXY_NAME,
    image: settings.text(Annotation.ProxyImage, values.proxyImage),
    ...(values.imagePullPolicy === undefined ? {} : { imagePullPolicy: values.imagePullPolicy }),
    ports: [{ containerPort: 15090, protocol: 'TCP', name: 'http-envoy-prom' }],
    args: proxyArgs(input),
    env: proxyEnv(input),
    ...(lifecycle ? { lifecycle } : {}),
    ...(settings.statusPort === 0 ? {} : { readinessProbe: readinessProbe(settings, config) }),
    ...(role === 'sidecar' && settings.statusPort !== 0 && values.startup.enabled ? { startupProbe: startupProbe(config) } : {}),
    ...(isNative ? { restartPolicy: 'Always' } : {}),
    resources: role === 'sidecar' ? settings.resources : {},
    securityContext: role === 'sidecar' ? sidecarSecurity(settings, config) : { runAsUser: 1337, runAsGroup: 1337 },
    volumeMounts: [...proxyMounts(), ...userMounts(settings)],
  };
}

function proxyArgs({ role, config, settings }: ProxyInput): string[] {
  const { values } = config;
  return [
    'proxy',
    role,
    '--domain',
    `$(POD_NAMESPACE).svc.${values.clusterDomain}`,
    `--proxyLogLevel=${settings.text(Annotation.LogLevel, values.logLevel)}`,
    `--proxyComponentLogLevel=${settings.text(Annotation.ComponentLogLevel, values.componentLogLevel)}`,
    `--log_output_level=${settings.text(Annotation.AgentLogLevel, values.agentLogLevel)}`,
    ...(values.logAsJson ? ['--log_as_json'] : []),
  ];
}

/** For the agent beside an Envoy: what is to be merged into the bootstrap. */
const BOOTSTRAP_VARIABLE = 'LATEEN_ENVOY_BOOTSTRAP';

function proxyEnv({ role, pod, namespace, workload, config, settings }: ProxyInput): EnvVar[] {
  const { values, mesh } = config;
  const field = (name: string, fieldPath: string): EnvVar => ({ name, valueFrom: { fieldRef: { fieldPath } } });
  const limit = (name: string, resource: string): EnvVar => ({ name, valueFrom: { resourceFieldRef: { resource, divisor: '1' } } });
  const app = (pod.spec?.containers ?? []).filter((container) => container.name !== PROXY_NAME);
  const ports = app.flatMap((container) => container.ports ?? []);
  const network = pod.metadata?.labels?.[Label.Network] ?? values.network;
  const bootstrap = config.bootstrapFor?.({ role, namespace, labels: pod.metadata?.labels ?? {} });
  return [
    { name: 'PILOT_CERT_PROVIDER', value: 'istiod' },
    { name: 'CA_ADDR', value: values.caAddress },
    field('POD_NAME', 'metadata.name'),
    field('POD_NAMESPACE', 'metadata.namespace'),
    field('INSTANCE_IP', 'status.podIP'),
    field('SERVICE_ACCOUNT', 'spec.serviceAccountName'),
    field('HOST_IP', 'status.hostIP'),
    limit('ISTIO_CPU_LIMIT', 'limits.cpu'),
    { name: 'PROXY_CONFIG', value: `${JSON.stringify(settings.proxyDiff)}\n` },
    { name: 'ISTIO_META_POD_PORTS', value: JSON.stringify(ports) },
    { name: 'ISTIO_META_APP_CONTAINERS', value: app.map((container) => container.name).join(',') },
    limit('GOMEMLIMIT', 'limits.memory'),
    { name: 'ISTIO_META_CLUSTER_ID', value: values.clusterId },
    field('ISTIO_META_NODE_NAME', 'spec.nodeName'),
    { name: 'ISTIO_META_INTERCEPTION_MODE', value: settings.interceptionMode },
    ...(network === '' ? [] : [{ name: 'ISTIO_META_NETWORK', value: network }]),
    { name: 'ISTIO_META_WORKLOAD_NAME', value: pod.metadata?.labels?.[Label.WorkloadName] ?? workload.name },
    { name: 'ISTIO_META_OWNER', value: ownerUrl(workload, namespace) },
    { name: 'ISTIO_META_MESH_ID', value: values.meshId || mesh.trustDomain },
    { name: 'TRUST_DOMAIN', value: mesh.trustDomain },
    ...(bootstrap === undefined ? [] : [{ name: BOOTSTRAP_VARIABLE, value: bootstrap }]),
    ...Object.entries(settings.proxy.proxyMetadata ?? {}).map(([name, value]) => ({ name, value })),
  ];
}

function lifecycleOf({ config, settings }: ProxyInput): Lifecycle | undefined {
  const { drainCommand, agentCommand } = config.values;
  if (settings.native) {
    // Port 0: there is no page to ask.
    return settings.statusPort === 0 ? undefined : { preStop: { exec: { command: drainCommand.map((word) => word.replaceAll('$(STATUS_PORT)', String(settings.statusPort))) } } };
  }
  // The kubelet starts the next container when this hook is done, so the application waits for the proxy.
  return holdsApplication(config, settings) ? { postStart: { exec: { command: [...agentCommand, 'wait'] } } } : undefined;
}

export function holdsApplication(config: InjectConfig, settings: PodSettings): boolean {
  return settings.proxy.holdApplicationUntilProxyStarts === true || config.values.holdApplicationUntilProxyStarts;
}

function readinessProbe(settings: PodSettings, config: InjectConfig): Probe {
  const { readiness } = config.values;
  const count = (annotation: string, fallback: number) => Number(settings.text(annotation, String(fallback)));
  const initialDelaySeconds = count(Annotation.ReadinessInitialDelay, readiness.initialDelaySeconds);
  return {
    httpGet: { path: '/healthz/ready', port: 15021 },
    ...(initialDelaySeconds === 0 ? {} : { initialDelaySeconds }),
    periodSeconds: count(Annotation.ReadinessPeriod, readiness.periodSeconds),
    timeoutSeconds: 3,
    failureThreshold: count(Annotation.ReadinessFailures, readiness.failureThreshold),
  };
}

const startupProbe = (config: InjectConfig): Probe => ({
  httpGet: { path: '/healthz/ready', port: 15021 },
  periodSeconds: 1,
  timeoutSeconds: 3,
  failureThreshold: config.values.startup.failureThreshold,
});

function sidecarSecurity(settings: PodSettings, config: InjectConfig): SecurityContext {
  const isTransparent = settings.interceptionMode === 'TPROXY';
  return {
    allowPrivilegeEscalation: config.values.privileged,
    privileged: config.values.privileged,
    capabilities: { ...(isTransparent ? { add: ['NET_ADMIN'] } : {}), drop: ['ALL'] },
    readOnlyRootFilesystem: true,
    runAsGroup: 1337,
    runAsNonRoot: !isTransparent,
    runAsUser: isTransparent ? 0 : 1337,
  };
}

function userMounts(settings: PodSettings): VolumeMount[] {
  return namedObjects(settings.text(Annotation.UserVolumeMount, ''), Annotation.UserVolumeMount) as VolumeMount[];
}

/** `{"name": {…}}` or `[{"name": …}]` of an annotation as a list of objects with their name. */
export function namedObjects(json: string, annotation: string): { name: string }[] {
  if (json === '') return [];
  try {
    const value: unknown = JSON.parse(json);
    if (Array.isArray(value)) return value as { name: string }[];
    if (typeof value === 'object' && value !== null) return Object.entries(value).map(([name, fields]) => ({ name, ...(fields as object) }));
  } catch {
    // Reported below with the same words as any other wrong value.
  }
  throw new InjectionError(`annotation ${annotation}: must be a JSON object of volumes by name`);
}
