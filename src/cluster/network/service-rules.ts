/** The nftables rules that make ClusterIPs and node ports work, as text. Pure.
 * Semantics as kube-proxy's: a random ready endpoint for each connection; a service without endpoints refuses; a pod that
 * reaches itself through a service is masqueraded so that the reply comes back the same way. */
import { NODE_ADDRESS, SERVICE_CIDR } from './addresses.ts';

export interface ServiceRule {
  /** For the reader of the rules: `default/reviews:http`. */
  readonly name: string;
  readonly protocol: 'tcp' | 'udp';
  /** ClusterIPs and external addresses; IPv4. */
  readonly addresses: readonly string[];
  readonly port: number;
  readonly nodePort?: number;
  /** sessionAffinity ClientIP. Differs from Kubernetes: the client's address is hashed, so a client moves when the
   * endpoints change and there is no timeout. */
  readonly sticky: boolean;
  readonly endpoints: readonly { readonly ip: string; readonly port: number }[];
}

/** One transaction: the old table is replaced by the new one with no moment between. */
export function renderServiceRules(rules: readonly ServiceRule[]): string {
  const live = rules.filter((rule) => rule.endpoints.length > 0);
  const chains = live.map((rule, i) => ({ rule, chain: `service-${i}` }));
  const services = chains.flatMap(({ rule, chain }) => rule.addresses.map((ip) => `${ip} . ${rule.protocol} . ${rule.port} : goto ${chain}`));
  const nodePorts = chains.filter(({ rule }) => rule.nodePort).map(({ rule, chain }) => `${rule.protocol} . ${rule.nodePort} : goto ${chain}`);
  const targets = [...new Set(live.flatMap((rule) => rule.endpoints.map((e) => `${e.ip} . ${e.ip}`)))];
  const refused = rules.filter((rule) => rule.endpoints.length === 0 && rule.nodePort).map((rule) => `${rule.protocol} . ${rule.nodePort}`);
  return `${[
    'table ip lateen',
    'delete table ip lateen',
    'table ip lateen {',
    ...collection('map services', 'ipv4_addr . inet_proto . inet_service : verdict', services),
    ...collection('map node-ports', 'inet_proto . inet_service : verdict', nodePorts),
    ...collection('set hairpins', 'ipv4_addr . ipv4_addr', targets),
    ...collection('set refused-node-ports', 'inet_proto . inet_service', refused),
    ...chains.flatMap(({ rule, chain }) => serviceChain(rule, chain)),
    ...block('chain dispatch', ['ip daddr . meta l4proto . th dport vmap @services', `ip daddr ${NODE_ADDRESS} meta l4proto . th dport vmap @node-ports`]),
    ...hook('prerouting', { type: 'nat', at: 'prerouting', priority: 'dstnat' }, ['jump dispatch']),
    ...hook('output', { type: 'nat', at: 'output', priority: '-100' }, ['jump dispatch']),
    ...hook('postrouting', { type: 'nat', at: 'postrouting', priority: 'srcnat' }, ['ct status dnat ip saddr . ip daddr @hairpins masquerade']),
    // What still has a service's address after translation has no endpoint behind it. DNS listens on its own address.
    ...block('chain refuse', [
      'ct status dnat accept',
      'fib daddr type local th dport 53 accept',
      `ip daddr ${SERVICE_CIDR} meta l4proto tcp reject with tcp reset`,
      `ip daddr ${SERVICE_CIDR} reject with icmp port-unreachable`,
      `ip daddr ${NODE_ADDRESS} meta l4proto . th dport @refused-node-ports reject with icmp port-unreachable`,
    ]),
    ...hook('refuse-forwarded', { type: 'filter', at: 'prerouting', priority: 'filter' }, ['jump refuse']),
    ...hook('refuse-own', { type: 'filter', at: 'output', priority: 'filter' }, ['jump refuse']),
    '}',
  ].join('\n')}\n`;
}

function serviceChain(rule: ServiceRule, chain: string): string[] {
  const pick = rule.sticky ? 'jhash ip saddr' : 'numgen random';
  const targets = rule.endpoints.map((e, i) => `${i} : ${e.ip} . ${e.port}`).join(', ');
  const comment = `comment "${rule.name.replaceAll('"', '')}"`;
  return block(`chain ${chain}`, [`meta l4proto ${rule.protocol} dnat ip to ${pick} mod ${rule.endpoints.length} map { ${targets} } ${comment}`]);
}

function collection(head: string, type: string, elements: readonly string[]): string[] {
  return block(head, [`type ${type}`, ...(elements.length > 0 ? [`elements = { ${elements.join(', ')} }`] : [])]);
}

function hook(name: string, into: { type: string; at: string; priority: string }, rules: readonly string[]): string[] {
  return block(`chain ${name}`, [`type ${into.type} hook ${into.at} priority ${into.priority}; policy accept;`, ...rules]);
}

const block = (head: string, body: readonly string[]) => [`  ${head} {`, ...body.map((line) => `    ${line}`), '  }'];
