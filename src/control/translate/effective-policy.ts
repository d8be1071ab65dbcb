import type { TrafficPolicy } from '../../api/common/traffic-policy.ts';
import type { HostPolicy } from '../registry/destination-rules.ts';

/** What a DestinationRule says for one port and subset. */
export type EffectivePolicy = Readonly<Omit<TrafficPolicy, 'portLevelSettings'>>;

/** Settings of a port stand for themselves: blocks that they leave out take defaults. A subset overrides the host's policy
 * (that of the port when there is one) block by block. Istio: util.MergeSubsetTrafficPolicy. */
export function effectivePolicy(policy: HostPolicy | undefined, port: number, subset?: string): EffectivePolicy {
  if (!policy) return {};
  const base = atPort(policy.trafficPolicy ?? {}, port).blocks;
  const own = policy.subsets.find((s) => s.name === subset)?.trafficPolicy;
  if (!own) return base;
  const over = atPort(own, port);
  // What cannot be said per port is inherited also by a port of the subset.
  const { tunnel, proxyProtocol, retryBudget } = { ...base, ...over.blocks };
  return over.isPort ? present({ ...over.blocks, tunnel, proxyProtocol, retryBudget }) : { ...base, ...over.blocks };
}

/** Absent blocks are absent keys, so that they do not hide others. */
function atPort(policy: TrafficPolicy, port: number): { isPort: boolean; blocks: EffectivePolicy } {
  const onPort = policy.portLevelSettings?.find((s) => s.port?.number === port);
  const { portLevelSettings: _ports, ...blocks } = policy;
  if (!onPort) return { isPort: false, blocks: present(blocks) };
  const { port: _port, ...own } = onPort;
  return { isPort: true, blocks: present(own) };
}

/** Without the keys that are there without a value. */
const present = (blocks: EffectivePolicy): EffectivePolicy => Object.fromEntries(Object.entries(blocks).filter(([, value]) => value !== undefined && value !== null));
