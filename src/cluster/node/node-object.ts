/** The Node object and its lease. */
import { cpus, totalmem } from 'node:os';
import type { Lease } from 'kubernetes-types/coordination/v1.d.ts';
import type { Node } from 'kubernetes-types/core/v1.d.ts';
import type { Clock, Timer } from '../../base/clock.ts';
import { errorText } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { isAlreadyExists, isNotFound, PatchType } from '../../kube/client.ts';
import type { KubeClient } from '../../kube/client.ts';
import { Leases, Nodes } from '../../kube/resource.ts';
import { POD_CIDR } from '../network/addresses.ts';

export const KUBELET_VERSION = 'v1.35.0';
/** kubelet renews its lease every 10 s for 40 s. */
const LEASE_SECONDS = 40;
const RENEW_MS = 10_000;
const MAX_PODS = 250;

export interface NodeIdentity {
  readonly name: string;
  readonly address: string;
  readonly region: string;
  readonly zone: string;
  readonly os: { readonly image: string; readonly kernel: string; readonly bootId: string };
}

export const nodeCapacity = () => ({ cpu: cpus().length, memoryBytes: totalmem() });

export function buildNode(identity: NodeIdentity, now: string): Node {
  const arch = process.arch === 'x64' ? 'amd64' : process.arch;
  const { cpu, memoryBytes } = nodeCapacity();
  const capacity = { cpu: String(cpu), memory: `${Math.floor(memoryBytes / 1024)}Ki`, pods: String(MAX_PODS), 'ephemeral-storage': '100Gi' };
  const condition = (type: string, status: 'True' | 'False', reason: string, message: string) => ({ type, status, reason, message, lastHeartbeatTime: now, lastTransitionTime: now });
  return {
    apiVersion: 'v1', kind: 'Node',
    metadata: {
      name: identity.name,
      labels: {
        'kubernetes.io/hostname': identity.name, 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': arch,
        'topology.kubernetes.io/region': identity.region, 'topology.kubernetes.io/zone': identity.zone, 'node-role.kubernetes.io/control-plane': '',
      },
      annotations: { 'node.alpha.kubernetes.io/ttl': '0' },
    },
    spec: { podCIDR: POD_CIDR, podCIDRs: [POD_CIDR], providerID: `lateen://${identity.name}` },
    status: {
      capacity, allocatable: capacity,
      addresses: [{ type: 'InternalIP', address: identity.address }, { type: 'Hostname', address: identity.name }],
      conditions: [
        condition('MemoryPressure', 'False', 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'),
        condition('DiskPressure', 'False', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'),
        condition('PIDPressure', 'False', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'),
        condition('Ready', 'True', 'KubeletReady', 'kubelet is posting ready status'),
      ],
      daemonEndpoints: { kubeletEndpoint: { Port: 10250 } },
      nodeInfo: {
        machineID: identity.os.bootId.replaceAll('-', ''), systemUUID: identity.os.bootId, bootID: identity.os.bootId,
        kernelVersion: identity.os.kernel, osImage: identity.os.image, containerRuntimeVersion: 'lateen://0.1.0',
        kubeletVersion: KUBELET_VERSION, kubeProxyVersion: '', operatingSystem: 'linux', architecture: arch,
      },
    },
  };
}

export interface NodeRegistration {
  start(): Promise<void>;
  close(): void;
}

export interface NodeRegistrationDeps {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Log;
  /** Names of the images that containers can be made of. */
  images(): readonly string[];
}

export function createNodeRegistration(identity: NodeIdentity, deps: NodeRegistrationDeps): NodeRegistration {
  const { client, clock, log } = deps;
  let told = '';
  /** The images can change while the node lives: a program that one of them needs is installed. */
  const tellImages = async (): Promise<void> => {
    const images = deps.images().map((name) => ({ names: [`${name}:latest`], sizeBytes: 0 }));
    const text = JSON.stringify(images);
    if (text === told) return;
    await client.patch(Nodes, { name: identity.name }, { type: PatchType.Merge, body: { status: { images } } }, { subresource: 'status' });
    told = text;
  };
  let timer: Timer | undefined;
  let closed = false;
  const renew = async (): Promise<void> => {
    try {
      await renewLease(client, identity.name, clock);
      await tellImages();
    } catch (error) {
      log.warn('the node’s lease or status is not renewed', { error: errorText(error) });
    }
    if (closed) return;
    timer = clock.after(RENEW_MS, () => void renew());
    timer.unref();
  };
  return {
    async start() {
      const node = buildNode(identity, new Date(clock.now()).toISOString().replace(/\.\d+Z$/, 'Z'));
      try {
        await client.create(Nodes, node);
      } catch (error) {
        if (!isAlreadyExists(error)) throw error;
      }
      await client.patch(Nodes, { name: identity.name }, { type: PatchType.Merge, body: { status: node.status } }, { subresource: 'status' });
      await tellImages();
      void renew();
    },
    close() {
      closed = true;
      timer?.cancel();
    },
  };
}

async function renewLease(client: KubeClient, name: string, clock: Clock): Promise<void> {
  const namespace = 'kube-node-lease';
  const renewTime = new Date(clock.now()).toISOString().replace('Z', '000Z');
  try {
    await client.patch(Leases, { namespace, name }, { type: PatchType.Merge, body: { spec: { renewTime } } });
  } catch (error) {
    if (!isNotFound(error)) throw error;
    const lease: Lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name, namespace }, spec: { holderIdentity: name, leaseDurationSeconds: LEASE_SECONDS, renewTime } };
    await client.create(Leases, lease, { namespace });
  }
}
