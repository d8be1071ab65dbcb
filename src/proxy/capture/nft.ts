/** The rules as a script for `nft -f -`. Loading it again replaces what an earlier run left. */
import { captureRules } from './rules.ts';
import type { Family, Match, Rule, Verdict } from './rules.ts';
import type { CaptureSettings } from './settings.ts';

const TABLE = 'lateen';
/** NF_IP_PRI_NAT_DST, as iptables' nat table has it in both hooks. */
const HOOKS: Readonly<Record<string, string>> = {
  prerouting: 'type nat hook prerouting priority -100; policy accept;',
  output: 'type nat hook output priority -100; policy accept;',
  // Before connections are tracked (-200).
  raw_prerouting: 'type filter hook prerouting priority -300; policy accept;',
  raw_output: 'type filter hook output priority -300; policy accept;',
};
/** Chains that are jumped to must stand before the jump. */
const CHAIN_ORDER = ['redirect_outbound', 'redirect_inbound', 'inbound', 'dns', 'outbound', 'prerouting', 'output', 'raw_prerouting', 'raw_output'];

/** @param families `ip6` only where the pod has IPv6 */
export function renderCaptureRules(settings: CaptureSettings, families: readonly Family[] = ['ip']): string {
  return families.map((family) => renderTable(settings, family)).join('');
}

/** Takes the rules away. */
export const renderCleanup = (families: readonly Family[] = ['ip', 'ip6']): string => families.map((family) => `add table ${family} ${TABLE}\ndelete table ${family} ${TABLE}\n`).join('');

function renderTable(settings: CaptureSettings, family: Family): string {
  const rules = captureRules(settings, family);
  const chains = CHAIN_ORDER.filter((name) => rules.has(name)).map((name) => {
    const hook = HOOKS[name];
    const lines = [...(hook === undefined ? [] : [hook]), ...(rules.get(name) ?? []).map((rule) => renderRule(rule, family))];
    return `  chain ${name} {\n${lines.map((line) => `    ${line}\n`).join('')}  }\n`;
  });
  return `${renderCleanup([family])}table ${family} ${TABLE} {\n${chains.join('')}}\n`;
}

const renderRule = (rule: Rule, family: Family): string => [...rule.when.map((match) => renderMatch(match, family)), renderVerdict(rule.verdict)].join(' ');

function renderMatch(match: Match, family: Family): string {
  const not = 'not' in match && match.not ? '!= ' : '';
  switch (match.on) {
    case 'tcp': return 'meta l4proto tcp';
    case 'udp-dport': return `udp dport ${match.port}`;
    case 'udp-sport': return `udp sport ${match.port}`;
    case 'dport': return `tcp dport ${not}${match.port}`;
    case 'daddr': return `${family} daddr ${not}${match.range}`;
    case 'saddr': return `${family} saddr ${not}${match.range}`;
    case 'oif': return `oifname "${match.name}"`;
    case 'iif': return `iifname "${match.name}"`;
    case 'uid': return `meta skuid ${not}${match.id}`;
    case 'gid': return `meta skgid ${not}${match.id}`;
  }
}

function renderVerdict(verdict: Verdict): string {
  switch (verdict.do) {
    case 'return': return 'return';
    case 'jump': return `jump ${verdict.chain}`;
    case 'redirect': return `redirect to :${verdict.port}`;
    case 'zone': return `ct zone set ${verdict.zone} return`;
  }
}
