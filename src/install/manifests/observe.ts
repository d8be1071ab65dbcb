/** The store of metrics and traces, behind the names under which Prometheus and Jaeger are usually found. */
import type { KubeObject } from '../../kube/object.ts';
import type { InstallSpec } from '../spec.ts';
import { OBSERVE_RULES, renderAccount } from './access.ts';
import { Component, componentLabels } from './labels.ts';
import { PUBLISHED, renderDeployment, renderService } from './workload.ts';

const NAME = 'lateen-observe';
const SELECTOR = { app: NAME };

export function renderObserve(spec: InstallSpec): { access: KubeObject[]; services: KubeObject[]; deployment: KubeObject } {
  const { namespace, version } = spec;
  const labels = componentLabels(Component.Observe, version);
  const service = (name: string, ports: { name: string; port: number; targetPort: number }[], annotations?: Record<string, string>) => renderService({ name, namespace, labels: { ...labels, app: name }, selector: SELECTOR, ports, annotations });
  return {
    access: renderAccount({ name: NAME, namespace, component: Component.Observe, version, clusterRules: OBSERVE_RULES }),
    services: [
      service('prometheus', [{ name: 'http', port: 9090, targetPort: 9090 }], PUBLISHED),
      service('jaeger-collector', [{ name: 'http-otlp', port: 4318, targetPort: 4318 }]),
      service('zipkin', [{ name: 'http-query', port: 9411, targetPort: 9411 }]),
      service('tracing', [
        { name: 'http-query', port: 80, targetPort: 16686 },
        { name: 'http-api', port: 16686, targetPort: 16686 },
      ], PUBLISHED),
    ],
    deployment: renderDeployment({
      name: NAME,
      namespace,
      labels,
      selector: SELECTOR,
      replicas: 1,
      serviceAccount: NAME,
      container: {
        name: 'observe',
        image: `${spec.hub}/observe:${spec.tag}`,
        ports: [9090, 4318, 9411, 16686].map((containerPort) => ({ containerPort, protocol: 'TCP' })),
        readinessProbe: { httpGet: { path: '/-/ready', port: 9090 }, periodSeconds: 1, timeoutSeconds: 3 },
        resources: { requests: { cpu: '10m', memory: '64Mi' } },
        securityContext: { allowPrivilegeEscalation: false, runAsNonRoot: true, runAsUser: 1337, runAsGroup: 1337, capabilities: { drop: ['ALL'] } },
      },
    }),
  };
}
