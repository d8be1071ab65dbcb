import { hash } from 'node:crypto';
import { concat, encodeResource } from './wire.ts';

/** What is known of a resource that a client holds; one that it brought along has a version and nothing else. */
export interface Held {
  readonly version: string;
  /** What the resource was made from, as its maker names it. */
  readonly origins?: ReadonlySet<string>;
}

/** A piece of a resource that a client can do without: a virtual host of a RouteConfiguration. */
export interface ResourcePart {
  /** Unique in the resource. */
  readonly name: string;
  readonly origins: readonly string[];
  /** As it stands in the message, with its field's tag. */
  readonly bytes: Uint8Array;
  /** What stands in its place for a client that does not take it. */
  readonly instead: () => Uint8Array;
}

export interface ResourceParts {
  /** What comes before the parts in the message. */
  readonly head: Uint8Array;
  readonly list: readonly ResourcePart[];
}

export interface ResourceFacts {
  /** Of a cluster: the EDS resource without which it cannot be used. */
  readonly needsEndpoints?: string;
  /** What it is made from; not part of the content, and so not of the version. */
  readonly origins?: Iterable<string>;
  /** Of which the value is put together. */
  readonly parts?: ResourceParts;
  /** What it stands for, when some of its parts are replaced. */
  readonly whole?: EncodedResource;
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
  readonly parts: ResourceParts | undefined;
  /** The resource itself, or what it stands for. */
  readonly whole: EncodedResource;
  /** As an encoded `google.protobuf.Any`: how state-of-the-world responses carry it. */
  readonly any: Uint8Array;
  /** As a `resources` field of a DeltaDiscoveryResponse. */
  readonly delta: Uint8Array;

  constructor(typeUrl: string, name: string, value: Uint8Array, facts: ResourceFacts = {}) {
    this.typeUrl = typeUrl;
    this.name = name;
    this.needsEndpoints = facts.needsEndpoints;
    this.parts = facts.parts;
    this.whole = facts.whole ?? this;
    const origins = new Set(facts.origins);
    this.origins = origins.size === 0 ? NO_ORIGINS : origins;
    this.version = hash('sha1', value, 'hex').slice(0, 16);
    const encoded = encodeResource(typeUrl, this, value);
    this.delta = encoded.delta;
    this.any = encoded.any;
    this.value = encoded.value;
  }
}

/** A resource out of its parts. */
export function assemble(at: { typeUrl: string; name: string }, parts: ResourceParts, facts: Omit<ResourceFacts, 'parts'>): EncodedResource {
  return new EncodedResource(at.typeUrl, at.name, concat([parts.head, ...parts.list.map(({ bytes }) => bytes)]), { ...facts, parts });
}

/** The resource with other parts in the place of some. */
export function compose(resource: EncodedResource, choose: (part: ResourcePart) => ResourcePart): EncodedResource {
  const { parts, origins, needsEndpoints } = resource;
  return parts ? assemble(resource, { head: parts.head, list: parts.list.map(choose) }, { origins, needsEndpoints, whole: resource }) : resource;
}

export const samePart = (a: ResourcePart, b: ResourcePart): boolean => a.bytes === b.bytes || Buffer.compare(a.bytes, b.bytes) === 0;
