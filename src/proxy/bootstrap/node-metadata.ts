/** The metadata of the xDS node: how the control plane knows which workload it configures. Names: Istio's node metadata. */
import type { ProxyPorts, WorkloadFacts } from './settings.ts';
import type { JsonObject } from './sources.ts';

/** Version of Istio's interfaces that we speak; the control plane decides by it what to send. */
export const ISTIO_API_VERSION = '1.32.0';

export interface NodeMetadataInput {
  readonly workload: WorkloadFacts;
  readonly instanceIp: string;
  readonly ports: ProxyPorts;
  /** From ISTIO_META_*. */
  readonly extra: Readonly<Record<string, string>>;
  readonly proxyConfig: JsonObject;
}

export function nodeMetadata(input: NodeMetadataInput): Readonly<Record<string, unknown>> {
  const { workload, ports } = input;
  return {
    INTERCEPTION_MODE: 'REDIRECT',
    ISTIO_VERSION: ISTIO_API_VERSION,
    ...input.extra,
    NAME: workload.name,
    NAMESPACE: workload.namespace,
    WORKLOAD_NAME: workload.workload,
    SERVICE_ACCOUNT: workload.serviceAccount,
    CLUSTER_ID: workload.clusterId,
    MESH_ID: workload.meshId,
    INSTANCE_IPS: input.instanceIp,
    LABELS: { ...Object.fromEntries(workload.labels), 'service.istio.io/canonical-name': workload.canonicalName, 'service.istio.io/canonical-revision': workload.canonicalRevision },
    ANNOTATIONS: meshAnnotations(workload.annotations),
    PROXY_CONFIG: input.proxyConfig,
    ENVOY_STATUS_PORT: ports.readiness,
    ENVOY_PROMETHEUS_PORT: ports.prometheus,
  };
}

/** Annotations that the control plane reads; the rest may be long, and none of its business. */
function meshAnnotations(all: ReadonlyMap<string, string>): Record<string, string> {
  return Object.fromEntries([...all].filter(([key]) => /(^|\.)istio\.io\//.test(key)));
}
