/** What traffic of a pod goes through its sidecar. Flags and defaults: Istio's istio-iptables. Only node's own modules are used
 * in this folder: it runs once per pod, before everything else. */
import { isIP } from 'node:net';

/** `all`, or an explicit list. */
export type Selection = 'all' | readonly string[];

export interface CaptureSettings {
  /** Where outbound connections go; -p, 15001. */
  readonly outboundPort: number;
  /** Where inbound connections go; -z, 15006. */
  readonly inboundPort: number;
  /** Never captured; -e, 15008. */
  readonly tunnelPort: number;
  /** Users and groups whose own traffic passes: the sidecar's; -u and -g, 1337. */
  readonly proxyUids: readonly string[];
  readonly proxyGids: readonly string[];
  /** -b; `*` or ports. Empty: no inbound capture. */
  readonly inboundPorts: Selection;
  /** -d; only with all inbound ports. */
  readonly inboundPortsExclude: readonly string[];
  /** -i; `*` or ranges. Empty: no outbound capture by address. */
  readonly outboundRanges: Selection;
  /** -x */
  readonly outboundRangesExclude: readonly string[];
  /** -q; captured whatever the address is. */
  readonly outboundPorts: readonly string[];
  /** -o */
  readonly outboundPortsExclude: readonly string[];
  /** Only traffic of these groups is captured; --istio-outbound-owner-groups, `*`. */
  readonly ownerGroups: Selection;
  readonly ownerGroupsExclude: readonly string[];
  /** Interfaces of virtual machines: what comes in by them is outbound traffic; -k. */
  readonly virtualInterfaces: readonly string[];
  /** -c */
  readonly excludeInterfaces: readonly string[];
  /** Whose DNS queries go to the sidecar; --redirect-dns or ISTIO_META_DNS_CAPTURE. `all`: --capture-all-dns. Empty: nobody's. */
  readonly nameservers: Selection;
  /** Where they go; Istio: 15053. */
  readonly dnsPort: number;
  /** What counts as loopback; --host-ipv4-loopback-cidr, 127.0.0.1/32. */
  readonly loopbackV4: string;
}

export type CaptureResult =
  | { readonly ok: true; readonly settings: CaptureSettings; readonly warnings: readonly string[]; readonly dryRun: boolean; readonly cleanup: boolean }
  | { readonly ok: false; readonly problems: readonly string[] };

const DEFAULT_UID = '1337';
const DNS_PORT = 15_053;

type Flag = 'text' | 'switch' | 'ignored';

/** Long name → kind; short names map onto them. */
const FLAGS: Readonly<Record<string, Flag>> = {
  'envoy-port': 'text',
  'inbound-capture-port': 'text',
  'istio-inbound-tunnel-port': 'text',
  'proxy-uid': 'text',
  'proxy-gid': 'text',
  'istio-inbound-interception-mode': 'text',
  'istio-inbound-ports': 'text',
  'istio-local-exclude-ports': 'text',
  'istio-service-cidr': 'text',
  'istio-service-exclude-cidr': 'text',
  'istio-outbound-ports': 'text',
  'istio-local-outbound-ports-exclude': 'text',
  'istio-outbound-owner-groups': 'text',
  'istio-outbound-owner-groups-exclude': 'text',
  'kube-virt-interfaces': 'text',
  'istio-exclude-interfaces': 'text',
  'host-ipv4-loopback-cidr': 'text',
  'redirect-dns': 'switch',
  'capture-all-dns': 'switch',
  'dry-run': 'switch',
  'cleanup-only': 'switch',
  'istio-inbound-tproxy-mark': 'ignored',
  'istio-inbound-tproxy-route-table': 'ignored',
  'log_output_level': 'ignored',
  'iptables-probe-port': 'ignored',
  'probe-timeout': 'ignored',
  'network-namespace': 'ignored',
  'iptables-version': 'ignored',
  'native-nftables': 'switch',
  'dual-stack': 'switch',
  'drop-invalid': 'switch',
  'run-validation': 'switch',
  'skip-rule-apply': 'switch',
  'force-apply': 'switch',
  'reconcile': 'switch',
  'cni-mode': 'switch',
};
const SHORT: Readonly<Record<string, string>> = {
  p: 'envoy-port', z: 'inbound-capture-port', e: 'istio-inbound-tunnel-port', u: 'proxy-uid', g: 'proxy-gid', m: 'istio-inbound-interception-mode',
  b: 'istio-inbound-ports', d: 'istio-local-exclude-ports', i: 'istio-service-cidr', x: 'istio-service-exclude-cidr', q: 'istio-outbound-ports',
  o: 'istio-local-outbound-ports-exclude', k: 'kube-virt-interfaces', c: 'istio-exclude-interfaces', t: 'istio-inbound-tproxy-mark', r: 'istio-inbound-tproxy-route-table', n: 'dry-run',
};

/** What the arguments do not say. */
export interface CaptureSurroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Of the pod's resolv.conf. */
  readonly nameservers: readonly string[];
}

/** @param argv after `istio-iptables` */
export function parseCaptureArguments(argv: readonly string[], around: CaptureSurroundings = { env: {}, nameservers: [] }): CaptureResult {
  const problems: string[] = [];
  const { values, switches } = readFlags(argv, problems);
  const text = (name: string, fallback: string) => values.get(name) ?? fallback;
  const mode = text('istio-inbound-interception-mode', 'REDIRECT');
  if (mode !== 'REDIRECT') problems.push(`-m ${mode}: only REDIRECT is supported; remove the annotation sidecar.istio.io/interceptionMode`);
  const uids = list(text('proxy-uid', DEFAULT_UID));
  const capturesDns = switches.has('redirect-dns') || switches.has('capture-all-dns') || /^(true|1)$/i.test(around.env['ISTIO_META_DNS_CAPTURE'] ?? '');
  const selection = (name: string, fallback: string): Selection => (text(name, fallback).trim() === '*' ? 'all' : list(text(name, fallback)));
  const settings: CaptureSettings = {
    outboundPort: port(text('envoy-port', '15001'), '-p', problems),
    inboundPort: port(text('inbound-capture-port', '15006'), '-z', problems),
    tunnelPort: port(text('istio-inbound-tunnel-port', '15008'), '-e', problems),
    proxyUids: uids,
    proxyGids: values.has('proxy-gid') ? list(text('proxy-gid', '')) : uids,
    inboundPorts: selection('istio-inbound-ports', ''),
    inboundPortsExclude: list(text('istio-local-exclude-ports', '')),
    outboundRanges: selection('istio-service-cidr', ''),
    outboundRangesExclude: list(text('istio-service-exclude-cidr', '')),
    outboundPorts: list(text('istio-outbound-ports', '')),
    outboundPortsExclude: list(text('istio-local-outbound-ports-exclude', '')),
    ownerGroups: selection('istio-outbound-owner-groups', '*'),
    ownerGroupsExclude: list(text('istio-outbound-owner-groups-exclude', '')),
    virtualInterfaces: list(text('kube-virt-interfaces', '')),
    excludeInterfaces: list(text('istio-exclude-interfaces', '')),
    nameservers: capturesDns ? (switches.has('capture-all-dns') ? 'all' : around.nameservers) : [],
    dnsPort: DNS_PORT,
    loopbackV4: text('host-ipv4-loopback-cidr', '127.0.0.1/32'),
  };
  checkLists(settings, problems);
  if (problems.length > 0) return { ok: false, problems };
  const warnings = capturesDns && settings.nameservers.length === 0 ? ['DNS capture has no effect: resolv.conf names no server'] : [];
  return { ok: true, settings, warnings, dryRun: switches.has('dry-run'), cleanup: switches.has('cleanup-only') };
}

function readFlags(argv: readonly string[], problems: string[]): { values: Map<string, string>; switches: Set<string> } {
  const values = new Map<string, string>();
  const switches = new Set<string>();
  for (let i = 0; i < argv.length; i++) {
    const arg = argv[i] ?? '';
    const match = /^--([^=]+)(?:=([^]*))?$/.exec(arg) ?? /^-([a-z])(?:=?([^]+))?$/.exec(arg);
    const name = match?.[1] === undefined ? '' : arg.startsWith('--') ? match[1] : (SHORT[match[1]] ?? '');
    const kind = FLAGS[name];
    if (kind === undefined) problems.push(`unknown argument "${arg}"`);
    else if (kind === 'switch') {
      if (match?.[2] !== 'false') switches.add(name);
    } else {
      const value = match?.[2] ?? argv[++i];
      if (value === undefined) problems.push(`${arg} needs a value`);
      else if (kind === 'text') values.set(name, unquote(value));
    }
  }
  return { values, switches };
}

/** A template that quotes for a shell which is not there leaves the quotes in. */
const unquote = (value: string) => value.replace(/^(['"])(.*)\1$/s, '$2');
const list = (text: string): string[] => text.split(',').map((part) => part.trim()).filter((part) => part !== '');

function port(text: string, flag: string, problems: string[]): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 65_535) problems.push(`${flag} ${text}: not a port from 1 to 65535`);
  return value;
}

/** Everything ends up in a rule set: nothing but what it should be may get there. */
function checkLists(settings: CaptureSettings, problems: string[]): void {
  const check = (flag: string, items: Selection, isGood: (item: string) => boolean): void => {
    for (const item of items === 'all' ? [] : items) if (!isGood(item)) problems.push(`${flag}: "${item}" is not valid`);
  };
  const isPort = (item: string) => /^\d{1,5}$/.test(item) && Number(item) > 0 && Number(item) < 65_536;
  const isAddress = (item: string) => isIP(item) !== 0;
  const isRange = (item: string) => /^[0-9a-fA-F.:]+\/\d{1,3}$/.test(item);
  const isOwner = (item: string) => /^(\d{1,10}|[a-z_][a-z0-9_-]{0,31})$/.test(item);
  const isInterface = (item: string) => /^[A-Za-z0-9_.@-]{1,15}$/.test(item);
  check('-u', settings.proxyUids, isOwner);
  check('-g', settings.proxyGids, isOwner);
  check('-b', settings.inboundPorts, isPort);
  check('-d', settings.inboundPortsExclude, isPort);
  check('-q', settings.outboundPorts, isPort);
  check('-o', settings.outboundPortsExclude, isPort);
  check('-i', settings.outboundRanges, isRange);
  check('-x', settings.outboundRangesExclude, isRange);
  check('--host-ipv4-loopback-cidr', [settings.loopbackV4], isRange);
  check('--istio-outbound-owner-groups', settings.ownerGroups, isOwner);
  check('--istio-outbound-owner-groups-exclude', settings.ownerGroupsExclude, isOwner);
  check('resolv.conf', settings.nameservers, isAddress);
  check('-k', settings.virtualInterfaces, isInterface);
  check('-c', settings.excludeInterfaces, isInterface);
}
