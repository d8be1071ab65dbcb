/** The few bytes of protobuf around resources that are already encoded. Discovery responses are put together from shared
 * pieces, so that a resource is encoded once however many proxies get it. Spec: discovery.proto, any.proto. */
const encoder = new TextEncoder();

/** A length-delimited field: tag, length, bytes. */
export function bytesField(field: number, value: Uint8Array): Uint8Array[] {
  return [varint((field << 3) | 2), varint(value.length), value];
}

export function stringField(field: number, value: string): Uint8Array[] {
  return value === '' ? [] : bytesField(field, encoder.encode(value));
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  let size = 0;
  for (const part of parts) size += part.length;
  const out = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** google.protobuf.Any */
export function encodeAny(typeUrl: string, value: Uint8Array): Uint8Array {
  return concat([...stringField(1, typeUrl), ...bytesField(2, value)]);
}

/** envoy.service.discovery.v3.Resource */
export function encodeDeltaResource(name: string, version: string, any: Uint8Array): Uint8Array {
  return concat([...stringField(1, version), ...bytesField(2, any), ...stringField(3, name)]);
}

export interface ResponseParts {
  typeUrl: string;
  nonce: string;
  version: string;
}

/** envoy.service.discovery.v3.DeltaDiscoveryResponse, in pieces that follow one another: those that many clients get alike are
 * shared between them.
 * @param fields its `resources` and `removed_resources`, as encoded fields */
export const encodeDeltaResponse = ({ typeUrl, nonce, version }: ResponseParts, fields: readonly Uint8Array[]): Uint8Array[] => [
  head(typeUrl, version), concat(stringField(5, nonce)), ...fields,
];

/** Version and type: alike in most responses that are sent one after the other. */
function head(typeUrl: string, version: string): Uint8Array {
  const known = heads.get(typeUrl);
  if (known?.version === version) return known.bytes;
  const bytes = concat([...stringField(1, version), ...stringField(4, typeUrl)]);
  // Clients may invent types.
  if (known || heads.size < MAX_HEADS) heads.set(typeUrl, { version, bytes });
  return bytes;
}

const MAX_HEADS = 32;

const heads = new Map<string, { readonly version: string; readonly bytes: Uint8Array }>();

/** envoy.service.discovery.v3.DiscoveryResponse, in pieces; `resources` are encoded `Any` messages. */
export const encodeSotwResponse = ({ typeUrl, nonce, version }: ResponseParts, resources: readonly Uint8Array[]): Uint8Array[] => [
  concat([...stringField(1, version), ...stringField(4, typeUrl), ...stringField(5, nonce)]), ...resources.flatMap((resource) => bytesField(2, resource)),
];

function varint(value: number): Uint8Array {
  const out: number[] = [];
  let rest = value;
  while (rest > 127) {
    out.push((rest & 127) | 128);
    rest >>>= 7;
  }
  out.push(rest);
  return Uint8Array.from(out);
}
