/** Addresses of the names that requests ask for, looked up when they are first asked for and again when they are old.
 * Envoy: DNS cache of dynamic forward proxies. */
import { lookup } from 'node:dns';
import { isIP } from 'node:net';
import type { Clock } from '../../base/clock.ts';

const FRESH_MS = 60_000;
/** Names nobody has asked for lately make room. */
const MOST_NAMES = 1024;

interface Known {
  readonly address: string;
  readonly untilMs: number;
}

export class NamedHosts {
  readonly #clock: Clock;
  readonly #family: 0 | 4 | 6;
  readonly #known = new Map<string, Known>();
  readonly #asked = new Map<string, Promise<string | undefined>>();

  constructor(clock: Clock, family: 0 | 4 | 6) {
    this.#clock = clock;
    this.#family = family;
  }

  /** What is known now; an old address is still good, while it is asked for anew. */
  address(name: string): string | undefined {
    if (isIP(name) !== 0) return name;
    const known = this.#known.get(name);
    if (known && known.untilMs <= this.#clock.monotonic()) void this.resolve(name);
    return known?.address;
  }

  /** Never rejects: undefined when there is no such name. */
  resolve(name: string): Promise<string | undefined> {
    const asked = this.#asked.get(name);
    if (asked) return asked;
    const answer = new Promise<string | undefined>((done) => lookup(name, { family: this.#family }, (error, address) => done(error ? undefined : address))).then((address) => {
      this.#asked.delete(name);
      if (address !== undefined) this.#remember(name, address);
      return address;
    });
    this.#asked.set(name, answer);
    return answer;
  }

  #remember(name: string, address: string): void {
    this.#known.delete(name);
    if (this.#known.size >= MOST_NAMES) this.#known.delete(this.#known.keys().next().value ?? '');
    this.#known.set(name, { address, untilMs: this.#clock.monotonic() + FRESH_MS });
  }
}
