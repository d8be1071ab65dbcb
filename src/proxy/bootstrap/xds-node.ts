/** The node message that opens an xDS stream. */
import { create } from '@bufbuild/protobuf';
import type { JsonObject } from '@bufbuild/protobuf';
import { ExtensionSchema, NodeSchema } from '../../xds/generated/envoy/config/core/v3/base_pb.js';
import type { Node } from '../../xds/generated/envoy/config/core/v3/base_pb.js';
import { ISTIO_API_VERSION } from './node-metadata.ts';
import type { ProxySettings } from './settings.ts';

/** Istio's own filters that this proxy understands; the control plane sends them only to proxies that say so. */
export const ANNOUNCED_EXTENSIONS = ['istio.stats', 'envoy.filters.http.peer_metadata'] as const;

export function buildNode(settings: ProxySettings): Node {
  return create(NodeSchema, {
    id: settings.nodeId,
    cluster: settings.nodeCluster,
    // Made from JSON values only.
    metadata: settings.metadata as JsonObject,
    userAgentName: 'lateen',
    userAgentVersionType: { case: 'userAgentVersion', value: ISTIO_API_VERSION },
    extensions: ANNOUNCED_EXTENSIONS.map((name) => create(ExtensionSchema, { name, category: 'envoy.filters.http' })),
  });
}
