import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import { parseAllDocuments } from 'yaml';
import type { MeshConfig } from '../../api/mesh-config.ts';
import { RBAC_Action, type Policy, type RBAC } from '../../xds/generated/envoy/config/rbac/v3/rbac_pb.js';
import { RBACSchema } from '../../xds/generated/envoy/extensions/filters/http/rbac/v3/rbac_pb.js';
import { RBACSchema as NetworkRbacSchema } from '../../xds/generated/envoy/extensions/filters/network/rbac/v3/rbac_pb.js';
import { buildAuthorization } from './authorization.ts';
import { contextFor } from './testing/context.ts';
import { policyMatches, type RbacCall } from './testing/rbac.ts';

const SUITE = new URL('../../../../shared/data/suites/istio-authz', import.meta.url).pathname;
const skip = existsSync(SUITE) ? false : 'the suite is not there';
const WORKLOAD = { namespace: 'foo', labels: { app: 'httpbin', version: 'v1' } };

interface Layered {
  rules: RBAC[];
  shadow: RBAC[];
}

function ours(yaml: string, layer: 'http' | 'tcp', config: Partial<MeshConfig>): Layered {
  const built = buildAuthorization(contextFor(yaml, { ...WORKLOAD, fetches: true }, { config }));
  const made =
    layer === 'http'
      ? built.extensions.flatMap(({ typedConfig }) => anyUnpack(typedConfig, RBACSchema) ?? [])
      : built.tcp.flatMap((f) => (f.configType?.case === 'typedConfig' && f.configType.value.typeUrl ? (anyUnpack(f.configType.value as Parameters<typeof anyUnpack>[0], NetworkRbacSchema) ?? []) : []));
  return { rules: made.flatMap((m) => m.rules ?? []), shadow: made.flatMap((m) => m.shadowRules ?? []) };
}

function golden(name: string, layer: 'http' | 'tcp', outs: readonly string[]): Layered {
  const made = outs.map((out) => {
    const json = parseAllDocuments(readFileSync(join(SUITE, layer, `${name}-${out}.yaml`), 'utf8'))[0]?.toJS().typedConfig as JsonObject;
    const { '@type': _type, ...value } = json;
    return layer === 'http' ? fromJson(RBACSchema, value) : fromJson(NetworkRbacSchema, value);
  });
  return { rules: made.flatMap((m) => m.rules ?? []), shadow: made.flatMap((m) => m.shadowRules ?? []) };
}

/** Random numbers that are the same in each run. */
function seeded(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Calls out of the texts that the policies speak of, so that matches are not rare. */
function calls(yaml: string, count: number): RbacCall[] {
  const texts = new Set<string>(['', 'other', '/other', 'cluster.local/ns/default/sa/x']);
  for (const document of parseAllDocuments(yaml)) {
    JSON.stringify(document.toJS(), (_key, value: unknown) => {
      if (typeof value === 'string') for (const form of [value, value.replaceAll('*', ''), value.replaceAll('*', 'some')]) texts.add(form);
      return value;
    });
  }
  const pool = [...texts];
  const ips = [...pool.filter((t) => /^\d+\.\d+\.\d+\.\d+(\/\d+)?$/.test(t)).map((t) => t.split('/')[0] ?? ''), '8.8.8.8'];
  const ports = [...pool.filter((t) => /^\d+$/.test(t)).map(Number), 1];
  const random = seeded(7);
  const text = () => pool[random(pool.length)] ?? '';
  const ip = () => ips[random(ips.length)] ?? '';
  return Array.from({ length: count }, () => ({
    peer: random(5) === 0 ? undefined : `spiffe://${random(2) === 0 ? text() : `${['cluster.local', 'td1', 'some-td', 'foobar'][random(4)]}/ns/${text()}/sa/${text()}`}`,
    directIp: ip(), remoteIp: ip(), destinationIp: ip(), port: ports[random(ports.length)] ?? 0, sni: text(), path: text(),
    headers: { ':authority': text(), ':method': text(), 'x-header': text(), 'x-id': text(), 'x-abc': text() },
    metadata: { 'envoy.filters.http.jwt_authn': { payload: { iss: text(), sub: random(3) === 0 ? '' : text(), aud: random(2) === 0 ? text() : [text(), text()], azp: text() } } },
  }));
}

function verdicts(list: readonly RBAC[], call: RbacCall): string[] {
  const matched = (policies: Record<string, Policy>) => Object.entries(policies).filter(([, p]) => policyMatches(p, call)).map(([name]) => name);
  return list.flatMap((rbac) => matched(rbac.policies).map((name) => `${RBAC_Action[rbac.action]} ${name}`)).sort();
}

interface Case {
  name: string;
  layer: 'http' | 'tcp';
  outs?: string[];
  config?: Partial<MeshConfig>;
  /** Their conditions exclude one another, or are too many for a call made by chance to meet them all. */
  isNarrow?: boolean;
}

const CASES: Case[] = [
  { name: 'allow-nil-rule', layer: 'http', isNarrow: true },
  { name: 'allow-host-before-111', layer: 'http', isNarrow: true },
  { name: 'deny-and-allow', layer: 'http', outs: ['out1', 'out2'] },
  { name: 'dry-run-allow', layer: 'http', isNarrow: true },
  { name: 'dry-run-mix', layer: 'http' },
  { name: 'multiple-policies', layer: 'http' },
  { name: 'single-policy', layer: 'http', isNarrow: true },
  { name: 'simple-policy-td-aliases', layer: 'http', config: { trustDomain: 'td1', trustDomainAliases: ['cluster.local'] } },
  { name: 'simple-policy-multiple-td-aliases', layer: 'http', config: { trustDomain: 'td1', trustDomainAliases: ['cluster.local', 'some-td'] } },
  { name: 'simple-policy-principal-with-wildcard', layer: 'http', config: { trustDomain: 'td1', trustDomainAliases: ['foobar'] } },
  { name: 'allow-both-http-tcp', layer: 'tcp' },
  { name: 'deny-both-http-tcp', layer: 'tcp' },
  { name: 'audit-both-http-tcp', layer: 'tcp', isNarrow: true },
  { name: 'dry-run-mix', layer: 'tcp' },
];

for (const { name, layer, outs = ['out'], config = {}, isNarrow } of CASES) {
  test(`${layer} ${name}: every call is decided as Istio's golden file decides it`, { skip }, () => {
    const yaml = readFileSync(join(SUITE, layer, `${name}-in.yaml`), 'utf8');
    const [mine, theirs] = [ours(yaml, layer, config), golden(name, layer, outs)];
    for (const part of ['rules', 'shadow'] as const) {
      assert.deepEqual(mine[part].flatMap((r) => Object.keys(r.policies)).sort(), theirs[part].flatMap((r) => Object.keys(r.policies)).sort(), `${part}: names`);
      assert.deepEqual(mine[part].map((r) => r.action).sort(), theirs[part].map((r) => r.action).sort(), `${part}: actions`);
      let matches = 0;
      for (const call of calls(yaml, 4000)) {
        const want = verdicts(theirs[part], call);
        matches += want.length;
        assert.deepEqual(verdicts(mine[part], call), want, JSON.stringify(call));
      }
      if (part === 'rules' && !isNarrow) assert.ok(matches > 0, 'no call matched anything');
    }
  });
}

test('of what cannot be understood a rule that denies denies more, one that allows allows less', () => {
  const policy = (action: string, rule: string) => `{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: p, namespace: foo}, spec: {action: ${action}, rules: [${rule}]}}`;
  const call: RbacCall = { directIp: '10.1.1.1', remoteIp: '10.1.1.1', destinationIp: '10.0.0.1', port: 80, sni: '', headers: { ':method': 'GET', ':authority': 'a' }, path: '/a', metadata: {} };
  const matches = (yaml: string, at: Partial<RbacCall> = {}) => ours(yaml, 'http', {}).rules.some(({ policies }) => Object.values(policies).some((p) => policyMatches(p, { ...call, ...at })));
  for (const [what, rule, other] of [
    ['an address', '{from: [{source: {ipBlocks: ["10.9.0.0/16", "10.0.0.0/99"]}}], to: [{operation: {paths: ["/a"]}}]}', { path: '/b' }],
    ['a port', '{to: [{operation: {ports: ["http"], paths: ["/a"]}}]}', { path: '/b' }],
    ['a condition', '{when: [{key: source.weather, values: [rain]}], to: [{operation: {paths: ["/a"]}}]}', { path: '/b' }],
    ['a template of paths', '{to: [{operation: {paths: ["/x{*}"], methods: [GET]}}]}', { headers: { ':method': 'POST', ':authority': 'a' } }],
    ['an exception', '{from: [{source: {notIpBlocks: ["10.1.1.1/99"]}}], to: [{operation: {paths: ["/a"]}}]}', { path: '/b' }],
  ] as const) {
    assert.equal(matches(policy('DENY', rule)), true, `DENY, ${what}: holds for any`);
    assert.equal(matches(policy('DENY', rule), other), false, `DENY, ${what}: the rest of the rule still counts`);
    assert.equal(matches(policy('ALLOW', rule)), false, `ALLOW, ${what}: the rule allows nothing`);
  }
});
