/** Book-keeping of one resource type: what was accepted, what was refused, as the admin endpoint shows it. */
import type { Clock } from '../../base/clock.ts';
import type { ResourceState } from '../runtime-contract.ts';

interface Entry {
  version: string;
  value: Uint8Array;
  updatedMs: number;
  refused?: { version: string; message: string };
}

export class ResourceTable {
  readonly #entries = new Map<string, Entry>();
  readonly #clock: Clock;
  /** True once the control plane has answered for this type, even with nothing. */
  seen = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  accept(name: string, version: string, value: Uint8Array): void {
    this.#entries.set(name, { version, value, updatedMs: this.#clock.now() });
  }

  refuse(name: string, version: string, message: string): void {
    const entry = this.#entries.get(name);
    if (entry) entry.refused = { version, message };
  }

  /** What is known of it, for `restore`. */
  get(name: string): Entry | undefined {
    return this.#entries.get(name);
  }

  /** As it was before the newest version was accepted. */
  restore(name: string, entry: Entry | undefined): void {
    if (entry) this.#entries.set(name, entry);
    else this.#entries.delete(name);
  }

  remove(name: string): void {
    this.#entries.delete(name);
  }

  /** True when exactly these bytes are in force. */
  same(name: string, value: Uint8Array): boolean {
    const entry = this.#entries.get(name);
    return entry !== undefined && entry.value.length === value.length && Buffer.compare(entry.value, value) === 0;
  }

  states(warm: (name: string) => boolean): ResourceState[] {
    return [...this.#entries].map(([name, entry]) => ({ name, version: entry.version, value: entry.value, updatedMs: entry.updatedMs, refused: entry.refused, warm: warm(name) }));
  }
}
