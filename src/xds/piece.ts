import type { NameSet } from './name-set.ts';
import type { EncodedResource } from './resource.ts';
import { encodeDeltaResponse, type Message } from './wire.ts';

/** What a response says, or a part of it: a value. Most pieces are shared by all clients that go from one set of resources to
 * another, and so is what is made of them: to send the same to a thousand clients is to encode it once. */
export class Piece {
  static readonly empty = new Piece([], []);

  readonly upserts: readonly EncodedResource[];
  readonly removed: readonly string[];
  #kept: Piece | undefined;
  #asked: WeakMap<NameSet, Piece> | undefined;
  /** By type: clusters and their endpoints go under the same names. */
  #messages: Map<string, Message> | undefined;

  constructor(upserts: readonly EncodedResource[], removed: readonly string[]) {
    this.upserts = upserts;
    this.removed = removed;
  }

  static of(upserts: readonly EncodedResource[], removed: readonly string[]): Piece {
    return upserts.length + removed.length === 0 ? Piece.empty : new Piece(upserts, removed);
  }

  /** The same object for all who ask for the same while one of them has it: clients that see the mesh from different namespaces
   * are mostly sent the same. */
  static shared(upserts: readonly EncodedResource[], removed: readonly string[]): Piece {
    const [first] = upserts;
    if (!first) return removals(removed);
    const known = (pieces.get(first) ?? []).flatMap((reference) => reference.deref() ?? []);
    const same = known.find((piece) => sameItems(piece.upserts, upserts) && sameItems(piece.removed, removed));
    if (same) return same;
    const made = new Piece(upserts, removed);
    pieces.set(first, [...known, made].map((piece) => new WeakRef(piece)));
    return made;
  }

  /** Several as one. */
  static join(pieces: readonly Piece[]): Piece {
    const some = pieces.filter((piece) => !piece.isEmpty);
    const [only] = some;
    if (some.length <= 1) return only ?? Piece.empty;
    const [upserts, removed] = [some.flatMap((piece) => piece.upserts), some.flatMap((piece) => piece.removed)];
    return upserts.length <= MAX_JOINED ? Piece.shared(upserts, removed) : new Piece(upserts, removed);
  }

  get isEmpty(): boolean {
    return this.upserts.length === 0 && this.removed.length === 0;
  }

  /** Without the removals. */
  get kept(): Piece {
    this.#kept ??= this.removed.length === 0 ? this : Piece.shared(this.upserts, []);
    return this.#kept;
  }

  /** What it means for those who have asked for some names only. */
  within(names: NameSet): Piece {
    this.#asked ??= new WeakMap();
    let piece = this.#asked.get(names);
    if (!piece) {
      const upserts = this.upserts.filter(({ name }) => names.has(name));
      const removed = this.removed.filter((name) => names.has(name));
      piece = upserts.length + removed.length === this.upserts.length + this.removed.length ? this : Piece.shared(upserts, removed);
      this.#asked.set(names, piece);
    }
    return piece;
  }

  /** As a delta response. A client whose last nonce was the same gets one of its own.
   * @param head `version`: of the configuration with which it was sent first */
  message(head: { typeUrl: string; version: string }, lastNonce: string): Message {
    const known = this.#messages?.get(head.typeUrl);
    if (known && known.nonce !== lastNonce) return known;
    const message = encodeDeltaResponse({ ...head, nonce: nextNonce() }, this.upserts.map((r) => r.delta), this.removed);
    this.#messages ??= new Map();
    this.#messages.set(head.typeUrl, message);
    return message;
  }
}

/** What is larger is the first that a client gets, with things of its own in it. */
const MAX_JOINED = 64;

/** Pieces that only take away, by what: the newest few. */
const takingAway = new Map<string, Piece>();
const MAX_TAKING_AWAY = 64;

function removals(names: readonly string[]): Piece {
  if (names.length === 0) return Piece.empty;
  const key = names.join('\n');
  const piece = takingAway.get(key) ?? new Piece([], names);
  takingAway.delete(key);
  takingAway.set(key, piece);
  const [oldest] = takingAway.keys();
  if (takingAway.size > MAX_TAKING_AWAY && oldest !== undefined) takingAway.delete(oldest);
  return piece;
}

/** By the first resource. */
const pieces = new WeakMap<EncodedResource, readonly WeakRef<Piece>[]>();
const sameItems = <T>(a: readonly T[], b: readonly T[]): boolean => a.length === b.length && a.every((item, i) => item === b[i]);

/** Unique in the process, so that clients can share responses. */
export const nextNonce = (): string => (nonces += 1).toString(36);
let nonces = 0;
