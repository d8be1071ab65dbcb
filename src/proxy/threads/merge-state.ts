/** The state of the threads as that of one proxy. They hold the same configuration, so what is told of it is one thread's word; what they
 * count is added up. */
import type { ClusterState, HostState, ListenerState, ProxyState } from '../runtime-contract.ts';

/** @param states of all threads, that of the one which configuration is judged by first */
export function mergeStates(states: readonly [ProxyState, ...ProxyState[]]): ProxyState {
  const [first] = states;
  return {
    resources: first.resources,
    clusters: mergeNamed(states.map(({ clusters }) => clusters), mergeClusters),
    calledClusters: mergeNamed(states.map(({ calledClusters }) => calledClusters), mergeClusters),
    clusterCounts: { total: first.clusterCounts.total, warming: Math.max(...states.map(({ clusterCounts }) => clusterCounts.warming)) },
    listeners: mergeNamed(states.map(({ listeners }) => listeners), mergeListeners),
    activeRequests: sum(states, ({ activeRequests }) => activeRequests),
  };
}

function mergeNamed<T extends { readonly name: string }>(lists: readonly (readonly T[])[], merge: (same: readonly [T, ...T[]]) => T): T[] {
  const byName = new Map<string, [T, ...T[]]>();
  for (const one of lists.flat()) {
    const same = byName.get(one.name);
    if (same) same.push(one);
    else byName.set(one.name, [one]);
  }
  return Array.from(byName.values(), merge);
}

function mergeListeners(same: readonly [ListenerState, ...ListenerState[]]): ListenerState {
  const [{ name, bound }] = same;
  return { name, bound, activeConnections: sum(same, (one) => one.activeConnections), accepted: sum(same, (one) => one.accepted), refused: sum(same, (one) => one.refused), threads: same.map(({ activeConnections, accepted }) => ({ activeConnections, accepted })) };
}

function mergeClusters(same: readonly [ClusterState, ...ClusterState[]]): ClusterState {
  const [{ name, limits }] = same;
  const total = <K extends string>(read: (cluster: ClusterState) => Readonly<Record<K, number>>, keys: readonly K[]) => Object.fromEntries(keys.map((key) => [key, sum(same, (one) => read(one)[key])])) as Record<K, number>;
  const byCause = new Map<string, number>();
  for (const { ejections } of same) for (const [cause, count] of ejections.byCause) byCause.set(cause, (byCause.get(cause) ?? 0) + count);
  return {
    name,
    warm: same.every(({ warm }) => warm),
    hosts: mergeHosts(same.map(({ hosts }) => hosts)),
    limits,
    open: total(({ open }) => open, ['connections', 'pending', 'requests', 'retries']),
    overflows: total(({ overflows }) => overflows, ['connections', 'pending', 'retries']),
    ejections: { ...total(({ ejections }) => ({ enforced: ejections.enforced, overflow: ejections.overflow }), ['enforced', 'overflow']), byCause },
  };
}

function mergeHosts(lists: readonly (readonly HostState[])[]): HostState[] {
  const byAddress = Map.groupBy(lists.flat(), ({ address }) => `${address.address} ${address.port}`);
  return Array.from(byAddress.values(), (same) => same.reduce(mergeHost));
}

function mergeHost(a: HostState, b: HostState): HostState {
  const { total, success, error, connectFail, connections } = a.counters;
  const out = a.ejected ? a : b;
  return {
    ...a,
    ejected: out.ejected,
    ...(out.ejection ? { ejection: out.ejection } : {}),
    ejections: Math.max(a.ejections, b.ejections),
    activeRequests: a.activeRequests + b.activeRequests,
    activeConnections: a.activeConnections + b.activeConnections,
    counters: { total: total + b.counters.total, success: success + b.counters.success, error: error + b.counters.error, connectFail: connectFail + b.counters.connectFail, connections: connections + b.counters.connections },
  };
}

const sum = <T>(all: readonly T[], read: (one: T) => number): number => all.reduce((total, one) => total + read(one), 0);
