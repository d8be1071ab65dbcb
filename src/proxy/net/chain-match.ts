/** Chooses the filter chain of a connection. Criteria are applied one after the other, each keeps only the chains that match it most
 * specifically, and there is no way back to a less specific one. Envoy: `config.listener.v3.FilterChainMatch`. */
import { type CidrSet, parseAddress } from '../../base/cidr.ts';

export interface ChainMatch {
  readonly destinationPort?: number;
  readonly destinations: CidrSet;
  readonly serverNames: readonly string[];
  /** `tls`, `raw_buffer` or empty for any. */
  readonly transport: string;
  readonly applications: readonly string[];
  readonly directSources: CidrSet;
  readonly sourceType: 'any' | 'local' | 'external';
  readonly sources: CidrSet;
  readonly sourcePorts: readonly number[];
}

export interface ConnectionView {
  readonly destination: { readonly address: string; readonly port: number };
  readonly source: { readonly address: string; readonly port: number };
  /** Undefined until the first bytes were looked at. */
  readonly serverName?: string;
  readonly transport?: string;
  readonly applications?: readonly string[];
}

interface Matchable {
  readonly match: ChainMatch;
}

/** Chains that fit by destination alone: what is left to decide by the first bytes and the source. */
export function narrowByDestination<C extends Matchable>(chains: readonly C[], view: ConnectionView): readonly C[] {
  const byPort = mostSpecific(chains, ({ match }) => (match.destinationPort === undefined ? 0 : match.destinationPort === view.destination.port ? 1 : -1));
  const address = parseAddress(view.destination.address);
  return mostSpecific(byPort, ({ match }) => longestPrefix(match.destinations, address));
}

/** Whether any of these chains can only be told apart by content. */
export function needsContent(chains: readonly Matchable[]): boolean {
  return chains.some(({ match }) => match.serverNames.length > 0 || match.transport !== '' || match.applications.length > 0);
}

export function matchChain<C extends Matchable>(chains: readonly C[], view: ConnectionView): C | undefined {
  let left = narrowByDestination(chains, view);
  left = mostSpecific(left, ({ match }) => serverNameScore(match.serverNames, view.serverName));
  left = mostSpecific(left, ({ match }) => (match.transport === '' ? 0 : match.transport === view.transport ? 1 : -1));
  left = mostSpecific(left, ({ match }) => applicationScore(match.applications, view.applications ?? []));
  const source = parseAddress(view.source.address);
  left = mostSpecific(left, ({ match }) => longestPrefix(match.directSources, source));
  left = mostSpecific(left, ({ match }) => sourceTypeScore(match.sourceType, view));
  left = mostSpecific(left, ({ match }) => longestPrefix(match.sources, source));
  left = mostSpecific(left, ({ match }) => (match.sourcePorts.length === 0 ? 0 : match.sourcePorts.includes(view.source.port) ? 1 : -1));
  return left[0];
}

/** Keeps the items with the highest score; negative means no match. */
function mostSpecific<T>(items: readonly T[], score: (item: T) => number): readonly T[] {
  let best = 0;
  let kept: T[] = [];
  for (const item of items) {
    const value = score(item);
    if (value < best) continue;
    if (value > best) {
      best = value;
      kept = [];
    }
    kept.push(item);
  }
  return kept;
}

/** 0 when no ranges are given, else prefix length + 1 of the longest that contains the address, or -1. */
function longestPrefix(ranges: CidrSet, address: Uint8Array | undefined): number {
  if (ranges.size === 0) return 0;
  const longest = address ? ranges.longest(address) : -1;
  return longest < 0 ? -1 : longest + 1;
}

/** Exact beats wildcard, a longer wildcard beats a shorter one. */
function serverNameScore(names: readonly string[], name: string | undefined): number {
  if (names.length === 0) return 0;
  let best = -1;
  if (name === undefined) return best;
  for (const pattern of names) {
    if (pattern === name) return Number.MAX_SAFE_INTEGER;
    if (pattern.startsWith('*.') && name.endsWith(pattern.slice(1)) && pattern.length > best) best = pattern.length;
  }
  return best;
}

/** What the client offers first weighs most. */
function applicationScore(names: readonly string[], offered: readonly string[]): number {
  if (names.length === 0) return 0;
  const at = offered.findIndex((name) => names.includes(name));
  return at < 0 ? -1 : offered.length - at;
}

function sourceTypeScore(type: ChainMatch['sourceType'], view: ConnectionView): number {
  if (type === 'any') return 0;
  const local = view.source.address === view.destination.address || view.source.address === '::1' || view.source.address.startsWith('127.');
  return (type === 'local') === local ? 1 : -1;
}
