/** The rules of capture as data, for one address family. Pure. Order and meaning are those of Istio's capture rules. */
import type { CaptureSettings } from './settings.ts';

export type Family = 'ip' | 'ip6';

export type Match =
  | { readonly on: 'tcp' }
  | { readonly on: 'udp-dport' | 'udp-sport'; readonly port: number }
  | { readonly on: 'dport'; readonly port: number | string; readonly not?: boolean }
  | { readonly on: 'daddr' | 'saddr'; readonly range: string; readonly not?: boolean }
  | { readonly on: 'oif' | 'iif'; readonly name: string }
  | { readonly on: 'uid' | 'gid'; readonly id: string; readonly not?: boolean };

export type Verdict = { readonly do: 'return' } | { readonly do: 'jump'; readonly chain: string } | { readonly do: 'redirect'; readonly port: number } | { readonly do: 'zone'; readonly zone: number };

export interface Rule {
  readonly when: readonly Match[];
  readonly verdict: Verdict;
}

/** `prerouting` and `output` are entered by packets, and before connections are tracked `raw_prerouting` and `raw_output`; the
 * others by jumps. */
export type RuleSet = ReadonlyMap<string, readonly Rule[]>;

const RETURN: Verdict = { do: 'return' };
const TO_INBOUND: Verdict = { do: 'jump', chain: 'redirect_inbound' };
const TO_OUTBOUND: Verdict = { do: 'jump', chain: 'redirect_outbound' };
const LO: Match = { on: 'oif', name: 'lo' };
const TCP: Match = { on: 'tcp' };

const DNS = 53;

const isV6 = (range: string) => range.includes(':');

export function captureRules(settings: CaptureSettings, family: Family): RuleSet {
  return new Map<string, readonly Rule[]>([
    ['redirect_outbound', [{ when: [TCP], verdict: { do: 'redirect', port: settings.outboundPort } }]],
    ['redirect_inbound', [{ when: [TCP], verdict: { do: 'redirect', port: settings.inboundPort } }]],
    ['inbound', inboundRules(settings)],
    ['prerouting', preroutingRules(settings, family)],
    ['outbound', outboundRules(settings, family)],
    ['dns', dnsRules(settings, family)],
    ...(capturesDns(settings) ? [['raw_output', rawOutputRules(settings, family)] as const, ['raw_prerouting', rawPreroutingRules(settings, family)] as const] : []),
    ['output', [...settings.excludeInterfaces.map((name): Rule => ({ when: [{ on: 'oif', name }], verdict: RETURN })), { when: [], verdict: { do: 'jump', chain: 'outbound' } }]],
  ]);
}

function inboundRules(settings: CaptureSettings): Rule[] {
  const tunnel: Rule = { when: [{ on: 'dport', port: settings.tunnelPort }], verdict: RETURN };
  if (settings.inboundPorts !== 'all') return [tunnel, ...settings.inboundPorts.map((port): Rule => ({ when: [{ on: 'dport', port }], verdict: TO_INBOUND }))];
  return [tunnel, ...settings.inboundPortsExclude.map((port): Rule => ({ when: [{ on: 'dport', port }], verdict: RETURN })), { when: [TCP], verdict: TO_INBOUND }];
}

function preroutingRules(settings: CaptureSettings, family: Family): Rule[] {
  const excluded = settings.excludeInterfaces.map((name): Rule => ({ when: [{ on: 'iif', name }], verdict: RETURN }));
  // What a virtual machine sends comes in here, and is outbound: to the ranges that are captured, else left alone.
  const ranges = rangesOf(settings, family);
  const virtual = settings.virtualInterfaces.toReversed().flatMap((name): Rule[] => {
    const iif: Match = { on: 'iif', name };
    return ranges === 'all' ? [{ when: [iif], verdict: TO_OUTBOUND }] : ranges.map((range) => ({ when: [iif, { on: 'daddr', range }], verdict: TO_OUTBOUND }));
  });
  const rest = settings.virtualInterfaces.map((name): Rule => ({ when: [{ on: 'iif', name }], verdict: RETURN }));
  const capturesNothing = settings.inboundPorts !== 'all' && settings.inboundPorts.length === 0;
  const inbound: Rule[] = capturesNothing ? [] : [{ when: [TCP], verdict: { do: 'jump', chain: 'inbound' } }];
  return [...virtual, ...rest, ...excluded, ...inbound];
}

function outboundRules(settings: CaptureSettings, family: Family): Rule[] {
  const loopback: Match = { on: 'daddr', range: family === 'ip' ? settings.loopbackV4 : '::1/128' };
  const rules: Rule[] = settings.outboundPortsExclude.map((port): Rule => ({ when: [{ on: 'dport', port }], verdict: RETURN }));
  // The sidecar hands inbound connections to the application from this address.
  rules.push({ when: [LO, { on: 'saddr', range: family === 'ip' ? '127.0.0.6/32' : '::6/128' }], verdict: RETURN });
  for (const id of settings.proxyUids) rules.push(...ownTraffic(settings, { on: 'uid', id }, family));
  for (const id of settings.proxyGids) rules.push(...ownTraffic(settings, { on: 'gid', id }, family));
  rules.push(...ownerRules(settings));
  if (capturesDns(settings)) rules.push({ when: [], verdict: { do: 'jump', chain: 'dns' } });
  // Who says localhost means localhost.
  rules.push({ when: [loopback], verdict: RETURN });
  for (const range of settings.outboundRangesExclude) if (isV6(range) === (family === 'ip6')) rules.push({ when: [{ on: 'daddr', range }], verdict: RETURN });
  for (const port of settings.outboundPorts) rules.push({ when: [{ on: 'dport', port }], verdict: TO_OUTBOUND });
  const ranges = rangesOf(settings, family);
  if (ranges === 'all') rules.push({ when: [], verdict: TO_OUTBOUND });
  else for (const range of ranges) rules.push({ when: [{ on: 'daddr', range }], verdict: TO_OUTBOUND });
  return rules;
}

function ownTraffic(settings: CaptureSettings, owner: { on: 'uid' | 'gid'; id: string }, family: Family): Rule[] {
  const loopback: Match = { on: 'daddr', range: family === 'ip' ? settings.loopbackV4 : '::1/128', not: true };
  const isDns = capturesDns(settings);
  // A name server on the loopback is called by its own rules.
  const otherThanDns: Match[] = isDns ? [{ on: 'dport', port: DNS, not: true }] : [];
  const includesLoopback = settings.outboundRanges !== 'all' && settings.outboundRanges.some((range) => /^(127\.|::1\/)/.test(range));
  return [
    // The application calls its own service: out through the sidecar, and in through it again.
    { when: [LO, loopback, { on: 'dport', port: settings.tunnelPort, not: true }, ...(owner.on === 'uid' ? otherThanDns : []), owner], verdict: TO_INBOUND },
    // The application calls its own address: not our business, unless loopback is captured by name.
    ...(includesLoopback ? [] : [{ when: [LO, ...otherThanDns, { ...owner, not: true } as const], verdict: RETURN }]),
    // The sidecar's own connections must not come back to it.
    { when: [owner], verdict: RETURN },
  ];
}

function ownerRules(settings: CaptureSettings): Rule[] {
  if (settings.ownerGroups === 'all') return settings.ownerGroupsExclude.map((id): Rule => ({ when: [{ on: 'gid', id }], verdict: RETURN }));
  return [{ when: settings.ownerGroups.map((id): Match => ({ on: 'gid', id, not: true })), verdict: RETURN }];
}

function rangesOf(settings: CaptureSettings, family: Family): 'all' | string[] {
  return settings.outboundRanges === 'all' ? 'all' : settings.outboundRanges.filter((range) => isV6(range) === (family === 'ip6'));
}

const capturesDns = ({ nameservers }: CaptureSettings): boolean => nameservers === 'all' || nameservers.length > 0;

/** Nothing: any server. */
function serversOf({ nameservers }: CaptureSettings, family: Family): (string | undefined)[] {
  return nameservers === 'all' ? [undefined] : nameservers.filter((ip) => isV6(ip) === (family === 'ip6')).map((ip) => `${ip}/${family === 'ip' ? 32 : 128}`);
}

/** Queries to the pod's name servers go to the sidecar; its own have passed before. */
function dnsRules(settings: CaptureSettings, family: Family): Rule[] {
  const verdict: Verdict = { do: 'redirect', port: settings.dnsPort };
  return serversOf(settings, family).flatMap((range) => {
    const to: Match[] = range === undefined ? [] : [{ on: 'daddr', range }];
    return [{ when: [{ on: 'dport', port: DNS }, ...to], verdict }, { when: [{ on: 'udp-dport', port: DNS }, ...to], verdict }];
  });
}

/** The sidecar asks the same servers as the application. With the same port by chance, the kernel would take its query for a
 * part of the application's, and send it back to the sidecar: the two are tracked apart. */
function rawOutputRules(settings: CaptureSettings, family: Family): Rule[] {
  const owners: Match[] = [...settings.proxyUids.map((id) => ({ on: 'uid', id }) as const), ...settings.proxyGids.map((id) => ({ on: 'gid', id }) as const)];
  return [
    ...owners.flatMap((owner): Rule[] => [
      { when: [{ on: 'udp-dport', port: DNS }, owner], verdict: { do: 'zone', zone: 1 } },
      { when: [{ on: 'udp-sport', port: settings.dnsPort }, owner], verdict: { do: 'zone', zone: 2 } },
    ]),
    ...serversOf(settings, family).map((range): Rule => ({ when: [{ on: 'udp-dport', port: DNS }, ...(range === undefined ? [] : [{ on: 'daddr', range } as const])], verdict: { do: 'zone', zone: 2 } })),
  ];
}

function rawPreroutingRules(settings: CaptureSettings, family: Family): Rule[] {
  return serversOf(settings, family).map((range): Rule => ({ when: [{ on: 'udp-sport', port: DNS }, ...(range === undefined ? [] : [{ on: 'saddr', range } as const])], verdict: { do: 'zone', zone: 1 } }));
}
