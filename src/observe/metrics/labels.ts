/** The identity of a series: an immutable, sorted set of labels. */
export const NAME = '__name__';

const SEPARATOR = '\u0000';

export class Labels {
  static readonly empty = new Labels([]);

  /** name, value, name, value, …: sorted by name, no empty values. */
  readonly #flat: readonly string[];
  #key: string | undefined;
  #bare: Labels | undefined;

  private constructor(flat: readonly string[]) {
    this.#flat = flat;
  }

  /** Later entries win; an empty value means "no such label", as in Prometheus. */
  static from(entries: Iterable<readonly [string, string]>): Labels {
    const map = new Map(entries);
    const names = [...map.keys()].filter((name) => map.get(name) !== '').sort();
    return names.length === 0 ? Labels.empty : new Labels(names.flatMap((name) => [name, map.get(name) ?? '']));
  }

  static of(record: Readonly<Record<string, string>>): Labels {
    return Labels.from(Object.entries(record));
  }

  /** '' when there is no such label. */
  get(name: string): string {
    for (let i = 0; i < this.#flat.length; i += 2) if (this.#flat[i] === name) return this.#flat[i + 1] ?? '';
    return '';
  }

  get size(): number {
    return this.#flat.length / 2;
  }

  /** Equal for equal sets, and only then. */
  get key(): string {
    return (this.#key ??= this.#flat.join(SEPARATOR));
  }

  /** Without the metric's name; the same object at every call, so that results of functions stay cacheable. */
  get bare(): Labels {
    return (this.#bare ??= this.get(NAME) === '' ? this : this.filter((name) => name !== NAME));
  }

  *entries(): Generator<[string, string]> {
    for (let i = 0; i < this.#flat.length; i += 2) yield [this.#flat[i] ?? '', this.#flat[i + 1] ?? ''];
  }

  filter(keep: (name: string) => boolean): Labels {
    const flat: string[] = [];
    for (const [name, value] of this.entries()) if (keep(name)) flat.push(name, value);
    return flat.length === 0 ? Labels.empty : new Labels(flat);
  }

  with(changes: Iterable<readonly [string, string]>): Labels {
    return Labels.from([...this.entries(), ...changes]);
  }

  toObject(): Record<string, string> {
    return Object.fromEntries(this.entries());
  }

  /** `up{job="x"}`, as Prometheus prints a series. */
  toString(): string {
    const rest = [...this.bare.entries()].map(([name, value]) => `${name}=${JSON.stringify(value)}`);
    return `${this.get(NAME)}{${rest.join(', ')}}`;
  }
}
