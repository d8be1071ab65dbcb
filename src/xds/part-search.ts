/** Finds which parts of a resource a client refuses, and leaves the client with all the others. A part that is not known to
 * be good stands as the client held it before, or else as the part says that it may be replaced. */
import { compose, samePart, type EncodedResource, type ResourcePart } from './resource.ts';

export interface RefusedPart {
  readonly part: ResourcePart;
  /** The client's own words. */
  readonly message: string;
}

/** When so many parts are refused, it is not for what they say. */
const MAX_BAD = 16;

export class PartSearch {
  readonly target: EncodedResource;
  /** What the client holds, by name of the part. */
  readonly #held: ReadonlyMap<string, ResourcePart>;
  readonly #good = new Set<ResourcePart>();
  readonly #bad = new Map<ResourcePart, string>();
  /** To be tried, each together with what is good already. */
  #groups: (readonly ResourcePart[])[] = [];
  #trying: readonly ResourcePart[] | undefined;
  /** The client holds something of it. */
  #isHeld: boolean;

  /** @param held what the client took last under this name */
  constructor(target: EncodedResource, held: EncodedResource | undefined) {
    this.target = target;
    this.#held = new Map((held?.parts?.list ?? []).map((part) => [part.name, part]));
    this.#isHeld = held !== undefined;
  }

  /** @returns undefined when it is not about one part or another: nothing has changed, or nothing is known good */
  static after(refusal: { target: EncodedResource; held: EncodedResource | undefined; message: string }): PartSearch | undefined {
    const { target, held, message } = refusal;
    const search = new PartSearch(target, held);
    const suspects: ResourcePart[] = [];
    for (const part of target.parts?.list ?? []) {
      const before = search.#held.get(part.name);
      if (before && samePart(before, part)) search.#good.add(part);
      else suspects.push(part);
    }
    const [only] = suspects;
    if (!only) return undefined;
    if (suspects.length === 1 && held) {
      search.#bad.set(only, message);
      // What stands in its place is not what the client holds.
      if (!search.#held.has(only.name)) search.#groups.push([]);
    } else search.#groups = split(suspects, message);
    return search;
  }

  /** The parts are taken as good, except `bad` ones, which have been refused before, and `doubtful` ones, which are tried. */
  static without(target: EncodedResource, held: EncodedResource | undefined, known: { bad: ReadonlyMap<ResourcePart, string>; doubtful: ReadonlySet<ResourcePart> }): PartSearch {
    const search = new PartSearch(target, held);
    for (const part of target.parts?.list ?? []) {
      const message = known.bad.get(part);
      if (message !== undefined) search.#bad.set(part, message);
      else if (known.doubtful.has(part)) search.#groups.push([part]);
      else search.#good.add(part);
    }
    return search;
  }

  /** True while a trial is out. */
  get isTrying(): boolean {
    return this.#trying !== undefined;
  }

  get isOver(): boolean {
    return this.#groups.length === 0 && this.#trying === undefined;
  }

  get refused(): RefusedPart[] {
    return [...this.#bad].map(([part, message]) => ({ part, message }));
  }

  /** The resource as far as it is known to be good. */
  current(): EncodedResource {
    return this.#composed([]);
  }

  /** What to send next; undefined when the search is over. */
  next(): EncodedResource | undefined {
    this.#trying ??= this.#groups.shift();
    return this.#trying && this.#composed(this.#trying);
  }

  acked(): void {
    for (const part of this.#trying ?? []) this.#good.add(part);
    this.#trying = undefined;
    this.#isHeld = true;
  }

  /** @returns false when too much is refused for that to be about parts */
  nacked(message: string): boolean {
    const group = this.#trying ?? [];
    this.#trying = undefined;
    const [only] = group;
    // Not even with everything replaced.
    if (!only) return false;
    if (group.length === 1) this.#bad.set(only, message);
    else this.#groups.unshift(...split(group, message));
    if (this.#groups.length === 0 && !this.#isHeld) this.#groups.push([]);
    return this.#bad.size <= MAX_BAD;
  }

  #composed(trying: readonly ResourcePart[]): EncodedResource {
    const chosen = new Set([...this.#good, ...trying]);
    return compose(this.target, (part) => (chosen.has(part) ? part : (this.#held.get(part.name) ?? { ...part, bytes: part.instead() })));
  }
}

/** Those that a refusal names each by itself, after the others; when it names none, halves. */
export function split<T extends { readonly name: string }>(items: readonly T[], message: string): (readonly T[])[] {
  const named = items.filter(({ name }) => message.includes(name));
  if (named.length > 0 && named.length <= MAX_NAMED && named.length < items.length) return [items.filter((item) => !named.includes(item)), ...named.map((item) => [item])];
  const middle = Math.ceil(items.length / 2);
  return [items.slice(0, middle), items.slice(middle)].filter((half) => half.length > 0);
}

const MAX_NAMED = 8;
