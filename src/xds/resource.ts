import { hash } from 'node:crypto';
import { bytesField, concat, encodeAny, encodeDeltaResource } from './wire.ts';

/** What is known of a resource that a client holds; one that it brought along has a version and nothing else. */
export interface Held {
  readonly version: string;
  /** What the resource was made from, as its maker names it. */
  readonly origins?: ReadonlySet<string>;
}

export interface ResourceFacts {
  /** Of a cluster: the EDS resource without which it cannot be used. */
  readonly needsEndpoints?: string;
  /** What it is made from; not part of the content, and so not of the version. */
  readonly origins?: Iterable<string>;
}

const NO_ORIGINS: ReadonlySet<string> = new Set();

/** A resource ready to be sent. Made once and shared by all proxies that get it. The version is a digest of the content, so
 * equal content has an equal version, also after a restart of the server. */
export class EncodedResource implements Held {
  readonly typeUrl: string;
  readonly name: string;
  readonly version: string;
  /** The message alone, as in `Any.value`. */
  readonly value: Uint8Array;
  readonly needsEndpoints: string | undefined;
  readonly origins: ReadonlySet<string>;
  #any: Uint8Array | undefined;
  #delta: Uint8Array | undefined;

  constructor(typeUrl: string, name: string, value: Uint8Array, facts: ResourceFacts = {}) {
    this.typeUrl = typeUrl;
    this.name = name;
    this.value = value;
    this.needsEndpoints = facts.needsEndpoints;
    const origins = new Set(facts.origins);
    this.origins = origins.size === 0 ? NO_ORIGINS : origins;
    this.version = hash('sha1', value, 'hex').slice(0, 16);
  }

  /** As an encoded `google.protobuf.Any`: how state-of-the-world responses carry it. */
  get any(): Uint8Array {
    this.#any ??= encodeAny(this.typeUrl, this.value);
    return this.#any;
  }

  /** As a `resources` field of a DeltaDiscoveryResponse. */
  get delta(): Uint8Array {
    this.#delta ??= concat(bytesField(2, encodeDeltaResource(this.name, this.version, encodeAny(this.typeUrl, this.value))));
    return this.#delta;
  }
}
