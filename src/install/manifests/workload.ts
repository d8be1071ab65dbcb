/** A Deployment of one container with its Services, as all parts of the mesh are. */
import type { Container, PodSpec, ServicePort } from 'kubernetes-types/core/v1.d.ts';
import type { KubeObject } from '../../kube/object.ts';

export interface WorkloadInput {
  readonly name: string;
  readonly namespace: string;
  /** On every object. */
  readonly labels: Readonly<Record<string, string>>;
  /** On the pods, and what selects them. */
  readonly selector: Readonly<Record<string, string>>;
  readonly podLabels?: Readonly<Record<string, string>>;
  readonly podAnnotations?: Readonly<Record<string, string>>;
  readonly replicas: number;
  readonly serviceAccount: string;
  readonly container: Container;
  readonly pod?: Partial<PodSpec>;
}

export function renderDeployment(input: WorkloadInput): KubeObject {
  const { name, namespace, labels, selector, replicas } = input;
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace, labels: { ...labels, ...selector } },
    spec: {
      replicas,
      selector: { matchLabels: selector },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '100%', maxUnavailable: '25%' } },
      template: {
        metadata: {
          labels: { ...labels, 'sidecar.istio.io/inject': 'false', ...selector, ...input.podLabels },
          annotations: { 'sidecar.istio.io/inject': 'false', ...input.podAnnotations },
        },
        spec: { serviceAccountName: input.serviceAccount, containers: [input.container], ...input.pod },
      },
    },
  } as KubeObject;
}

export interface ServiceInput {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly selector: Readonly<Record<string, string>>;
  readonly ports: readonly ServicePort[];
  readonly type?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** The embedded cluster publishes such a Service on the machine's loopback; a real cluster takes no notice, so that nothing is
 * opened to a network there. */
export const PUBLISHED: Readonly<Record<string, string>> = { 'cluster.lateen.io/publish': 'loopback' };

export function renderService({ name, namespace, labels, selector, ports, type, annotations }: ServiceInput): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace, labels: { ...labels }, ...(annotations && Object.keys(annotations).length > 0 ? { annotations: { ...annotations } } : {}) },
    spec: { ...(type === undefined ? {} : { type }), selector, ports: ports.map((port) => ({ protocol: 'TCP', ...port })) },
  } as KubeObject;
}
