/** Exchange of workload metadata by headers. Istio: `envoy.filters.http.peer_metadata`. Each side tells the other who it is; neither
 * application sees it. */
import type { JsonObject } from '@bufbuild/protobuf';
import type { HttpFilter } from '../http/filter.ts';
import { PEER_METADATA_HEADER, PEER_METADATA_ID_HEADER, type PeerMetadataCodec } from '../peer-metadata.ts';

const uses = (config: JsonObject, field: string): boolean => {
  const list = config[field];
  return Array.isArray(list) && list.some((entry) => typeof entry === 'object' && entry !== null && ('istio_headers' in entry || 'istioHeaders' in entry));
};

export function createPeerMetadataFilter(name: string, config: JsonObject, codec: PeerMetadataCodec): HttpFilter {
  const readsRequest = uses(config, 'downstream_discovery') || uses(config, 'downstreamDiscovery');
  const writesResponse = uses(config, 'downstream_propagation') || uses(config, 'downstreamPropagation');
  const writesRequest = uses(config, 'upstream_propagation') || uses(config, 'upstreamPropagation');
  const readsResponse = uses(config, 'upstream_discovery') || uses(config, 'upstreamDiscovery');
  const own = [[PEER_METADATA_ID_HEADER, codec.ownId], [PEER_METADATA_HEADER, codec.ownValue]] as const;
  return {
    name,
    onRequest(context) {
      const { headers } = context.request;
      if (readsRequest) {
        const id = headers.get(PEER_METADATA_ID_HEADER);
        const value = headers.get(PEER_METADATA_HEADER);
        if (id !== undefined || value !== undefined) {
          context.setPeer(codec.decode(value, id));
          headers.remove(PEER_METADATA_ID_HEADER);
          headers.remove(PEER_METADATA_HEADER);
          if (writesResponse) context.answerPeer = true;
        }
      }
      if (writesRequest) context.meshRequestHeaders = own;
      return 'continue';
    },
    onResponse(context, head) {
      const { headers } = head;
      if (readsResponse) {
        const value = headers.get(PEER_METADATA_HEADER);
        const id = headers.get(PEER_METADATA_ID_HEADER);
        if (id !== undefined || value !== undefined) {
          context.setUpstreamPeer(codec.decode(value, id));
          headers.remove(PEER_METADATA_ID_HEADER);
          headers.remove(PEER_METADATA_HEADER);
        }
      }
      if (writesResponse && context.answerPeer) for (const [header, value] of own) headers.set(header, value);
    },
  };
}
