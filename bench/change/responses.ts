/** What a response says, read once for all clients that get the same bytes: were each client to read them, they would cost more than
 * the control plane. That the bytes are the same is looked at, not assumed. */
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { encodeDeltaRequest } from '../../src/xds/client/delta-codec.ts';
import { dataFrame } from './h2-stream.ts';
import type { Content, Known, Resources } from './resources.ts';

export interface ReadResponse {
  readonly typeUrl: string;
  readonly upserts: readonly { readonly known: Known; readonly content: Content }[];
  readonly removed: readonly Known[];
  /** The request that acknowledges it, as a frame. */
  readonly ack: Buffer;
}

/** Responses that are remembered; the oldest are forgotten. */
const REMEMBERED = 512;
/** More than the type and the nonce take. */
const KEY_BYTES = 160;

export class Responses {
  readonly #resources: Resources;
  readonly #known = new Map<string, { readonly bytes: Buffer; readonly read: ReadResponse }>();

  constructor(resources: Resources) {
    this.#resources = resources;
  }

  read(bytes: Buffer): ReadResponse {
    const key = `${bytes.length} ${bytes.toString('latin1', 0, Math.min(KEY_BYTES, bytes.length))}`;
    const known = this.#known.get(key);
    if (known?.bytes.equals(bytes)) return known.read;
    const read = this.#read(bytes);
    this.#known.set(key, { bytes: Buffer.from(bytes), read });
    const [oldest] = this.#known.keys();
    if (this.#known.size > REMEMBERED && oldest !== undefined) this.#known.delete(oldest);
    return read;
  }

  #read(bytes: Buffer): ReadResponse {
    const reader = new BinaryReader(bytes);
    const resources: Uint8Array[] = [];
    const removed: string[] = [];
    let [typeUrl, nonce] = ['', ''];
    while (reader.pos < reader.len) {
      const [field, wireType] = reader.tag();
      if (field === 2) resources.push(reader.bytes());
      else if (field === 4) typeUrl = reader.string();
      else if (field === 5) nonce = reader.string();
      else if (field === 6) removed.push(reader.string());
      else reader.skip(wireType, field);
    }
    return {
      typeUrl,
      upserts: resources.map((resource) => {
        const { name, version, value } = readResource(resource);
        const known = this.#resources.known(typeUrl, name);
        return { known, content: this.#resources.content(known, version, value) };
      }),
      removed: removed.map((name) => this.#resources.known(typeUrl, name)),
      ack: dataFrame(encodeDeltaRequest({ typeUrl, subscribe: [], unsubscribe: [], initialVersions: {}, nonce })),
    };
  }
}

function readResource(bytes: Uint8Array): { name: string; version: string; value: Uint8Array } {
  const reader = new BinaryReader(bytes);
  let [name, version] = ['', ''];
  let value: Uint8Array = bytes;
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === 1 && wireType === WireType.LengthDelimited) version = reader.string();
    else if (field === 2) value = readAny(reader.bytes());
    else if (field === 3) name = reader.string();
    else reader.skip(wireType, field);
  }
  return { name, version, value };
}

function readAny(bytes: Uint8Array): Uint8Array {
  const reader = new BinaryReader(bytes);
  let value: Uint8Array = new Uint8Array();
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === 2) value = reader.bytes();
    else reader.skip(wireType, field);
  }
  return value;
}
