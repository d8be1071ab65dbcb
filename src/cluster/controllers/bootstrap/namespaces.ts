/** The namespaces, classes and Services that every cluster has from the start. */
import type { Namespace, Service } from 'kubernetes-types/core/v1.d.ts';
import type { EndpointSlice } from 'kubernetes-types/discovery/v1.d.ts';
import type { PriorityClass } from 'kubernetes-types/scheduling/v1.d.ts';
import type { StorageClass } from 'kubernetes-types/storage/v1.d.ts';
import { LOCAL_PATH_PROVISIONER } from '../storage/local-path.ts';

export const SYSTEM_NAMESPACES = ['default', 'kube-system', 'kube-public', 'kube-node-lease'] as const;

export const systemNamespaces = (): Namespace[] => SYSTEM_NAMESPACES.map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }));

/** The default class; volumes are made at once, without waiting for a pod. */
export function standardStorageClass(): StorageClass {
  return {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name: 'standard', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
    provisioner: LOCAL_PATH_PROVISIONER,
    reclaimPolicy: 'Delete',
    volumeBindingMode: 'Immediate',
  };
}

export function systemPriorityClasses(): PriorityClass[] {
  const make = (name: string, value: number, description: string): PriorityClass => ({ apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', metadata: { name }, value, description });
  return [
    make('system-cluster-critical', 2_000_000_000, 'For pods that the cluster cannot do without, on any node.'),
    make('system-node-critical', 2_000_001_000, 'For pods that their node cannot do without.'),
  ];
}

export interface SystemServices {
  /** ClusterIP of the Service `kubernetes`, e.g. 10.96.0.1. */
  kubernetesAddress: string;
  /** ClusterIP of the Service `kube-dns`, e.g. 10.96.0.10. */
  dnsAddress: string;
  /** Where the API server listens for pods. */
  apiServer: { address: string; port: number };
}

export function kubernetesService(services: SystemServices): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'kubernetes', namespace: 'default', labels: { component: 'apiserver', provider: 'kubernetes' } },
    spec: { type: 'ClusterIP', clusterIP: services.kubernetesAddress, ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: services.apiServer.port }] },
  };
}

export function kubernetesEndpointSlice(services: SystemServices): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'kubernetes', namespace: 'default', labels: { 'kubernetes.io/service-name': 'kubernetes' } },
    addressType: 'IPv4',
    endpoints: [{ addresses: [services.apiServer.address], conditions: { ready: true } }],
    ports: [{ name: 'https', port: services.apiServer.port, protocol: 'TCP' }],
  };
}

/** Served by the node itself at the Service's own address: it has no pods, and so no selector. */
export function dnsService(services: SystemServices): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'kube-dns', namespace: 'kube-system', labels: { 'k8s-app': 'kube-dns', 'kubernetes.io/cluster-service': 'true', 'kubernetes.io/name': 'CoreDNS' } },
    spec: {
      type: 'ClusterIP',
      clusterIP: services.dnsAddress,
      ports: [
        { name: 'dns', port: 53, protocol: 'UDP', targetPort: 53 },
        { name: 'dns-tcp', port: 53, protocol: 'TCP', targetPort: 53 },
      ],
    },
  };
}
