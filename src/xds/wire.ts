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

/** A `resources` field of a DeltaDiscoveryResponse (envoy.service.discovery.v3.Resource), with the parts of it that are of use by
 * themselves: the google.protobuf.Any and the message in it, which take no memory of their own. */
export function encodeResource(typeUrl: string, facts: { name: string; version: string }, value: Uint8Array): { delta: Uint8Array; any: Uint8Array; value: Uint8Array } {
  const [name, type] = [stringField(3, facts.name), [...stringField(1, typeUrl), ...bytesField(2, value)]];
  const before = [...stringField(1, facts.version), ...bytesField(2, NOTHING)];
  before.splice(-2, 2, varint(sizeOf(type)));
  const inner = [...before, ...type, ...name];
  const delta = concat([varint((2 << 3) | 2), varint(sizeOf(inner)), ...inner]);
  const end = delta.length - sizeOf(name);
  return { delta, any: delta.subarray(end - sizeOf(type), end), value: delta.subarray(end - value.length, end) };
}

const NOTHING = new Uint8Array();
const sizeOf = (parts: readonly Uint8Array[]): number => parts.reduce((sum, part) => sum + part.length, 0);

/** A response as it goes to a client, or to thousands of them. */
export class Message {
  readonly nonce: string;
  /** With the prefix that gRPC puts before each message: flag of compression, length in four bytes. */
  readonly framed: Buffer;

  constructor(nonce: string, parts: readonly Uint8Array[]) {
    this.nonce = nonce;
    this.framed = Buffer.from(concat([PREFIX, ...parts]).buffer);
    this.framed.writeUInt32BE(this.framed.length - PREFIX.length, 1);
  }

  /** The message alone. */
  get bytes(): Uint8Array {
    return new Uint8Array(this.framed.buffer, this.framed.byteOffset + PREFIX.length);
  }
}

const PREFIX = new Uint8Array(5);

export interface ResponseParts {
  typeUrl: string;
  nonce: string;
  version: string;
}

/** envoy.service.discovery.v3.DeltaDiscoveryResponse.
 * @param resources as encoded `resources` fields
 * @param removed names */
export const encodeDeltaResponse = ({ typeUrl, nonce, version }: ResponseParts, resources: readonly Uint8Array[], removed: readonly string[]): Message =>
  new Message(nonce, [head(typeUrl, version), ...stringField(5, nonce), ...resources, ...removed.flatMap((name) => stringField(6, name))]);

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

/** envoy.service.discovery.v3.DiscoveryResponse; `resources` are encoded `Any` messages. */
export const encodeSotwResponse = ({ typeUrl, nonce, version }: ResponseParts, resources: readonly Uint8Array[]): Message =>
  new Message(nonce, [...stringField(1, version), ...stringField(4, typeUrl), ...stringField(5, nonce), ...resources.flatMap((resource) => bytesField(2, resource))]);

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
