/** An ingress or egress gateway: a proxy without an application beside it. */
import type { Container, Pod } from 'kubernetes-types/core/v1.d.ts';
import { decodeMeshConfig } from '../../api/mesh-config.ts';
import { Label } from '../../api/proxy-pod/annotations.ts';
import { defaultInjectConfig } from '../../api/proxy-pod/config.ts';
import { podSettings } from '../../api/proxy-pod/pod-settings.ts';
import { proxyContainer } from '../../api/proxy-pod/proxy-container.ts';
import { decodeInjectorValues } from '../../api/proxy-pod/values.ts';
import { proxyVolumes } from '../../api/proxy-pod/volumes.ts';
import type { KubeObject } from '../../kube/object.ts';
import type { GatewayComponent, InstallSpec } from '../spec.ts';
import { GATEWAY_RULES, renderAccount } from './access.ts';
import { componentLabels, type Component } from './labels.ts';
import { renderDeployment, renderService } from './workload.ts';

export interface RenderedGateway {
  readonly access: KubeObject[];
  readonly service: KubeObject;
  readonly deployment: KubeObject;
}

export function renderGateway(gateway: GatewayComponent, component: Component, spec: InstallSpec): RenderedGateway {
  const labels = componentLabels(component, spec.version);
  const account = `${gateway.name}-service-account`;
  const { name, namespace } = gateway;
  return {
    access: renderAccount({ name: account, namespace, component, version: spec.version, roleName: `${name}-sds`, localRules: GATEWAY_RULES }),
    service: renderService({
      name,
      namespace,
      labels: { ...labels, ...gateway.labels },
      selector: gateway.labels,
      ports: gateway.ports,
      type: gateway.serviceType,
      annotations: gateway.serviceAnnotations,
    }),
    deployment: renderDeployment({
      name,
      namespace,
      labels,
      selector: gateway.labels,
      podLabels: { [Label.CanonicalName]: name, [Label.CanonicalRevision]: 'latest' },
      podAnnotations: { 'prometheus.io/scrape': 'true', 'prometheus.io/port': '15020', 'prometheus.io/path': '/stats/prometheus', 'istio.io/rev': 'default' },
      replicas: gateway.replicas,
      serviceAccount: account,
      container: gatewayContainer(gateway, spec),
      pod: {
        // Ports under 1024 without being root.
        securityContext: { runAsUser: 1337, runAsGroup: 1337, runAsNonRoot: true, sysctls: [{ name: 'net.ipv4.ip_unprivileged_port_start', value: '0' }] },
        volumes: proxyVolumes(),
      },
    }),
  };
}

function gatewayContainer(gateway: GatewayComponent, spec: InstallSpec): Container {
  const config = defaultInjectConfig({ mesh: decodeMeshConfig(spec.meshYaml).value, values: decodeInjectorValues(spec.values) });
  const pod: Pod = { metadata: { labels: { ...gateway.labels } }, spec: { containers: [] } };
  const settings = podSettings(pod, gateway.namespace, config);
  const proxy = proxyContainer({ role: 'router', pod, namespace: gateway.namespace, workload: { apiVersion: 'apps/v1', kind: 'Deployment', name: gateway.name }, config, settings });
  const ports = gateway.ports.map((port) => ({ containerPort: Number(port.targetPort ?? port.port), protocol: 'TCP' }));
  return {
    ...proxy,
    ports: [...ports, ...(proxy.ports ?? [])],
    env: [...(proxy.env ?? []), ...gateway.env],
    resources: gateway.resources,
    readinessProbe: { httpGet: { path: '/healthz/ready', port: 15021 }, periodSeconds: 1, timeoutSeconds: 3, failureThreshold: 30 },
    securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] }, privileged: false, readOnlyRootFilesystem: true },
  };
}
