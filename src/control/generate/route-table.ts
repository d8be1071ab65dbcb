import type { EncodedResource, ResourcePart } from '../../xds/resource.ts';
import { ResourceSet } from '../../xds/resource-set.ts';
import type { LeftOut } from '../registry/snapshot.ts';
import type { Context } from '../translate/context.ts';
import type { DeclaredRoutes } from '../translate/egress-listeners.ts';
import { claims, declaredHosts, hostsBehind, ignoresPorts, planSharedHost, planSoleHost, precedence, routesAt, unknownHost, titleOf, type HostPlan, type HostTitle } from '../translate/outbound-routes.ts';
import { noRoutes, plannedHost, routesApart, routesResource, wholeHost, type EncodedRoutes, type NamedHost, type VirtualHosts } from './virtual-hosts.ts';

interface Entry {
  readonly title: HostTitle;
  /** Names that it would like to have: in lower case, and as they are. */
  readonly wanted: ReadonlyMap<string, string>;
  readonly routes: EncodedRoutes;
  readonly behind: ReadonlySet<string>;
  /** With the names that it got; undefined: others have them all. */
  made: NamedHost | undefined;
}

/** The routes that all HTTP services on one port share. A change of some hosts makes just those again, and the others that
 * gain or lose a name by it. */
export class RouteTable {
  readonly #name: string;
  readonly #virtualHosts: VirtualHosts;
  readonly #entries = new Map<string, Entry>();
  /** By name in lower case: hosts that want it. */
  readonly #claims = new Map<string, Set<string>>();
  /** By host: those whose routes lead to it. */
  readonly #dependents = new Map<string, Set<string>>();
  /** Routes of which there is something to report. */
  readonly #reporting = new Set<EncodedRoutes>();
  readonly #isApart: boolean;
  /** Virtual hosts as resources of their own, if they are. */
  #hosts = ResourceSet.empty;
  #resource: EncodedResource | undefined;

  /** @param isApart virtual hosts are resources of their own */
  constructor(name: string, virtualHosts: VirtualHosts, isApart = false) {
    this.#isApart = isApart;
    this.#name = name;
    this.#virtualHosts = virtualHosts;
  }

  get hosts(): ResourceSet {
    return this.#hosts;
  }

  get reports(): LeftOut[] {
    return [...this.#reporting].flatMap((routes) => routes.reports);
  }

  /** @param changed hosts of which something may have changed
   * @returns the same resource when nothing came of it */
  update(changed: Iterable<string>, context: Context): EncodedResource {
    const { view } = routesAt(this.#name, context);
    const hosts = new Set<string>();
    for (const host of changed) for (const affected of [host, ...(this.#dependents.get(host) ?? [])]) hosts.add(affected);
    const renamed = new Set<string>();
    for (const host of hosts) this.#replace(host, planSharedHost(host, view), renamed);
    let differs = this.#resource === undefined;
    const gone = new Set<string>();
    const made: EncodedResource[] = [];
    for (const host of renamed) {
      const entry = this.#entries.get(host);
      gone.add(`${this.#name}/${host}:${view.port}`);
      if (entry) entry.made = this.#encode(host, entry);
      if (this.#isApart && entry?.made) made.push(entry.made.resource);
      differs ||= !this.#isApart;
    }
    if (this.#isApart) this.#hosts = this.#hosts.with(made, gone);
    if (differs || !this.#resource) this.#resource = this.#whole(context);
    return this.#resource;
  }

  #replace(host: string, plan: HostPlan | undefined, renamed: Set<string>): void {
    const before = this.#entries.get(host);
    const routes = plan && this.#virtualHosts.routes(plan);
    const wanted = plan && claims(plan);
    if (before && routes === before.routes && wanted && sameEntries(before.wanted, wanted)) return;
    if (!before && !plan) return;
    renamed.add(host);
    for (const name of before?.wanted.keys() ?? []) this.#unclaim(name, host, renamed);
    for (const other of before?.behind ?? []) leave(this.#dependents, other, host);
    this.#entries.delete(host);
    if (before) this.#reporting.delete(before.routes);
    if (!plan || !routes || !wanted) return;
    const behind = hostsBehind(plan);
    for (const name of wanted.keys()) this.#claim(name, host, renamed);
    for (const other of behind) if (other !== host) this.#dependents.getOrInsertComputed(other, () => new Set()).add(host);
    if (routes.reports.length > 0) this.#reporting.add(routes);
    this.#entries.set(host, { title: titleOf(plan), wanted, routes, behind, made: undefined });
  }

  #claim(name: string, host: string, renamed: Set<string>): void {
    const others = this.#claims.getOrInsertComputed(name, () => new Set());
    for (const other of others) renamed.add(other);
    others.add(host);
  }

  #unclaim(name: string, host: string, renamed: Set<string>): void {
    leave(this.#claims, name, host);
    for (const other of this.#claims.get(name) ?? []) renamed.add(other);
  }

  #encode(host: string, { title, wanted, routes }: Entry): NamedHost | undefined {
    const rank = precedence(title);
    const isFree = (name: string) => [...(this.#claims.get(name) ?? [])].every((other) => other === host || rank < this.#rankOf(other));
    const domains = [...wanted].filter(([name]) => isFree(name)).map(([, domain]) => domain);
    return domains.length > 0 ? this.#virtualHosts.named(this.#name, title, { domains, routes }) : undefined;
  }

  #rankOf(host: string): string {
    const entry = this.#entries.get(host);
    return entry ? precedence(entry.title) : '';
  }

  #whole(context: Context): EncodedResource {
    if (this.#isApart) return routesApart(this.#name, unknownPart(this.#name, context));
    const entries = [...this.#entries.values()].sort((a, b) => (precedence(a.title) < precedence(b.title) ? -1 : 1));
    return routesResource(this.#name, [...entries.flatMap((entry) => entry.made?.part ?? []), ...unknownPart(this.#name, context)]);
  }
}

export interface SoleRoutes {
  readonly resource: EncodedResource;
  readonly reports: readonly LeftOut[];
  /** Hosts whose change may change it. */
  readonly behind: ReadonlySet<string>;
}

function unknownPart(name: string, context: Context): ResourcePart[] {
  const host = unknownHost(name, context);
  return host ? [wholeHost(host, [])] : [];
}

/** The routes of a listener that a Sidecar object declares at an address of its own. */
export function declaredTable(name: string, declared: DeclaredRoutes, by: { context: Context; virtualHosts: VirtualHosts }): SoleRoutes {
  const { context, virtualHosts } = by;
  const planned = declaredHosts(declared, context).map((plan) => ({ plan, routes: virtualHosts.routes(plan) }));
  const parts = [...planned.map(({ plan, routes }) => plannedHost(plan, plan.domains, routes)), ...unknownPart(name, context)];
  return { resource: routesResource(name, parts, ignoresPorts(name, context)), reports: planned.flatMap(({ routes }) => routes.reports), behind: new Set() };
}

/** The routes of one service alone. */
export function soleRoutes(name: string, context: Context, virtualHosts: VirtualHosts): SoleRoutes {
  const plan = planSoleHost(name, context);
  if (!plan) return { resource: noRoutes(name), reports: [], behind: new Set() };
  const routes = virtualHosts.routes(plan);
  return { resource: routesResource(name, [plannedHost(plan, plan.domains, routes)]), reports: routes.reports, behind: hostsBehind(plan) };
}

function leave(groups: Map<string, Set<string>>, key: string, member: string): void {
  const group = groups.get(key);
  group?.delete(member);
  if (group?.size === 0) groups.delete(key);
}

function sameEntries(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  if (a.size !== b.size) return false;
  for (const [key, value] of a) if (b.get(key) !== value) return false;
  return true;
}
