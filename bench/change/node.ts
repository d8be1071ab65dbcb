/** The node message of a pod's sidecar, as ours sends it. */
import { create, toBinary } from '@bufbuild/protobuf';
import { NodeSchema } from '../../src/xds/generated/envoy/config/core/v3/base_pb.js';
import { OWN_ANNOUNCEMENT } from '../../src/proxy/bootstrap/xds-node.ts';
import type { MeshPod } from './mesh.ts';

export const encodeNode = ({ name, namespace, address, labels }: MeshPod): Uint8Array =>
  toBinary(NodeSchema, create(NodeSchema, {
    id: `sidecar~${address}~${name}.${namespace}~${namespace}.svc.cluster.local`,
    cluster: `${labels['app']}.${namespace}`,
    metadata: { NAMESPACE: namespace, LABELS: { ...labels }, CLUSTER_ID: 'Kubernetes', ISTIO_VERSION: '1.30.0', WORKLOAD_NAME: labels['app'] ?? '' },
    userAgentName: 'lateen',
    extensions: OWN_ANNOUNCEMENT.extensions.map((extension) => ({ name: extension, category: 'envoy.filters.http' })),
  }));
