/** The node message that opens an xDS stream. */
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { nested, text, writeStruct } from '../../xds/client/wire-struct.ts';
import type { StructObject } from '../../xds/client/wire-struct.ts';
import { TAKES_VIRTUAL_HOSTS } from '../../xds/type-urls.ts';
import { ISTIO_API_VERSION } from './node-metadata.ts';
import type { ProxySettings } from './settings.ts';

/** How a proxy introduces itself: the control plane sends Istio's own filters only to proxies that say that they have them. */
export interface Announcement {
  readonly userAgent: string;
  readonly extensions: readonly string[];
}

export const OWN_ANNOUNCEMENT: Announcement = { userAgent: 'lateen', extensions: ['envoy.matching.dynamic_metadata', 'istio.stats', 'istio.alpn', 'envoy.filters.http.peer_metadata', 'envoy.filters.http.ext_authz', 'envoy.filters.http.ext_authz.body', TAKES_VIRTUAL_HOSTS] };

/** An encoded envoy.config.core.v3.Node; field numbers: envoy/config/core/v3/base.proto. */
export function encodeNode(settings: ProxySettings, announcement: Announcement = OWN_ANNOUNCEMENT): Uint8Array {
  const writer = new BinaryWriter();
  text(writer, 1, settings.nodeId);
  text(writer, 2, settings.nodeCluster);
  // Made from JSON values only.
  nested(writer, 3, () => writeStruct(writer, settings.metadata as StructObject));
  text(writer, 6, announcement.userAgent);
  text(writer, 7, ISTIO_API_VERSION);
  for (const name of announcement.extensions) {
    nested(writer, 9, () => {
      text(writer, 1, name);
      text(writer, 2, 'envoy.filters.http');
    });
  }
  return writer.finish();
}
