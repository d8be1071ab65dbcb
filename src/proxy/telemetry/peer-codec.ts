/** Our own metadata as a header, and the reading of others'. The decoded object is shared between all requests of a peer:
 * metrics key their cache by it. */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { JsonObject } from '@bufbuild/protobuf';
import { StructSchema } from '@bufbuild/protobuf/wkt';
import type { Struct } from '@bufbuild/protobuf/wkt';
import type { WorkloadFacts } from '../bootstrap/settings.ts';
import type { PeerMetadata } from '../outcome.ts';
import type { PeerMetadataCodec } from '../peer-metadata.ts';

/** Headers longer than this are not ours: metadata of a workload with few labels has about 400 bytes. */
const MAX_HEADER_BYTES = 16 * 1024;
const CACHE_SIZE = 1000;
const CARRIED_LABELS = ['app', 'version', 'app.kubernetes.io/name', 'app.kubernetes.io/version', 'service.istio.io/canonical-name', 'service.istio.io/canonical-revision'] as const;

export function createPeerCodec(own: WorkloadFacts, nodeId: string): PeerMetadataCodec {
  const cache = new Map<string, PeerMetadata | undefined>();
  return {
    ownId: nodeId,
    ownValue: encodePeer(own),
    decode(value) {
      if (value === undefined || value.length > MAX_HEADER_BYTES) return undefined;
      const known = cache.get(value);
      if (known !== undefined || cache.has(value)) return known;
      const decoded = decodePeer(value);
      if (cache.size >= CACHE_SIZE) cache.clear();
      cache.set(value, decoded);
      return decoded;
    },
  };
}

function encodePeer(own: WorkloadFacts): string {
  const labels: JsonObject = { 'service.istio.io/canonical-name': own.canonicalName, 'service.istio.io/canonical-revision': own.canonicalRevision };
  for (const name of CARRIED_LABELS) {
    const value = own.labels.get(name);
    if (value !== undefined) labels[name] = value;
  }
  const json: JsonObject = { NAME: own.name, NAMESPACE: own.namespace, WORKLOAD_NAME: own.workload, CLUSTER_ID: own.clusterId, LABELS: labels };
  return Buffer.from(toBinary(StructSchema, toStruct(json))).toString('base64');
}

function decodePeer(value: string): PeerMetadata | undefined {
  try {
    const { fields } = fromBinary(StructSchema, Buffer.from(value, 'base64'));
    const text = (from: Struct['fields'], name: string): string | undefined => {
      const kind = from[name]?.kind;
      return kind?.case === 'stringValue' ? kind.value : undefined;
    };
    const labelKind = fields['LABELS']?.kind;
    const labels = labelKind?.case === 'structValue' ? labelKind.value.fields : {};
    const first = (...names: string[]) => names.map((name) => text(labels, name)).find(Boolean);
    return {
      workload: text(fields, 'WORKLOAD_NAME'),
      namespace: text(fields, 'NAMESPACE'),
      cluster: text(fields, 'CLUSTER_ID'),
      app: first('app', 'app.kubernetes.io/name'),
      version: first('version', 'app.kubernetes.io/version'),
      canonicalName: first('service.istio.io/canonical-name', 'app.kubernetes.io/name', 'app') ?? text(fields, 'WORKLOAD_NAME'),
      canonicalRevision: first('service.istio.io/canonical-revision', 'app.kubernetes.io/version', 'version'),
    };
  } catch {
    // Whatever a client sent in that header: it is no metadata.
    return undefined;
  }
}

function toStruct(json: JsonObject): Struct {
  const fields = Object.fromEntries(
    Object.entries(json).map(([key, value]) => [
      key,
      typeof value === 'string'
        ? { $typeName: 'google.protobuf.Value' as const, kind: { case: 'stringValue' as const, value } }
        // Only strings and one level of nesting are put in.
        : { $typeName: 'google.protobuf.Value' as const, kind: { case: 'structValue' as const, value: toStruct(value as JsonObject) } },
    ]),
  );
  return create(StructSchema, { fields });
}
