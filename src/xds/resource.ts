import { hash } from 'node:crypto';
import { encodeAny, encodeDeltaResource } from './wire.ts';

/** A resource ready to be sent. Made once and shared by all proxies that get it. The version is a digest of the content, so
 * equal content has an equal version, also after a restart of the server. */
export class EncodedResource {
  readonly typeUrl: string;
  readonly name: string;
  readonly version: string;
  /** The message alone, as in `Any.value`. */
  readonly value: Uint8Array;
  /** Of a cluster: the EDS resource without which it cannot be used. */
  readonly needsEndpoints: string | undefined;
  #any: Uint8Array | undefined;
  #delta: Uint8Array | undefined;

  constructor(typeUrl: string, name: string, value: Uint8Array, needsEndpoints?: string) {
    this.typeUrl = typeUrl;
    this.name = name;
    this.value = value;
    this.needsEndpoints = needsEndpoints;
    this.version = hash('sha1', value, 'hex').slice(0, 16);
  }

  /** As an encoded `google.protobuf.Any`: how state-of-the-world responses carry it. */
  get any(): Uint8Array {
    this.#any ??= encodeAny(this.typeUrl, this.value);
    return this.#any;
  }

  /** As an encoded `Resource`: how delta responses carry it. */
  get delta(): Uint8Array {
    this.#delta ??= encodeDeltaResource(this.name, this.version, encodeAny(this.typeUrl, this.value));
    return this.#delta;
  }
}
