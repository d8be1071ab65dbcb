import { PeerHeader } from '../xds/agent-contract.ts';
import type { PeerMetadata } from './outcome.ts';

/** Headers by which sidecars tell each other who they are. Istio: `x-envoy-peer-metadata*`. */
export const PEER_METADATA_HEADER = PeerHeader.value;
export const PEER_METADATA_ID_HEADER = PeerHeader.id;

/** Makes our own metadata headers and reads those of peers. */
export interface PeerMetadataCodec {
  /** Value of `x-envoy-peer-metadata-id`: our node id. */
  readonly ownId: string;
  /** Value of `x-envoy-peer-metadata`: base64 of our metadata. */
  readonly ownValue: string;
  /** Decodes what a peer sent; undefined when it sent nothing usable. Cached by value, bounded. */
  decode(value: string | undefined, id: string | undefined): PeerMetadata | undefined;
}

/** What the control plane says of an endpoint's workload. Istio: `workload;namespace;canonical-name;canonical-revision;cluster`. */
export function workloadMetadata(text: unknown): PeerMetadata | undefined {
  if (typeof text !== 'string') return undefined;
  const [workload, namespace, canonicalName, canonicalRevision, cluster] = text.split(';');
  return { workload, namespace, canonicalName, canonicalRevision, cluster, app: canonicalName, version: canonicalRevision };
}
