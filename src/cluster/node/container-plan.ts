/** From a container's spec and its image to the process that will run. Pure. */
import type { Capabilities, Container, Pod } from 'kubernetes-types/core/v1.d.ts';
import { ContainerError } from '../network/errors.ts';
import { expand } from './expansion.ts';
import type { ImageProgram } from './images.ts';

export interface PlannedMount {
  /** Path in the node's mount namespace. */
  readonly source: string;
  /** Path in the container. */
  readonly target: string;
  readonly readOnly: boolean;
}

export interface ContainerPlan {
  readonly argv: readonly string[];
  readonly env: ReadonlyMap<string, string>;
  readonly workingDir: string;
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  /** Lower case without CAP_; `all` when privileged. */
  readonly capabilities: readonly string[] | 'all';
  readonly noNewPrivileges: boolean;
  readonly readOnlyRoot: boolean;
  readonly hostname: string;
  readonly mounts: readonly PlannedMount[];
  readonly stdin: boolean;
}

/** What a container's root has unless its spec says otherwise: the list of Docker and containerd without MKNOD, since there
 * is no device cgroup that would keep a device made in a container from being the machine's disk. */
const DEFAULT_CAPABILITIES = [
  'audit_write', 'chown', 'dac_override', 'fowner', 'fsetid', 'kill', 'net_bind_service', 'net_raw', 'setfcap', 'setgid', 'setpcap', 'setuid', 'sys_chroot',
];
export const DEFAULT_PATH = '/lateen/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export interface PlanInput {
  readonly pod: Pod;
  readonly container: Container;
  readonly image: ImageProgram;
  readonly env: ReadonlyMap<string, string>;
  readonly mounts: readonly PlannedMount[];
}

/** @throws ContainerError CreateContainerConfigError when the spec forbids what the image needs */
export function planContainer(input: PlanInput): ContainerPlan {
  const { pod, container, image, mounts } = input;
  const podSecurity = pod.spec?.securityContext ?? {};
  const security = container.securityContext ?? {};
  const [imageUid = 0, imageGid = 0] = image.user.split(':').map(Number);
  const uid = security.runAsUser ?? podSecurity.runAsUser ?? imageUid;
  if ((security.runAsNonRoot ?? podSecurity.runAsNonRoot) && uid === 0) {
    throw new ContainerError('CreateContainerConfigError', `container has runAsNonRoot and image will run as root (pod: "${pod.metadata?.name}_${pod.metadata?.namespace}(${pod.metadata?.uid})", container: ${container.name})`);
  }
  const hostname = podHostname(pod);
  const env = new Map<string, string>([
    ['PATH', DEFAULT_PATH], ['HOSTNAME', hostname], ['HOME', uid === 0 ? '/root' : '/'], ...Object.entries(image.env), ...input.env,
  ]);
  const lookup = (name: string) => input.env.get(name);
  return {
    argv: commandLine(container, image).map((part) => expand(part, lookup)),
    env,
    workingDir: container.workingDir || image.workingDir,
    uid,
    gid: security.runAsGroup ?? podSecurity.runAsGroup ?? (uid === imageUid ? imageGid : 0),
    groups: [...new Set([...(podSecurity.supplementalGroups ?? []), ...(podSecurity.fsGroup === undefined ? [] : [podSecurity.fsGroup])])],
    capabilities: security.privileged ? 'all' : capabilities(security.capabilities),
    noNewPrivileges: security.allowPrivilegeEscalation === false,
    readOnlyRoot: security.readOnlyRootFilesystem === true,
    hostname,
    mounts: [...image.mounts.map((m) => ({ source: m.host, target: m.path, readOnly: m.readOnly })), ...mounts],
    stdin: container.stdin === true,
  };
}

/** Kubernetes: `command` replaces the image's entrypoint and with it the image's own arguments; `args` replaces those. */
function commandLine(container: Container, image: ImageProgram): string[] {
  if (container.command && container.command.length > 0) return [...container.command, ...(container.args ?? [])];
  return [...image.entrypoint, ...(container.args && container.args.length > 0 ? container.args : image.args)];
}

/** First label of the pod's fully qualified name, at most 63 characters. */
export function podHostname(pod: Pod): string {
  return (pod.spec?.hostname || pod.metadata?.name || 'pod').slice(0, 63).replace(/[-.]+$/, '');
}

function capabilities(asked: Capabilities | undefined): string[] | 'all' {
  const names = (list: readonly string[] | undefined) => (list ?? []).map((name) => name.toLowerCase().replace(/^cap_/, ''));
  const added = names(asked?.add);
  const dropped = new Set(names(asked?.drop));
  if (added.includes('all')) return 'all';
  const base = dropped.has('all') ? [] : DEFAULT_CAPABILITIES.filter((name) => !dropped.has(name));
  return [...new Set([...base, ...added])];
}
