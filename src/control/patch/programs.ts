import { RE2JS } from 're2js';
import type { EnvoyFilter } from '../../api/envoy-filter.ts';
import { envoyFiltersFor } from '../registry/envoy-filters.ts';
import { isGatewayRef } from '../registry/gateway-refs.ts';
import { ObjectMemo } from '../registry/memo.ts';
import type { LeftOut, MeshSnapshot } from '../registry/snapshot.ts';
import type { Stored } from '../../kube/object.ts';
import type { Context } from '../translate/context.ts';
import type { Proxy } from '../translate/proxy.ts';
import { readPatches, type Patch, type ReadPatches } from './patch.ts';
import { forOwnProxy } from './own-proxy.ts';
import { Program, type ProgramDeps } from './program.ts';

/** Which patches a proxy gets. Proxies that get the same share one program. */
export class Programs {
  readonly #made: ProgramDeps['made'];
  readonly #read = new ObjectMemo<Stored<EnvoyFilter>, ReadPatches>();
  readonly #ids = new WeakMap<Patch, number>();
  readonly #programs = new Map<string, Program>();
  #count = 0;

  constructor(made: ProgramDeps['made']) {
    this.#made = made;
  }

  /** @returns undefined for a proxy that no patch is meant for */
  for(context: Context, gatewayPorts: ProgramDeps['gatewayPorts']): Program | undefined {
    const { snapshot, proxy, labels, settings } = context;
    if (snapshot.envoyFilters.size === 0) return undefined;
    const filters = envoyFiltersFor(snapshot.envoyFilters, { namespace: proxy.namespace, labels }, settings.config.rootNamespace);
    const asked = filters.flatMap((filter) => this.#patchesOf(filter).patches);
    if (asked.length === 0) return undefined;
    const patches = asked.filter((patch) => isForProxy(patch, proxy));
    const ids = (some: readonly Patch[]) => some.map((patch) => this.#idOf(patch)).join();
    const key = `${proxy.kind} ${proxy.isOurs} ${ids(asked)} ${ids(patches)} ${portsText(gatewayPorts)}`;
    const program = this.#programs.getOrInsertComputed(key, () => {
      const own = proxy.isOurs ? forOwnProxy(patches) : { patches, told: [] };
      return new Program({ ...own, asked, kind: proxy.kind, gatewayPorts, made: this.#made });
    });
    program.usedAt = snapshot.number;
    return program;
  }

  /** Forgets those that nobody has asked for since that snapshot. */
  sweep(number: number): void {
    for (const [key, program] of this.#programs) if (program.usedAt < number) this.#programs.delete(key);
  }

  /** What has no effect whatever proxies there are. */
  ineffective({ envoyFilters }: MeshSnapshot): LeftOut[] {
    return [...envoyFilters.values()].flat().flatMap((filter): LeftOut[] => {
      const { namespace = '', name } = filter.metadata;
      const refs = (filter.spec?.targetRefs ?? []).flatMap((ref, i) => (isGatewayRef(ref) ? [] : [{ path: `spec.targetRefs[${i}]`, why: `${ref.kind} ${ref.name} has no proxy of its own: name a Gateway of gateway.networking.k8s.io, or select pods by workloadSelector` }]));
      return [...this.#patchesOf(filter).ineffective, ...refs].map(({ path, why }) => ({ kind: 'EnvoyFilter', namespace, name, field: path, reason: why }));
    });
  }

  #patchesOf(filter: Stored<EnvoyFilter>): ReadPatches {
    return this.#read.get(filter, undefined, readPatches);
  }

  #idOf(patch: Patch): number {
    let id = this.#ids.get(patch);
    if (id === undefined) this.#ids.set(patch, (id = this.#count += 1));
    return id;
  }
}

/** Istio: proxyMatch. A proxy that tells no version matches no expression. */
function isForProxy({ context, match }: Patch, proxy: Proxy): boolean {
  if (context !== 'ANY' && (context === 'GATEWAY') !== (proxy.kind === 'router')) return false;
  const { proxyVersion = '', metadata = {} } = match.proxy ?? {};
  if (proxyVersion !== '' && (proxy.version === '' || !RE2JS.compile(proxyVersion).matcher(proxy.version).find())) return false;
  return Object.entries(metadata).every(([key, value]) => proxy.metadata[key] === value);
}

const portsText = (ports: ProgramDeps['gatewayPorts']): string =>
  [...ports].map(([name, at]) => `${name}=${[...at.ports].join()}/${[...at.portNames].join()}/${[...at.gateways].join()}`).join(';');
