/** For tests: walks packets through iptables' nat rules as text, and through our rules as data. */
import { cidrContains, parseAddress, parseCidr } from '../../base/cidr.ts';
import type { Match, RuleSet } from './rules.ts';

export interface Packet {
  readonly hook: 'prerouting' | 'output';
  readonly protocol: 'tcp' | 'udp';
  readonly saddr: string;
  readonly daddr: string;
  readonly dport: number;
  readonly sport?: number;
  readonly iif?: string;
  readonly oif?: string;
  readonly uid?: string;
  readonly gid?: string;
}

/** The port a packet is redirected to, `pass`, or (before tracking) the zone it is tracked in. */
export type Fate = number | 'pass' | `zone ${number}`;

function inRange(range: string, address: string): boolean {
  const cidr = parseCidr(range);
  const bytes = parseAddress(address);
  return cidr !== undefined && bytes !== undefined && cidrContains(cidr, bytes);
}

export function simulateRules(rules: RuleSet, packet: Packet, stage: 'nat' | 'raw' = 'nat'): Fate {
  const walk = (chain: string): Fate | 'return' => {
    for (const rule of rules.get(chain) ?? []) {
      if (!rule.when.every((match) => matches(match, packet))) continue;
      if (rule.verdict.do === 'return') return 'return';
      if (rule.verdict.do === 'redirect') return rule.verdict.port;
      if (rule.verdict.do === 'zone') return `zone ${rule.verdict.zone}`;
      const fate = walk(rule.verdict.chain);
      if (fate !== 'return') return fate;
    }
    return 'return';
  };
  const fate = walk(stage === 'raw' ? `raw_${packet.hook}` : packet.hook);
  return fate === 'return' ? 'pass' : fate;
}

function matches(match: Match, packet: Packet): boolean {
  const hit = (): boolean => {
    switch (match.on) {
      case 'tcp': return packet.protocol === 'tcp';
      case 'udp-dport': return packet.protocol === 'udp' && packet.dport === match.port;
      case 'udp-sport': return packet.protocol === 'udp' && packet.sport === match.port;
      case 'daddr': return inRange(match.range, packet.daddr);
      case 'saddr': return inRange(match.range, packet.saddr);
      case 'oif': return packet.oif === match.name;
      case 'iif': return packet.iif === match.name;
      case 'uid': return packet.uid === match.id;
      case 'gid': return packet.gid === match.id;
      case 'dport': return packet.dport === Number(match.port);
    }
  };
  // `tcp dport` implies TCP, also when negated.
  if (match.on === 'dport' && packet.protocol !== 'tcp') return false;
  return hit() !== ('not' in match && match.not === true);
}

interface TextRule {
  readonly words: readonly string[];
}

/** Reads one table of each family out of a recorded list of iptables commands. */
export function readTables(text: string, name: 'nat' | 'raw'): Map<string, TextRule[]>[] {
  const tables: Map<string, TextRule[]>[] = [];
  let current: Map<string, TextRule[]> | undefined;
  for (const line of text.split('\n')) {
    if (line.startsWith('*')) {
      current = line.includes(name) ? new Map() : undefined;
      if (current) tables.push(current);
    }
    const words = line.split(/\s+/);
    const chain = words[1] ?? '';
    if (!current || (words[0] !== '-A' && words[0] !== '-I')) continue;
    const rules = current.get(chain) ?? [];
    current.set(chain, rules);
    if (words[0] === '-A') rules.push({ words: words.slice(2) });
    else rules.splice(Number(words[2]) - 1, 0, { words: words.slice(3) });
  }
  return tables;
}

export function simulateText(table: ReadonlyMap<string, readonly TextRule[]>, packet: Packet): Fate {
  const walk = (chain: string): Fate | 'return' => {
    for (const { words } of table.get(chain) ?? []) {
      const verdict = readRule(words, packet);
      if (verdict === undefined) continue;
      if (verdict === 'RETURN') return 'return';
      if (typeof verdict === 'number') return verdict;
      const [, zone] = /^zone (\d+)$/.exec(verdict) ?? [];
      if (zone !== undefined) return `zone ${Number(zone)}`;
      const fate = walk(verdict);
      if (fate !== 'return') return fate;
    }
    return 'return';
  };
  const fate = walk(packet.hook.toUpperCase());
  return fate === 'return' ? 'pass' : fate;
}

/** The target when every condition holds, else undefined. */
function readRule(words: readonly string[], packet: Packet): string | number | undefined {
  let holds = true;
  let not = false;
  let target: string | number | undefined;
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? '';
    if (word === '!') {
      not = true;
      continue;
    }
    const value = words[i + 1] ?? '';
    const test = (hit: boolean) => {
      holds &&= hit !== not;
      not = false;
      i += 1;
    };
    if (word === '-p') test(packet.protocol === value);
    else if (word === '-d') test(inRange(value, packet.daddr));
    else if (word === '-s') test(inRange(value, packet.saddr));
    else if (word === '-i') test(packet.iif === value);
    else if (word === '-o') test(packet.oif === value);
    else if (word === '--sport') test(packet.sport === Number(value));
    else if (word === '--dport') test(packet.dport === Number(value));
    else if (word === '--dports') test(value.split(',').map(Number).includes(packet.dport));
    else if (word === '--uid-owner') test(packet.uid === value);
    else if (word === '--gid-owner') test(packet.gid === value);
    else if (word === '-m') i += 1;
    else if (word === '-j') {
      target = value;
      i += 1;
    } else if (word === '--to-ports' || word === '--to-port') {
      target = Number(value);
      i += 1;
    } else if (word === '--zone') {
      target = `zone ${value}`;
      i += 1;
    } else throw new Error(`the simulator does not know "${word}" in "${words.join(' ')}"`);
  }
  return holds ? target : undefined;
}
