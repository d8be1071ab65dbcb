/** How traffic is shared among the priorities of a cluster. In whole percents and with Envoy's roundings, so that a failing
 * region is left at the same moment. Envoy: LoadBalancerBase::recalculatePerPriorityState.
 *
 * A priority can carry `available / all × 1.4` of the traffic (overprovisioning factor), up to all of it; the first takes what it
 * can carry, the next takes from the rest. When they cannot carry everything together, they share it in proportion, and those
 * with fewer available hosts than the panic threshold ignore health. When all are in panic, hosts are counted whatever their health. */
export interface LevelCount {
  readonly all: number;
  readonly healthy: number;
  readonly degraded: number;
}

export interface LevelLoad {
  /** Percent of the traffic that goes to healthy hosts (to all hosts in panic). */
  healthy: number;
  /** Percent that goes to degraded hosts. All of them add up to 100. */
  degraded: number;
  panic: boolean;
}

/** @param rules.overprovisioning 140 by default
 * @param rules.panicThreshold percent, 50 by default; 0: never */
export function priorityLoads(levels: readonly LevelCount[], rules: { overprovisioning: number; panicThreshold: number }): LevelLoad[] {
  const { panicThreshold } = rules;
  const carries = (part: number, { all }: LevelCount) => (all === 0 ? 0 : Math.min(100, Math.floor((rules.overprovisioning * part) / all)));
  const healthy = levels.map((level) => carries(level.healthy, level));
  const degraded = levels.map((level) => carries(level.degraded, level));
  const available = Math.min(100, sum(healthy) + sum(degraded));
  const loads = levels.map((): LevelLoad => ({ healthy: 0, degraded: 0, panic: false }));
  const [first] = loads;
  if (!first) return loads;
  if (available > 0) {
    let left = 100;
    const share = (part: number) => {
      const load = Math.min(left, Math.floor((part * 100) / available));
      left -= load;
      return load;
    };
    for (const [i, load] of loads.entries()) load.healthy = share(healthy[i] ?? 0);
    for (const [i, load] of loads.entries()) load.degraded = share(degraded[i] ?? 0);
    // What remains is rounding.
    const heir = healthy.findIndex((part) => part > 0);
    if (heir >= 0) (loads[heir] ?? first).healthy += left;
    else (loads[degraded.findIndex((part) => part > 0)] ?? first).degraded += left;
  }
  if (available === 0 && panicThreshold === 0) {
    first.healthy = 100;
    return loads;
  }
  for (const [i, load] of loads.entries()) {
    const level = levels[i];
    load.panic = available < 100 && level !== undefined && percent(level.healthy + level.degraded, level.all) < panicThreshold;
  }
  if (loads.every(({ panic }) => panic)) shareByCount(levels, loads);
  return loads;
}

function shareByCount(levels: readonly LevelCount[], loads: readonly LevelLoad[]): void {
  const all = sum(levels.map((level) => level.all));
  let left = 100;
  for (const [i, load] of loads.entries()) {
    load.healthy = all === 0 ? 0 : Math.floor((100 * (levels[i]?.all ?? 0)) / all);
    load.degraded = 0;
    left -= load.healthy;
  }
  const heir = loads[Math.max(0, levels.findIndex((level) => level.all > 0))];
  if (heir) heir.healthy += left;
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
const percent = (part: number, all: number): number => (all === 0 ? 0 : (100 * part) / all);
