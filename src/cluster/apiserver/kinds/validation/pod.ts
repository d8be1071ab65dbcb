/** Pods and pod templates. Kubernetes: pkg/apis/core/validation. */
import { isDeepStrictEqual } from 'node:util';
import type { Container, PodSpec, Probe, Volume } from 'kubernetes-types/core/v1.d.ts';
import { labelNameError, portNameError, subdomainError } from '../../../../kube/names.ts';
import { duplicate, forbiddenField, invalid, notFoundField, required, type FieldError } from '../../status.ts';
import { Findings, NOT_NEGATIVE, resourceErrors } from './checks.ts';

const ENV_NAME = /^[ -<>-~]+$/;
const HANDLERS = ['exec', 'httpGet', 'tcpSocket', 'grpc'] as const;

export function podSpecErrors(spec: PodSpec | undefined, path: string): FieldError[] {
  if (!spec) return [required(path)];
  const found = new Findings();
  const volumes = volumeErrors(spec.volumes ?? [], `${path}.volumes`, found);
  found.required(`${path}.containers`, spec.containers);
  const names = new Set<string>();
  const groups = [['containers', spec.containers ?? []], ['initContainers', spec.initContainers ?? []]] as const;
  for (const [field, containers] of groups) {
    for (const [i, container] of containers.entries()) {
      const at = `${path}.${field}[${i}]`;
      if (container.name && names.has(container.name)) found.add(duplicate(`${at}.name`, container.name));
      names.add(container.name);
      containerErrors(container, at, { found, volumes, isInit: field === 'initContainers' });
    }
  }
  found.oneOf(`${path}.restartPolicy`, spec.restartPolicy, ['Always', 'OnFailure', 'Never']);
  found.oneOf(`${path}.dnsPolicy`, spec.dnsPolicy, ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None']);
  found.notNegative(`${path}.terminationGracePeriodSeconds`, spec.terminationGracePeriodSeconds);
  if (spec.activeDeadlineSeconds !== undefined && spec.activeDeadlineSeconds < 1) found.add(invalid(`${path}.activeDeadlineSeconds`, spec.activeDeadlineSeconds, 'must be between 1 and 2147483647, inclusive'));
  for (const field of ['serviceAccountName', 'nodeName', 'hostname', 'subdomain'] as const) {
    const value = spec[field];
    if (value) found.named(`${path}.${field}`, value, field === 'hostname' || field === 'subdomain' ? labelNameError : subdomainError);
  }
  return found.errors;
}

/** Returns the names that mounts may use. */
function volumeErrors(volumes: readonly Volume[], path: string, found: Findings): ReadonlySet<string> {
  const names = new Set<string>();
  for (const [i, volume] of volumes.entries()) {
    const at = `${path}[${i}]`;
    found.named(`${at}.name`, volume.name, labelNameError);
    if (names.has(volume.name)) found.add(duplicate(`${at}.name`, volume.name));
    names.add(volume.name);
    const sources = Object.keys(volume).filter((key) => key !== 'name');
    for (const extra of sources.slice(1)) found.add(forbiddenField(`${at}.${extra}`, 'may not specify more than 1 volume type'));
    if (volume.secret) found.required(`${at}.secret.secretName`, volume.secret.secretName);
    if (volume.configMap) found.required(`${at}.configMap.name`, volume.configMap.name);
    if (volume.persistentVolumeClaim) found.required(`${at}.persistentVolumeClaim.claimName`, volume.persistentVolumeClaim.claimName);
    if (volume.hostPath) found.required(`${at}.hostPath.path`, volume.hostPath.path);
  }
  return names;
}

interface ContainerContext {
  found: Findings;
  volumes: ReadonlySet<string>;
  isInit: boolean;
}

function containerErrors(container: Container, at: string, { found, volumes, isInit }: ContainerContext): void {
  found.named(`${at}.name`, container.name, labelNameError);
  if (found.required(`${at}.image`, container.image) && container.image !== container.image?.trim()) found.add(invalid(`${at}.image`, container.image, 'must not have leading or trailing whitespace'));
  found.oneOf(`${at}.imagePullPolicy`, container.imagePullPolicy, ['Always', 'IfNotPresent', 'Never']);
  found.oneOf(`${at}.terminationMessagePolicy`, container.terminationMessagePolicy, ['File', 'FallbackToLogsOnError']);
  if (isInit) found.oneOf(`${at}.restartPolicy`, container.restartPolicy, ['Always', 'Never', 'OnFailure']);
  portErrors(container, at, found);
  envErrors(container, at, found);
  mountErrors(container, at, { found, volumes });
  found.add(...resourceErrors(`${at}.resources`, container.resources));
  const isPlainInit = isInit && container.restartPolicy !== 'Always';
  for (const field of ['livenessProbe', 'readinessProbe', 'startupProbe'] as const) {
    const probe = container[field];
    if (probe && isPlainInit) found.add(forbiddenField(`${at}.${field}`, 'may not be set for init containers without restartPolicy=Always'));
    else if (probe) probeErrors(probe, `${at}.${field}`, found);
  }
}

function portErrors({ ports = [] }: Container, at: string, found: Findings): void {
  const names = new Set<string>();
  for (const [i, port] of ports.entries()) {
    const path = `${at}.ports[${i}]`;
    if (port.name) {
      found.named(`${path}.name`, port.name, portNameError);
      if (names.has(port.name)) found.add(duplicate(`${path}.name`, port.name));
      names.add(port.name);
    }
    if (!port.containerPort) found.add(required(`${path}.containerPort`));
    else found.port(`${path}.containerPort`, port.containerPort);
    if (port.hostPort) found.port(`${path}.hostPort`, port.hostPort);
    found.oneOf(`${path}.protocol`, port.protocol, ['SCTP', 'TCP', 'UDP']);
  }
}

function envErrors({ env = [] }: Container, at: string, found: Findings): void {
  for (const [i, variable] of env.entries()) {
    const path = `${at}.env[${i}]`;
    if (found.required(`${path}.name`, variable.name) && !ENV_NAME.test(variable.name)) {
      found.add(invalid(`${path}.name`, variable.name, "a valid environment variable name must consist only of printable ASCII characters other than '='"));
    }
    const from = variable.valueFrom;
    if (!from) continue;
    const sources = Object.keys(from).length;
    if (sources === 0) found.add(invalid(`${path}.valueFrom`, '', 'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`'));
    else if (variable.value) found.add(invalid(`${path}.valueFrom`, '', 'may not be specified when `value` is not empty'));
    else if (sources > 1) found.add(invalid(`${path}.valueFrom`, '', 'may not have more than one field specified at a time'));
  }
}

function mountErrors({ volumeMounts = [] }: Container, at: string, { found, volumes }: { found: Findings; volumes: ReadonlySet<string> }): void {
  const paths = new Set<string>();
  for (const [i, mount] of volumeMounts.entries()) {
    const path = `${at}.volumeMounts[${i}]`;
    if (found.required(`${path}.name`, mount.name) && !volumes.has(mount.name)) found.add(notFoundField(`${path}.name`, mount.name));
    found.required(`${path}.mountPath`, mount.mountPath);
    if (paths.has(mount.mountPath)) found.add(invalid(`${path}.mountPath`, mount.mountPath, 'must be unique'));
    paths.add(mount.mountPath);
  }
}

function probeErrors(probe: Probe, at: string, found: Findings): void {
  const handlers = HANDLERS.filter((handler) => probe[handler] !== undefined);
  if (handlers.length === 0) found.add(required(at, 'must specify a handler type'));
  for (const extra of handlers.slice(1)) found.add(forbiddenField(`${at}.${extra}`, 'may not specify more than 1 handler type'));
  if (probe.httpGet) found.required(`${at}.httpGet.port`, probe.httpGet.port);
  for (const field of ['initialDelaySeconds', 'timeoutSeconds', 'periodSeconds', 'successThreshold', 'failureThreshold'] as const) {
    const value = probe[field];
    if (value !== undefined && value < 0) found.add(invalid(`${at}.${field}`, value, NOT_NEGATIVE));
  }
  if (!at.endsWith('readinessProbe') && probe.successThreshold !== undefined && probe.successThreshold > 1) found.add(invalid(`${at}.successThreshold`, probe.successThreshold, 'must be 1'));
}

const MUTABLE = 'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)';

/** A pod runs as it was made; only images, deadlines, added tolerations and lifted gates may change. */
export function podUpdateErrors(spec: PodSpec | undefined, old: PodSpec | undefined): FieldError[] {
  if (!spec || !old) return [];
  const masked = (s: PodSpec): unknown => {
    const { activeDeadlineSeconds: _a, tolerations: _t, schedulingGates: _g, ...rest } = s;
    const withoutImages = (list: Container[] | undefined) => list?.map(({ image: _i, ...container }) => container);
    return { ...rest, containers: withoutImages(s.containers), initContainers: withoutImages(s.initContainers) };
  };
  const errors: FieldError[] = [];
  if (!isDeepStrictEqual(masked(spec), masked(old))) errors.push(forbiddenField('spec', MUTABLE));
  const lost = (old.tolerations ?? []).some((toleration) => !(spec.tolerations ?? []).some((t) => isDeepStrictEqual(t, toleration)));
  if (lost) errors.push(forbiddenField('spec.tolerations', 'existing toleration can not be modified except its tolerationSeconds'));
  return errors;
}
