/** The control plane: its configuration, its Service and its Deployment. */
import type { Container } from 'kubernetes-types/core/v1.d.ts';
import { stringify } from 'yaml';
import type { KubeObject } from '../../kube/object.ts';
import type { InstallSpec } from '../spec.ts';
import { treeAt } from '../tree.ts';
import { ISTIOD_LOCAL_RULES, ISTIOD_RULES, renderAccount } from './access.ts';
import { Component, componentLabels } from './labels.ts';
import { renderDeployment, renderService } from './workload.ts';

const SELECTOR = { app: 'istiod', istio: 'pilot' };

export function renderIstiodAccess(spec: InstallSpec): KubeObject[] {
  return renderAccount({
    name: 'istiod',
    namespace: spec.namespace,
    component: Component.Pilot,
    version: spec.version,
    roleName: 'istiod-clusterrole',
    clusterRules: ISTIOD_RULES,
    localRules: ISTIOD_LOCAL_RULES,
  });
}

/** ConfigMaps `istio` (the mesh configuration) and `istio-sidecar-injector`. */
export function renderMeshConfiguration(spec: InstallSpec): KubeObject[] {
  const labels = componentLabels(Component.Pilot, spec.version);
  const webhook = (name: string, fallback: unknown) => treeAt(spec.values, 'sidecarInjectorWebhook', name) ?? fallback;
  const injector = {
    policy: treeAt(spec.values, 'global', 'proxy', 'autoInject') ?? 'enabled',
    alwaysInjectSelector: webhook('alwaysInjectSelector', []),
    neverInjectSelector: webhook('neverInjectSelector', []),
    injectedAnnotations: webhook('injectedAnnotations', {}),
    defaultTemplates: ['sidecar'],
  };
  const map = (name: string, data: Record<string, string>) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: spec.namespace, labels }, data }) as KubeObject;
  return [
    map('istio', { mesh: spec.meshYaml, meshNetworks: 'networks: {}' }),
    map('istio-sidecar-injector', { config: stringify(injector), values: JSON.stringify(spec.values, undefined, 2) }),
  ];
}

export function renderIstiod(spec: InstallSpec): { service: KubeObject; deployment: KubeObject } {
  const labels = { ...componentLabels(Component.Pilot, spec.version), ...SELECTOR };
  const port = (name: string, number: number, targetPort = number) => ({ name, port: number, targetPort });
  return {
    service: renderService({
      name: 'istiod',
      namespace: spec.namespace,
      labels,
      selector: SELECTOR,
      ports: [port('grpc-xds', 15010), port('https-dns', 15012), port('https-webhook', 443, 15017), port('http-monitoring', 15014)],
    }),
    deployment: renderDeployment({
      name: 'istiod',
      namespace: spec.namespace,
      labels: componentLabels(Component.Pilot, spec.version),
      selector: SELECTOR,
      podAnnotations: { 'prometheus.io/scrape': 'true', 'prometheus.io/port': '15014', 'prometheus.io/path': '/metrics' },
      replicas: spec.pilot?.replicas ?? 1,
      serviceAccount: 'istiod',
      container: discoveryContainer(spec),
      pod: {
        volumes: [
          { name: 'local-certs', emptyDir: { medium: 'Memory' } },
          { name: 'cacerts', secret: { secretName: 'cacerts', optional: true } },
        ],
      },
    }),
  };
}

function discoveryContainer(spec: InstallSpec): Container {
  const field = (name: string, fieldPath: string) => ({ name, valueFrom: { fieldRef: { fieldPath } } });
  return {
    name: 'discovery',
    image: `${spec.hub}/control:${spec.tag}`,
    args: ['discovery', '--monitoringAddr=:15014', '--log_output_level=default:info', '--domain', 'cluster.local'],
    ports: [8080, 15010, 15012, 15014, 15017].map((containerPort) => ({ containerPort, protocol: 'TCP' })),
    env: [
      { name: 'REVISION', value: 'default' },
      { name: 'PILOT_CERT_PROVIDER', value: 'istiod' },
      field('POD_NAME', 'metadata.name'),
      field('POD_NAMESPACE', 'metadata.namespace'),
      field('SERVICE_ACCOUNT', 'spec.serviceAccountName'),
      { name: 'CLUSTER_ID', value: 'Kubernetes' },
      ...(spec.pilot?.env ?? []),
    ],
    readinessProbe: { httpGet: { path: '/ready', port: 8080 }, periodSeconds: 1, timeoutSeconds: 5 },
    resources: spec.pilot?.resources ?? {},
    securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, runAsNonRoot: true, runAsUser: 1337, runAsGroup: 1337, capabilities: { drop: ['ALL'] } },
    volumeMounts: [
      { name: 'local-certs', mountPath: '/var/run/secrets/istio-dns' },
      { name: 'cacerts', mountPath: '/etc/cacerts', readOnly: true },
    ],
  };
}
