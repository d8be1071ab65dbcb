/** Our own metadata as a header, and the reading of others'. The decoded object is shared between all requests of a peer:
 * metrics key their cache by it. */
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { writeStruct } from '../../xds/client/wire-struct.ts';
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
  const labels: Record<string, string> = { 'service.istio.io/canonical-name': own.canonicalName, 'service.istio.io/canonical-revision': own.canonicalRevision };
  for (const name of CARRIED_LABELS) {
    const value = own.labels.get(name);
    if (value !== undefined) labels[name] = value;
  }
  const writer = new BinaryWriter();
  writeStruct(writer, { NAME: own.name, NAMESPACE: own.namespace, WORKLOAD_NAME: own.workload, CLUSTER_ID: own.clusterId, LABELS: labels });
  return Buffer.from(writer.finish()).toString('base64');
}

function decodePeer(value: string): PeerMetadata | undefined {
  try {
    const fields = readStruct(Buffer.from(value, 'base64'));
    const text = (from: StructFields, name: string): string | undefined => {
      const found = from.get(name);
      return typeof found === 'string' ? found : undefined;
    };
    const labelled = fields.get('LABELS');
    const labels: StructFields = typeof labelled === 'object' ? readStruct(labelled) : new Map();
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

/** The members that are strings, or structs, which are still encoded; no others are of interest. */
type StructFields = ReadonlyMap<string, string | Uint8Array>;

/** Reads a google.protobuf.Struct, one level deep. @throws when the bytes are none */
function readStruct(bytes: Uint8Array): StructFields {
  const fields = new Map<string, string | Uint8Array>();
  eachDelimited(bytes, (field, reader) => {
    const entry = reader.bytes();
    if (field !== 1) return;
    let [key, value]: [string, string | Uint8Array | undefined] = ['', undefined];
    eachDelimited(entry, (part, inner) => {
      if (part === 1) key = inner.string();
      else value = readValue(inner.bytes());
    });
    if (value !== undefined) fields.set(key, value);
  });
  return fields;
}

function readValue(bytes: Uint8Array): string | Uint8Array | undefined {
  let value: string | Uint8Array | undefined;
  eachDelimited(bytes, (kind, reader) => {
    if (kind === 3) value = reader.string();
    else if (kind === 5) value = reader.bytes();
    else reader.bytes();
  });
  return value;
}

function eachDelimited(bytes: Uint8Array, read: (field: number, reader: BinaryReader) => void): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (wireType === WireType.LengthDelimited) read(field, reader);
    else reader.skip(wireType, field);
  }
}
