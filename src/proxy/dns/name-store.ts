/** The names that the mesh knows, as they were sent, ready to be looked up. */
import { parseAddress } from '../../base/cidr.ts';
import type { NameTable } from '../../xds/name-table.ts';

export interface KnownName {
  /** Addresses as bytes. */
  readonly v4: readonly Uint8Array[];
  readonly v6: readonly Uint8Array[];
}

/** Names are kept in lower case and without the last dot. */
export class NameStore {
  readonly #namespace: string;
  readonly #hosts = new Map<string, KnownName>();
  /** Shorter forms; a whole name wins over them. */
  readonly #aliases = new Map<string, KnownName>();
  /** What each resource has put in. */
  readonly #byResource = new Map<string, { readonly hosts: readonly string[]; readonly aliases: readonly string[] }>();

  /** @param namespace of the workload: services there are known by their name alone */
  constructor(namespace: string) {
    this.#namespace = namespace;
  }

  set(resource: string, table: NameTable): void {
    this.remove(resource);
    const hosts: string[] = [];
    const aliases: string[] = [];
    for (const [host, { ips, registry, shortName, namespace }] of table) {
      const addresses = ips.map(parseAddress).filter((ip) => ip !== undefined);
      const known: KnownName = { v4: addresses.filter((ip) => ip.length === 4), v6: addresses.filter((ip) => ip.length === 16) };
      put(this.#hosts, host.toLowerCase(), known, hosts);
      if (registry !== 'Kubernetes' || shortName === '') continue;
      const short = shortName.toLowerCase();
      for (const alias of [...(namespace === this.#namespace ? [short] : []), `${short}.${namespace}`, `${short}.${namespace}.svc`]) put(this.#aliases, alias, known, aliases);
    }
    this.#byResource.set(resource, { hosts, aliases });
  }

  remove(resource: string): void {
    const put = this.#byResource.get(resource);
    for (const host of put?.hosts ?? []) this.#hosts.delete(host);
    for (const alias of put?.aliases ?? []) this.#aliases.delete(alias);
    this.#byResource.delete(resource);
  }

  /** The name itself, a shorter form, or the longest pattern (`*.example.com`) that covers it. */
  find(name: string): KnownName | undefined {
    const known = this.#hosts.get(name) ?? this.#aliases.get(name);
    if (known) return known;
    for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) {
      const pattern = this.#hosts.get(`*${name.slice(dot)}`);
      if (pattern) return pattern;
    }
    return undefined;
  }

  /** Whole names with their addresses as text, for people. */
  list(): { host: string; v4: string[]; v6: number }[] {
    return [...this.#hosts].map(([host, { v4, v6 }]) => ({ host, v4: v4.map((ip) => ip.join('.')), v6: v6.length }));
  }

  get size(): number {
    return this.#hosts.size;
  }
}

/** The first keeps the name. */
function put(into: Map<string, KnownName>, name: string, known: KnownName, log: string[]): void {
  if (into.has(name)) return;
  into.set(name, known);
  log.push(name);
}
