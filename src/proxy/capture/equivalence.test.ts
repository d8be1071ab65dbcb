/** Our rules and Istio's, compared by what becomes of packets. Recorded rule sets: `../shared/data/suites/istio-iptables`. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { captureRules } from './rules.ts';
import { parseCaptureArguments } from './settings.ts';
import { readTables, simulateRules, simulateText } from './iptables-simulator.fixture.ts';
import type { Packet } from './iptables-simulator.fixture.ts';

const SUITE = new URL('../../../../shared/data/suites/istio-iptables/', import.meta.url);

/** Arguments that give each recorded rule set; null: left out, with the reason. */
const CASES: Readonly<Record<string, string | { readonly leftOut: string }>> = {
  'empty': '',
  'ip-range': '--redirect-dns -u 3,4 -g 1,2 -i 9.9.0.0/16 -x 1.1.0.0/16',
  'ipnets': '-i 10.0.0.0/8',
  'ipnets-with-kube-virt-interfaces': '-i 10.0.0.0/8 -k eth1,eth2',
  'kube-virt-interfaces': '-i * -k eth1,eth2',
  'inbound-ports-include': '-b 32000,31000',
  'host-ipv4-loopback-cidr': '--host-ipv4-loopback-cidr 127.0.0.1/8',
  'outbound-owner-groups': '--istio-outbound-owner-groups java,202',
  'outbound-owner-groups-exclude': '--istio-outbound-owner-groups-exclude 888,ftp',
  'ipv6-outbound-ports': '-q 32000,31000',
  'ipv6-uid-gid': '-u 3,4 -g 1,2 -b 4000,5000 -i 2001:db8::/32 -x 2001:db8::/32 -k eth0,eth1',
  'dns-uid-gid': '--redirect-dns -u 3,4 -g 1,2',
  'ipv6-dns-uid-gid': '-u 3,4 -g 1,2',
  'ipv6-dns-outbound-owner-groups-exclude': '--istio-outbound-owner-groups-exclude 888,ftp',
  'inbound-ports-tproxy': { leftOut: 'TPROXY is refused' },
  'inbound-ports-wildcard-tproxy': { leftOut: 'TPROXY is refused' },
  'tproxy': { leftOut: 'TPROXY is refused' },
};

function* packets(family: 'ip' | 'ip6'): Generator<Packet> {
  const v4 = family === 'ip';
  const self = v4 ? '10.244.0.7' : '2001:db8::7';
  const remotes = v4 ? ['10.1.2.3', '9.9.1.1', '1.1.1.1', '8.8.8.8', '127.0.0.1', '127.0.0.2', '127.0.0.53', self] : ['2001:db8::9', '2001:beef::1', '::1', '::127.0.0.53', self];
  const ports = [53, 80, 4000, 15_001, 15_008, 15_020, 31_000, 32_000];
  const uids = ['0', '3', '4', '1337'];
  const gids = ['0', '1', '2', '202', '888', '1337', 'java'];
  const flows = [...ports.map((dport) => ({ protocol: 'tcp', dport, sport: 40_000 }) as const), ...[[53, 40_000], [80, 40_000], [40_000, 53], [40_000, 15_053]].map(([dport = 0, sport = 0]) => ({ protocol: 'udp', dport, sport }) as const)];
  for (const flow of flows) {
    for (const iif of ['eth0', 'eth1', 'eth2', 'lo']) for (const daddr of remotes) for (const saddr of [remotes[0] ?? '', v4 ? '127.0.0.53' : '::127.0.0.53']) yield { hook: 'prerouting', ...flow, saddr, daddr, iif };
    for (const daddr of remotes) {
      const oif = daddr === self || daddr === '::1' || daddr.startsWith('127.') ? 'lo' : 'eth0';
      for (const uid of uids) for (const gid of gids) for (const saddr of [self, v4 ? '127.0.0.6' : '::6']) yield { hook: 'output', ...flow, saddr, daddr, oif, uid, gid };
    }
  }
}

const NAMESERVERS = ['127.0.0.53', '::127.0.0.53'];

const has = existsSync(SUITE);
for (const [name, args] of Object.entries(CASES)) {
  if (typeof args !== 'string') {
    test(`${name}: ${args.leftOut}`, () => {
      const parsed = parseCaptureArguments(['-m', 'TPROXY']);
      assert.ok(!parsed.ok && /only REDIRECT is supported/.test(parsed.problems.join()));
    });
    continue;
  }
  test(`${name}: every packet has the fate that the recorded rules give it`, { skip: !has && 'the recorded rule sets are not here' }, () => {
    const parsed = parseCaptureArguments(args === '' ? [] : args.split(' '), { env: {}, nameservers: NAMESERVERS });
    assert.ok(parsed.ok);
    const text = readFileSync(new URL(`${name}.golden`, SUITE), 'utf8');
    let met = 0;
    for (const stage of ['nat', 'raw'] as const) {
      for (const [i, table] of readTables(text, stage).entries()) {
        const family = i === 0 ? 'ip' : 'ip6';
        const ours = captureRules(parsed.settings, family);
        for (const packet of packets(family)) {
          const want = simulateText(table, packet);
          if (want !== 'pass') met += 1;
          if (simulateRules(ours, packet, stage) !== want) assert.deepEqual({ fate: simulateRules(ours, packet, stage), packet, family }, { fate: want, packet, family });
        }
      }
    }
    assert.ok(met > 0, 'the probes meet at least one rule');
  });
}

test('every recorded rule set has a case', { skip: !has && 'the recorded rule sets are not here' }, () => {
  assert.deepEqual(readdirSync(SUITE).filter((f) => f.endsWith('.golden')).map((f) => f.replace('.golden', '')).sort(), Object.keys(CASES).sort());
});
