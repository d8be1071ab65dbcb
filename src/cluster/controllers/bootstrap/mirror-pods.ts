/** The parts of the control plane as pods of kube-system, as on a cluster that runs them as static pods: tools look
 * there for the flags in force. They are the cluster's own process; the node runs nothing for them. */
import type { Pod } from 'kubernetes-types/core/v1.d.ts';

export interface MirrorPodsOptions {
  nodeName: string;
  nodeAddress: string;
  /** Names of the admission plugins in force, in order. */
  admissionPlugins: readonly string[];
  serviceCidr: string;
  podCidr: string;
  apiServerPort: number;
  /** RFC 3339, whole seconds. */
  time: string;
}

const IMAGE = 'lateen/cluster:latest';

export function mirrorPods(options: MirrorPodsOptions): Pod[] {
  const apiServer = [
    `--advertise-address=${options.nodeAddress}`,
    '--authorization-mode=RBAC',
    `--enable-admission-plugins=${options.admissionPlugins.join(',')}`,
    `--secure-port=${options.apiServerPort}`,
    '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
    `--service-cluster-ip-range=${options.serviceCidr}`,
  ];
  return [
    mirrorPod(options, 'kube-apiserver', apiServer),
    mirrorPod(options, 'kube-controller-manager', [`--cluster-cidr=${options.podCidr}`, `--service-cluster-ip-range=${options.serviceCidr}`, '--controllers=*']),
    mirrorPod(options, 'kube-scheduler', []),
  ];
}

function mirrorPod(options: MirrorPodsOptions, component: string, args: string[]): Pod {
  const { nodeName, nodeAddress, time } = options;
  const name = `${component}-${nodeName}`;
  const condition = (type: string) => ({ type, status: 'True', lastTransitionTime: time });
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'kube-system',
      labels: { component, tier: 'control-plane' },
      annotations: { 'kubernetes.io/config.mirror': name, 'kubernetes.io/config.source': 'file' },
    },
    spec: {
      nodeName,
      hostNetwork: true,
      priorityClassName: 'system-node-critical',
      tolerations: [{ operator: 'Exists', effect: 'NoExecute' }],
      containers: [{ name: component, image: IMAGE, command: [component], args }],
    },
    status: {
      phase: 'Running',
      conditions: ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map(condition),
      hostIP: nodeAddress,
      hostIPs: [{ ip: nodeAddress }],
      podIP: nodeAddress,
      podIPs: [{ ip: nodeAddress }],
      startTime: time,
      qosClass: 'BestEffort',
      containerStatuses: [{ name: component, image: IMAGE, imageID: '', ready: true, started: true, restartCount: 0, state: { running: { startedAt: time } } }],
    },
  };
}
