import type { NameSet } from './name-set.ts';
import { Piece } from './piece.ts';
import { Refusals, type Doubts } from './refusals.ts';
import { EncodedResource, type Held } from './resource.ts';
import { ResourceSet } from './resource-set.ts';
import type { Decision, Subscription } from './subscription.ts';
import { findIn, type ResourceSource, type Sets } from './target.ts';
import { staysUntilGivenUp, TypeUrl } from './type-urls.ts';

export interface TypeStatus {
  typeUrl: string;
  names: number;
  nonceSent: string;
  nonceAcked: string;
  waiting: boolean;
  /** Something that may have changed has not been sent yet: it waits for the client's answer to what goes before it. */
  behind: boolean;
  error?: string;
  sentAtMs: number;
  ackedAtMs: number;
}

/** What a client holds of a type, or was sent last. */
export interface Holding {
  readonly sets: Sets;
  /** Undefined: all of them. */
  readonly names: NameSet | undefined;
  /** What it keeps besides, for now. */
  readonly retained: ReadonlyMap<string, Held>;
}

/** One type of resource on one stream: what was asked for, sent, and answered. Knows nothing of the other types. */
export class TypeStream {
  sub: Subscription;
  /** What there was when the client was sent something last. */
  held: Sets = [];
  /** Number of the newest target of which `held` is all there is. */
  heldAt = 0;
  /** Number of the newest target of which the client has answered everything. */
  answeredAt = 0;
  /** Resources that are no longer there, but which the client must keep for now. */
  readonly retained = new Map<string, Held>();
  /** Must be answered even when unchanged. */
  owed: ReadonlySet<string> | 'all' | undefined;
  /** Name → version of what the client had when it came; until the first response. */
  brought: ReadonlyMap<string, string>;
  readonly refusals: Refusals;
  sentAtMs = 0;
  ackedAtMs = 0;
  /** `held`, as it was when all of it had been taken. */
  #taken: Sets = [];

  constructor({ subscription, answer, brought = NO_VERSIONS }: Decision, doubts?: Doubts) {
    this.sub = subscription;
    this.owed = answer;
    this.brought = brought;
    this.refusals = new Refusals(doubts, (name) => findIn(this.#taken, name));
  }

  get typeUrl(): string {
    return this.sub.typeUrl;
  }

  /** @param number of the target: of this, not everything has been answered when there is something to answer */
  follow({ subscription, answer }: Decision, number: number): void {
    this.sub = subscription;
    if (!answer) return;
    this.owed = join(this.owed, answer);
    this.answeredAt = Math.min(this.answeredAt, number - 1);
  }

  acked(nowMs: number): void {
    this.refusals.acked();
    if (!this.refusals.isSearching) this.#taken = this.held;
    this.#answered(nowMs);
  }

  /** @param isWhole state of the world: nothing can be sent by itself */
  nacked(nowMs: number, isWhole: boolean): void {
    const { error = '' } = this.sub;
    if (isWhole) this.refusals.nackedWhole(error);
    else this.refusals.nacked(error);
    this.#answered(nowMs);
  }

  #answered(nowMs: number): void {
    this.ackedAtMs = nowMs;
    if (!this.refusals.isSearching && this.owed === undefined) this.answeredAt = this.heldAt;
  }

  get isAnswered(): boolean {
    return this.refusals.isAnswered && !this.refusals.isSearching;
  }

  isAskedFor(name: string): boolean {
    return this.sub.wildcard || this.sub.names.has(name);
  }

  /** The client has asked for it, and has been answered. */
  wasSent(name: string): boolean {
    return this.sub.names.has(name) && this.owed !== 'all' && this.owed?.has(name) !== true;
  }

  /** What the client holds, or was sent last, of one name. */
  heldOf(name: string): Held | undefined {
    const version = this.brought.get(name);
    return findIn(this.held, name) ?? this.retained.get(name) ?? (version === undefined ? undefined : { version });
  }

  get holding(): Holding {
    return { sets: this.held, names: this.sub.wildcard ? undefined : this.sub.names, retained: this.retained };
  }

  /** What the client lacks, or must be told again. What has changed for many clients alike is one piece that they share.
   * Takes note of removals that have to wait.
   * @param again names whose resources are to be sent although the client holds them */
  lacks(want: Sets, again: ReadonlySet<string>, source: Pick<ResourceSource, 'absent'>): Piece[] {
    const { sub, owed, brought, retained } = this;
    const told = owed === 'all' || owed === undefined ? again : owed.union(again);
    const own = this.#ownPiece(want, told, source);
    const isPlain = told.size + brought.size + retained.size === 0;
    const removals = this.#isRetaining ? 'later' : staysUntilGivenUp(sub.typeUrl) ? 'never' : 'now';
    const isLacking = (r: EncodedResource) => !told.has(r.name) && (retained.get(r.name)?.version ?? brought.get(r.name)) !== r.version;
    const pieces: Piece[] = [];
    want.forEach((set, i) => {
      const before = this.held[i] ?? ResourceSet.empty;
      if (set === before) return;
      const difference = sub.wildcard ? set.since(before) : set.since(before).within(sub.names);
      const gone = difference.removed.filter((name) => !told.has(name));
      if (removals === 'later') for (const name of gone) retained.set(name, before.get(name) ?? NOTHING);
      const sendable = removals === 'now' ? difference : difference.kept;
      const isShared = isPlain || (sendable.upserts.every(isLacking) && (removals !== 'now' || gone.length === difference.removed.length));
      pieces.push(isShared ? sendable : Piece.of(sendable.upserts.filter(isLacking), removals === 'now' ? gone : []));
    });
    return [...pieces, own].filter((piece) => !piece.isEmpty);
  }

  /** Answers to names, and what the client brought along and is not there. */
  #ownPiece(want: Sets, told: ReadonlySet<string>, source: Pick<ResourceSource, 'absent'>): Piece {
    const { sub, owed, brought, retained } = this;
    if (told.size === 0 && owed !== 'all') return Piece.empty;
    const upserts: EncodedResource[] = [];
    const removed: string[] = [];
    for (const name of told) {
      if (!this.isAskedFor(name)) continue;
      const resource = findIn(want, name) ?? source.absent?.(sub.typeUrl, name);
      if (resource) upserts.push(resource);
      else removed.push(name);
    }
    if (owed === 'all') {
      for (const name of sub.names) {
        if (told.has(name) || findIn(want, name)) continue;
        const absent = source.absent?.(sub.typeUrl, name);
        if (absent && brought.get(name) !== absent.version) upserts.push(absent);
        else if (!absent) removed.push(name);
      }
      for (const [name, version] of sub.wildcard ? brought : NO_VERSIONS) {
        if (sub.names.has(name) || findIn(want, name)) continue;
        if (this.#isRetaining) retained.set(name, { version });
        else removed.push(name);
      }
    }
    return Piece.shared(upserts, removed);
  }

  /** What is gone must be kept until nothing refers to it: clusters, and with them endpoints that nobody asked for by name. */
  get #isRetaining(): boolean {
    const { typeUrl, wildcard } = this.sub;
    return typeUrl === TypeUrl.Cluster || (typeUrl === TypeUrl.Endpoints && wildcard);
  }

  /** The client need not keep any longer what is not there; what has come back it keeps. */
  giveBack(want: Sets): Piece {
    if (this.retained.size === 0) return Piece.empty;
    const gone = [...this.retained.keys()].filter((name) => findIn(want, name) === undefined).sort();
    for (const name of gone) this.retained.delete(name);
    return Piece.shared([], gone);
  }

  /** It is sent what there is in `want`. */
  become(want: Sets, number: number): void {
    for (const name of this.retained.keys()) if (findIn(want, name)) this.retained.delete(name);
    this.held = want;
    this.heldAt = number;
    this.owed = undefined;
    this.brought = NO_VERSIONS;
  }

  /** There is nothing to send. */
  isUpTo(number: number): void {
    this.heldAt = number;
    if (this.refusals.isAnswered && !this.refusals.isSearching) this.answeredAt = number;
  }

  /** State of the world: what the response lists, when it lists everything. */
  listed(): Map<string, EncodedResource> {
    const body = new Map<string, EncodedResource>();
    for (const set of this.held) for (const resource of this.#asked(set)) body.set(resource.name, resource);
    return body;
  }

  #asked(set: ResourceSet): Iterable<EncodedResource> {
    return this.sub.wildcard ? set : [...this.sub.names].flatMap((name) => set.get(name) ?? []);
  }

  sent(piece: Piece, nonce: string, by: { nowMs: number; isTrial?: boolean }): void {
    this.refusals.sent(piece, by.isTrial);
    this.sub = { ...this.sub, nonce, waiting: true };
    this.sentAtMs = by.nowMs;
  }

  /** The answer is not waited for any more. */
  giveUp(): void {
    if (this.sub.waiting) this.sub = { ...this.sub, waiting: false };
  }

  status(behind: boolean): TypeStatus {
    const { sub, held, retained, sentAtMs, ackedAtMs } = this;
    const names = sub.wildcard ? held.reduce((sum, set) => sum + set.size, retained.size) : sub.names.size;
    return { typeUrl: sub.typeUrl, names, nonceSent: sub.nonce, nonceAcked: sub.ackedNonce, waiting: sub.waiting, behind, error: this.#error(), sentAtMs, ackedAtMs };
  }

  /** What it refuses now; else what it said last, when that was no. */
  #error(): string | undefined {
    const byMessage = Map.groupBy(this.refusals.all(this.typeUrl), ({ message }) => message);
    if (byMessage.size === 0) return this.sub.error;
    return [...byMessage].map(([message, [first, ...others]]) => {
      const what = first?.part ?? first?.name ?? '';
      return others.length > 0 || message.includes(what) ? message : `${what}: ${message}`;
    }).join('; ');
  }
}

const NOTHING: Held = { version: '' };
const NO_VERSIONS: ReadonlyMap<string, string> = new Map();

function join(a: ReadonlySet<string> | 'all' | undefined, b: ReadonlySet<string> | 'all'): ReadonlySet<string> | 'all' {
  if (a === 'all' || b === 'all') return 'all';
  return a === undefined ? b : a.union(b);
}
