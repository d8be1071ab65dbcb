import type { Service } from 'kubernetes-types/core/v1.d.ts';
import { child, fill } from './fill.ts';

/** Kubernetes: pkg/apis/core/v1/defaults.go SetDefaults_Service, and the IP families that allocation sets on a cluster with IPv4 only. */
export function defaultService(service: Service): void {
  const spec = child(service, 'spec', {});
  fill(spec, { sessionAffinity: 'None', type: 'ClusterIP' });
  if (spec.sessionAffinity === 'ClientIP') fill(child(child(spec, 'sessionAffinityConfig', {}), 'clientIP', {}), { timeoutSeconds: 10_800 });
  for (const port of spec.ports ?? []) {
    fill(port, { protocol: 'TCP' });
    if (port.targetPort === undefined || port.targetPort === 0 || port.targetPort === '') port.targetPort = port.port;
  }
  if (spec.type === 'ExternalName') return;
  fill(spec, { internalTrafficPolicy: 'Cluster', ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv4'] });
  if (spec.type === 'NodePort' || spec.type === 'LoadBalancer') fill(spec, { externalTrafficPolicy: 'Cluster' });
  if (spec.type === 'LoadBalancer') fill(spec, { allocateLoadBalancerNodePorts: true });
}
