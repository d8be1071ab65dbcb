/** The web console, behind the name under which Kiali is usually found. */
import type { KubeObject } from '../../kube/object.ts';
import type { InstallSpec } from '../spec.ts';
import { CONSOLE_RULES, renderAccount } from './access.ts';
import { Component, componentLabels } from './labels.ts';
import { PUBLISHED, renderDeployment, renderService } from './workload.ts';

const NAME = 'lateen-console';
const SELECTOR = { app: 'kiali', 'app.kubernetes.io/name': NAME };
const PORT = 20001;

export function renderConsole(spec: InstallSpec): { access: KubeObject[]; service: KubeObject; deployment: KubeObject } {
  const { namespace, version } = spec;
  const labels = componentLabels(Component.Console, version);
  return {
    access: renderAccount({ name: NAME, namespace, component: Component.Console, version, clusterRules: CONSOLE_RULES }),
    service: renderService({ name: 'kiali', namespace, labels: { ...labels, app: 'kiali' }, selector: SELECTOR, ports: [{ name: 'http', port: PORT, targetPort: PORT }], annotations: PUBLISHED }),
    deployment: renderDeployment({
      name: NAME,
      namespace,
      labels,
      selector: SELECTOR,
      replicas: 1,
      serviceAccount: NAME,
      container: {
        name: 'console',
        image: `${spec.hub}/console:${spec.tag}`,
        ports: [{ containerPort: PORT, protocol: 'TCP' }],
        readinessProbe: { httpGet: { path: '/healthz', port: PORT }, periodSeconds: 1, timeoutSeconds: 3 },
        resources: { requests: { cpu: '10m', memory: '64Mi' } },
        securityContext: { allowPrivilegeEscalation: false, runAsNonRoot: true, runAsUser: 1337, runAsGroup: 1337, capabilities: { drop: ['ALL'] } },
      },
    }),
  };
}
