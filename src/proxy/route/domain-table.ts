/** Hosts by their exact names, without the names: eight octets for each where a Map and its texts take a hundred. A sidecar is told of
 * thousands of names and calls a handful: those that are called are in a Map of their own, as names. */

export interface Named {
  /** In any case. */
  readonly domains: readonly string[];
}

/** Two numbers for each slot: hash of the name, place of the host counted from 1; an empty slot is 0, 0. */
const WIDTH = 2;
const FEWEST_SLOTS = 16;

export class DomainTable<Host extends Named> {
  readonly #hosts: readonly Host[];
  #slots = new Uint32Array(FEWEST_SLOTS * WIDTH);
  #count = 0;
  /** Found once. */
  readonly #called = new Map<string, Host>();

  /** @param hosts what `claim` counts by */
  constructor(hosts: readonly Host[]) {
    this.#hosts = hosts;
  }

  /** @param name in lower case
   * @returns the host that has the name already, which keeps it */
  claim(name: string, host: number): Host | undefined {
    const hash = hashOf(name);
    const owner = this.#find(name, hash);
    if (owner) return owner;
    if ((this.#count + 1) * 2 * WIDTH > this.#slots.length) this.#grow();
    this.#count++;
    put(this.#slots, hash, host + 1);
    return undefined;
  }

  get(name: string): Host | undefined {
    const known = this.#called.get(name);
    if (known) return known;
    const host = this.#find(name, hashOf(name));
    if (host) this.#called.set(name, host);
    return host;
  }

  #find(name: string, hash: number): Host | undefined {
    const slots = this.#slots;
    for (let at = firstSlot(slots, hash); slots[at + 1] !== 0; at = nextSlot(slots, at)) {
      if (slots[at] !== hash) continue;
      const host = this.#hosts[(slots[at + 1] ?? 0) - 1];
      if (host?.domains.some((domain) => domain.toLowerCase() === name)) return host;
    }
    return undefined;
  }

  #grow(): void {
    const before = this.#slots;
    const slots = new Uint32Array(before.length * 2);
    for (let at = 0; at < before.length; at += WIDTH) {
      const place = before[at + 1] ?? 0;
      if (place !== 0) put(slots, before[at] ?? 0, place);
    }
    this.#slots = slots;
  }
}

function put(slots: Uint32Array, hash: number, place: number): void {
  let at = firstSlot(slots, hash);
  while (slots[at + 1] !== 0) at = nextSlot(slots, at);
  slots[at] = hash;
  slots[at + 1] = place;
}

/** The number of slots is a power of two. */
const firstSlot = (slots: Uint32Array, hash: number): number => (hash * WIDTH) & (slots.length - 1) & ~(WIDTH - 1);
const nextSlot = (slots: Uint32Array, at: number): number => (at + WIDTH) & (slots.length - 1);

/** FNV-1a, 32 bits, its halves mixed: the table looks at the low ones. */
function hashOf(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return (hash ^ (hash >>> 16)) >>> 0;
}
