/** What a client refuses of one type. It refuses a response as a whole, and may have taken none of it (Envoy: a resource that
 * breaks a rule of its schema keeps all others of the response away). So the resources of a refused response are sent again in
 * smaller ones, until each that the client takes is taken and each that it does not take is known; of a resource with parts
 * it is found out which part is meant. */
import { PartSearch, split } from './part-search.ts';
import { Piece } from './piece.ts';
import { samePart, type EncodedResource, type ResourcePart } from './resource.ts';

export interface Refusal {
  readonly typeUrl: string;
  /** Of the resource. */
  readonly name: string;
  /** When only a part of it is refused. */
  readonly part?: string;
  /** What the refused thing was made from. */
  readonly origins: ReadonlySet<string>;
  /** The client's own words. */
  readonly message: string;
}

/** What other clients of the same kind have refused. It is sent to a client all the same, but by itself, so that nothing else
 * is refused with it. */
export interface Doubts {
  readonly isEmpty: boolean;
  about(resource: EncodedResource): boolean;
  aboutPart(resource: EncodedResource, part: ResourcePart): boolean;
  add(resource: EncodedResource, part?: ResourcePart): void;
}

type Find = (name: string) => EncodedResource | undefined;

export class Refusals {
  readonly #doubts: Doubts | undefined;
  readonly #refused = new Map<string, { resource: EncodedResource; message: string }>();
  readonly #searches = new Map<string, PartSearch>();
  /** Of resources with parts, where it is not what `before` says: as the client took them last. */
  readonly #taken = new Map<string, EncodedResource | undefined>();
  /** To be sent by themselves. */
  #groups: (readonly EncodedResource[])[] = [];
  /** Names whose removal was in a refused response. */
  #removals: readonly string[] = [];
  /** The last response, until it is answered. */
  #unanswered: Piece | undefined;
  #isTrial = false;
  /** What the client held when it had taken everything that it had been sent. */
  readonly #before: Find;

  constructor(doubts?: Doubts, before: Find = () => undefined) {
    this.#doubts = doubts;
    this.#before = before;
  }

  /** True when the last response has been answered, whichever way. */
  get isAnswered(): boolean {
    return this.#unanswered === undefined;
  }

  /** True while it is being found out what is refused. */
  get isSearching(): boolean {
    if (this.#groups.length + this.#removals.length > 0) return true;
    for (const search of this.#searches.values()) if (!search.isOver) return true;
    return false;
  }

  /** A response has been written. @param isTrial it came from `next` */
  sent(piece: Piece, isTrial = false): void {
    this.#unanswered = piece;
    this.#isTrial = isTrial;
    if (!this.#isClean) for (const name of piece.removed) this.#forget(name);
  }

  acked(): void {
    const piece = this.#unanswered;
    this.#unanswered = undefined;
    if (this.#isClean) return;
    for (const resource of piece?.upserts ?? []) {
      this.#refused.delete(resource.name);
      this.#searches.get(resource.name)?.acked();
      if (this.#isTrial || resource.whole !== resource) this.#note(resource, resource);
      else this.#taken.delete(resource.name);
    }
  }

  nacked(message: string): void {
    const { upserts, removed } = this.#unanswered ?? Piece.empty;
    this.#unanswered = undefined;
    if (!this.#isTrial) for (const resource of upserts) if (!this.#taken.has(resource.name)) this.#note(resource, this.#before(resource.name));
    this.#removals = [...this.#removals, ...removed];
    const [only] = upserts;
    if (upserts.length === 1 && only) this.#refuse(only, message);
    else if (upserts.length > 1) this.#groups.push(...split(upserts, message));
  }

  /** Nothing has been refused of late: then nothing has to be kept of each resource. */
  get #isClean(): boolean {
    return this.#refused.size + this.#searches.size + this.#taken.size === 0;
  }

  #note({ name, parts }: EncodedResource, taken: EncodedResource | undefined): void {
    if (parts) this.#taken.set(name, taken);
  }

  #takenOf(name: string): EncodedResource | undefined {
    return this.#taken.has(name) ? this.#taken.get(name) : this.#before(name);
  }

  /** State of the world: the whole list is refused, and what was taken last stays; nothing can be sent by itself. */
  nackedWhole(message: string): void {
    const resources = this.#unanswered?.upserts ?? [];
    this.#unanswered = undefined;
    const named = resources.filter(({ name }) => message.includes(name));
    for (const resource of named.length > 0 ? named : resources) this.#refused.set(resource.name, { resource, message });
  }

  /** What is to be sent by itself now. What has been changed meanwhile is sent as a change.
   * @param find the resource that the client is to hold, as it was sent last */
  next(find: Find): Piece | undefined {
    if (this.#groups.length + this.#removals.length + this.#searches.size === 0) return undefined;
    const removed = this.#removals.filter((name) => find(name) === undefined);
    this.#removals = [];
    if (removed.length > 0) return new Piece([], removed);
    for (let group = this.#groups.shift(); group; group = this.#groups.shift()) {
      const current = group.filter((resource) => find(resource.name)?.version === resource.whole.version);
      if (current.length > 0) return new Piece(current, []);
    }
    for (const search of this.#searches.values()) {
      const trial = find(search.target.name)?.version === search.target.version ? search.next() : undefined;
      if (trial) return new Piece([trial], []);
    }
    return undefined;
  }

  /** What can be sent of resources together: parts that have been refused are replaced, and what is in doubt comes later. */
  admit(piece: Piece): Piece {
    if (this.#searches.size === 0 && (this.#doubts?.isEmpty ?? true)) return piece;
    const upserts = piece.upserts.flatMap((resource) => {
      if (this.#doubts?.about(resource)) {
        this.#groups.push([resource]);
        if (!this.#taken.has(resource.name)) this.#note(resource, this.#before(resource.name));
        return [];
      }
      return [this.#withoutBad(resource)];
    });
    return sameItems(upserts, piece.upserts) ? piece : Piece.of(upserts, piece.removed);
  }

  get any(): boolean {
    return this.#refused.size > 0 || this.#searches.size > 0;
  }

  *all(typeUrl: string): Iterable<Refusal> {
    for (const [name, { resource, message }] of this.#refused) yield { typeUrl, name, origins: resource.origins, message };
    for (const [name, search] of this.#searches) for (const { part, message } of search.refused) yield { typeUrl, name, part: part.name, origins: new Set(part.origins), message };
  }

  #refuse(resource: EncodedResource, message: string): void {
    const { name, whole, parts } = resource;
    const running = this.#searches.get(name);
    const isTrial = running?.isTrying === true;
    const search = isTrial ? (running.nacked(message) ? running : undefined) : parts && PartSearch.after({ target: whole, held: this.#takenOf(name), message });
    if (search) this.#searches.set(name, search);
    else {
      this.#searches.delete(name);
      this.#refused.set(name, { resource: whole, message });
      this.#doubts?.add(whole);
    }
    for (const { part } of search?.refused ?? []) this.#doubts?.add(whole, part);
  }

  #withoutBad(resource: EncodedResource): EncodedResource {
    const { name, parts } = resource;
    const before = this.#searches.get(name);
    this.#searches.delete(name);
    if (!parts || (!before && (this.#doubts?.isEmpty ?? true))) return resource;
    const bad = new Map<ResourcePart, string>();
    for (const { part: old, message } of before?.refused ?? []) {
      const still = parts.list.find((part) => part.name === old.name && samePart(part, old));
      if (still) bad.set(still, message);
    }
    const doubtful = new Set(parts.list.filter((part) => !bad.has(part) && this.#doubts?.aboutPart(resource, part)));
    if (bad.size + doubtful.size === 0) return resource;
    const search = PartSearch.without(resource, this.#takenOf(name), { bad, doubtful });
    this.#searches.set(name, search);
    return search.current();
  }

  #forget(name: string): void {
    this.#refused.delete(name);
    this.#searches.delete(name);
    this.#taken.delete(name);
  }
}

const sameItems = (a: readonly unknown[], b: readonly unknown[]): boolean => a.length === b.length && a.every((item, i) => item === b[i]);
