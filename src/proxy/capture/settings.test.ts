import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderCaptureRules } from './nft.ts';
import { captureRules } from './rules.ts';
import { parseCaptureArguments } from './settings.ts';
import { simulateRules } from './iptables-simulator.fixture.ts';

const INJECTED = ['-p', '15001', '-z', '15006', '-u', '1337', '-m', 'REDIRECT', '-i', '*', '-x', '', '-b', '*', '-d', '15090,15021,15020', '--log_output_level=default:info'];
const settingsOf = (argv: string[]) => {
  const parsed = parseCaptureArguments(argv);
  assert.ok(parsed.ok, parsed.ok ? '' : parsed.problems.join());
  return parsed.settings;
};

test('the arguments of an injected pod capture everything but the sidecar’s own ports', () => {
  const settings = settingsOf(INJECTED);
  assert.deepEqual([settings.proxyGids, settings.inboundPorts, settings.outboundRanges, settings.inboundPortsExclude], [['1337'], 'all', 'all', ['15090', '15021', '15020']]);
  const rules = captureRules(settings, 'ip');
  const inbound = (dport: number) => simulateRules(rules, { hook: 'prerouting', protocol: 'tcp', saddr: '10.0.0.1', daddr: '10.0.0.2', dport, iif: 'eth0' });
  assert.deepEqual([inbound(9080), inbound(15_020), inbound(15_021), inbound(15_090), inbound(15_008)], [15_006, 'pass', 'pass', 'pass', 'pass']);
});

test('excluded ports win over the loop through the own service', () => {
  const rules = captureRules(settingsOf([...INJECTED, '-o', '3306']), 'ip');
  const out = (dport: number) => simulateRules(rules, { hook: 'output', protocol: 'tcp', saddr: '10.0.0.2', daddr: '10.0.0.9', dport, oif: 'eth0', uid: '0', gid: '0' });
  assert.deepEqual([out(3306), out(3307)], ['pass', 15_001]);
});

test('all mistakes are told at once, and nothing but ports, ranges and names gets into a rule', () => {
  const parsed = parseCaptureArguments(['-p', '70000', '-b', '80; flush ruleset', '-i', '10.0.0.0', '-u', '$(id)', '--what', '-k', 'eth0"']);
  assert.ok(!parsed.ok);
  for (const text of [/-p 70000/, /-b: "80; flush/, /-i: "10.0.0.0"/, /-u: "\$\(id\)"/, /--what/, /-k: "eth0""/]) assert.match(parsed.problems.join('\n'), text);
});

test('DNS capture is told to be missing instead of sending queries nowhere', () => {
  const parsed = parseCaptureArguments([...INJECTED, '--redirect-dns']);
  assert.ok(parsed.ok && parsed.warnings.some((w) => w.includes('DNS')));
});

test('quotes that a shell would have taken away are taken away', () => {
  assert.equal(settingsOf(['-i', "'*'", '-x', '""']).outboundRanges, 'all');
});

test('the script replaces what an earlier run left', () => {
  assert.match(renderCaptureRules(settingsOf(INJECTED)), /^add table ip lateen\ndelete table ip lateen\ntable ip lateen \{/);
});
