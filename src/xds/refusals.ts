/** Which resources of one type a client has refused, and what it said. A response is refused as a whole; its text tells which
 * of its resources are meant. */
import type { EncodedResource } from './resource.ts';

export interface Refusal {
  readonly resource: EncodedResource;
  /** The client's own words. */
  readonly message: string;
}

export class Refusals {
  readonly #refused = new Map<string, Refusal>();
  /** Of the last response, until it is answered. */
  #unanswered: readonly EncodedResource[] | undefined;

  /** True when the last response has been answered, whichever way. */
  get isAnswered(): boolean {
    return this.#unanswered === undefined;
  }

  sent(resources: readonly EncodedResource[], removed: readonly string[] = []): void {
    this.#unanswered = resources;
    for (const name of removed) this.#refused.delete(name);
  }

  acked(): void {
    for (const { name } of this.#unanswered ?? []) this.#refused.delete(name);
    this.#unanswered = undefined;
  }

  nacked(message: string): void {
    for (const resource of culprits(this.#unanswered ?? [], message)) this.#refused.set(resource.name, { resource, message });
    this.#unanswered = undefined;
  }

  get all(): Iterable<Refusal> {
    return this.#refused.values();
  }

  get size(): number {
    return this.#refused.size;
  }
}

/** Those whose names stand in the text; all when none does. */
export function culprits(resources: readonly EncodedResource[], message: string): readonly EncodedResource[] {
  const named = resources.filter(({ name }) => message.includes(name));
  return named.length > 0 ? named : resources;
}
