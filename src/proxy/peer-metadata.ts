import type { PeerMetadata } from './outcome.ts';

/** Headers by which sidecars tell each other who they are. Istio: `x-envoy-peer-metadata*`. */
export const PEER_METADATA_HEADER = 'x-envoy-peer-metadata';
export const PEER_METADATA_ID_HEADER = 'x-envoy-peer-metadata-id';

/** Makes our own metadata headers and reads those of peers. */
export interface PeerMetadataCodec {
  /** Value of `x-envoy-peer-metadata-id`: our node id. */
  readonly ownId: string;
  /** Value of `x-envoy-peer-metadata`: base64 of our metadata. */
  readonly ownValue: string;
  /** Decodes what a peer sent; undefined when it sent nothing usable. Cached by value, bounded. */
  decode(value: string | undefined, id: string | undefined): PeerMetadata | undefined;
}
