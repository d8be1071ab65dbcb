/** The environment of a container, in Kubernetes' order of precedence: service links, envFrom, env. Pure over what it is given. */
import type { ConfigMap, Container, EnvVar, Pod, Secret, Service } from 'kubernetes-types/core/v1.d.ts';
import { ContainerError } from '../network/errors.ts';
import { expand } from './expansion.ts';
import { podField, resourceField } from './downward.ts';

export interface EnvSources {
  configMap(name: string): ConfigMap | undefined;
  secret(name: string): Secret | undefined;
  /** Services of the pod's namespace, and `kubernetes` of `default`. */
  services: readonly Service[];
  podIp: string;
  hostIp: string;
  /** What the node can give, for resourceFieldRef without a limit. */
  capacity: { cpu: number; memoryBytes: number };
}

/** @throws ContainerError CreateContainerConfigError when something referred to is missing */
export function buildEnv(pod: Pod, container: Container, sources: EnvSources): Map<string, string> {
  const env = new Map<string, string>();
  for (const service of sources.services) {
    const isApi = service.metadata?.name === 'kubernetes' && service.metadata.namespace === 'default';
    if (isApi || pod.spec?.enableServiceLinks !== false) serviceLinks(service, env);
  }
  for (const from of container.envFrom ?? []) {
    const [data, ref, kind] = from.configMapRef ? [sources.configMap(from.configMapRef.name ?? '')?.data, from.configMapRef, 'configmap'] as const
      : [decodeSecret(sources.secret(from.secretRef?.name ?? '')), from.secretRef, 'secret'] as const;
    if (!data && !ref?.optional) throw missing(kind, ref?.name ?? '');
    for (const [key, value] of Object.entries(data ?? {})) env.set(`${from.prefix ?? ''}${key}`, value);
  }
  for (const variable of container.env ?? []) {
    const value = variable.valueFrom ? valueFrom(variable, { pod, container, sources }) : expand(variable.value ?? '', (name) => env.get(name));
    if (value !== undefined) env.set(variable.name, value);
  }
  return env;
}

interface Scope {
  readonly pod: Pod;
  readonly container: Container;
  readonly sources: EnvSources;
}

function valueFrom(variable: EnvVar, scope: Scope): string | undefined {
  const { pod, container, sources } = scope;
  const from = variable.valueFrom ?? {};
  if (from.fieldRef) return podField(pod, from.fieldRef.fieldPath, sources) ?? '';
  if (from.resourceFieldRef) {
    const { containerName, resource, divisor } = from.resourceFieldRef;
    const named = containerName ? [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])].find((c) => c.name === containerName) : container;
    return named ? resourceField(named, { resource, divisor }, sources.capacity) : '';
  }
  const ref = from.configMapKeyRef ?? from.secretKeyRef;
  if (!ref) return '';
  const kind = from.configMapKeyRef ? 'configmap' : 'secret';
  const data = from.configMapKeyRef ? sources.configMap(ref.name ?? '')?.data : decodeSecret(sources.secret(ref.name ?? ''));
  if (!data && !ref.optional) throw missing(kind, ref.name ?? '');
  const value = data?.[ref.key];
  if (value === undefined && !ref.optional) {
    throw new ContainerError('CreateContainerConfigError', `couldn't find key ${ref.key} in ${kind === 'configmap' ? 'ConfigMap' : 'Secret'} ${pod.metadata?.namespace}/${ref.name}`);
  }
  return value;
}

const missing = (kind: string, name: string) => new ContainerError('CreateContainerConfigError', `${kind} "${name}" not found`);

function decodeSecret(secret: Secret | undefined): Record<string, string> | undefined {
  return secret && Object.fromEntries(Object.entries(secret.data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')]));
}

/** `{NAME}_SERVICE_HOST`, `{NAME}_SERVICE_PORT`, `{NAME}_SERVICE_PORT_{PORT}`, and the links of Docker's day. */
function serviceLinks(service: Service, env: Map<string, string>): void {
  const ip = service.spec?.clusterIP;
  const ports = service.spec?.ports ?? [];
  const first = ports[0];
  if (!ip || ip === 'None' || !first) return;
  const name = upper(service.metadata?.name ?? '');
  env.set(`${name}_SERVICE_HOST`, ip);
  env.set(`${name}_SERVICE_PORT`, String(first.port));
  for (const port of ports) if (port.name) env.set(`${name}_SERVICE_PORT_${upper(port.name)}`, String(port.port));
  env.set(`${name}_PORT`, `${(first.protocol ?? 'TCP').toLowerCase()}://${ip}:${first.port}`);
  for (const port of ports) {
    const protocol = (port.protocol ?? 'TCP').toLowerCase();
    const prefix = `${name}_PORT_${port.port}_${protocol.toUpperCase()}`;
    env.set(prefix, `${protocol}://${ip}:${port.port}`);
    env.set(`${prefix}_PROTO`, protocol);
    env.set(`${prefix}_PORT`, String(port.port));
    env.set(`${prefix}_ADDR`, ip);
  }
}

const upper = (name: string) => name.toUpperCase().replaceAll('-', '_');
