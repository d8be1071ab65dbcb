import assert from 'node:assert/strict';
import test from 'node:test';
import { anyUnpack, StringValueSchema } from '@bufbuild/protobuf/wkt';
import { HTTPFaultSchema } from '../../xds/generated/envoy/extensions/filters/http/fault/v3/fault_pb.js';
import { WasmSchema } from '../../xds/generated/envoy/extensions/filters/http/wasm/v3/wasm_pb.js';
import { snapshotOf } from '../registry/snapshot-builder.ts';
import { yamlMesh } from '../registry/testing/yaml-mesh.ts';
import type { WasmModule } from '../registry/wasm-modules.ts';
import type { Context } from './context.ts';
import { httpFilters, type HttpFilterInit } from './http-filters.ts';
import { contextFor, type TestProxy } from './testing/context.ts';
import { pluginClusters, pluginPlan } from './wasm.ts';

const plugin = (name: string, spec: string, namespace = 'default') => `
apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: {name: ${name}, namespace: ${namespace}}
spec: {${spec}}
`;
const file = (name: string, spec = '', namespace = 'default') => plugin(name, `url: 'file:///${name}.wasm'${spec === '' ? '' : `, ${spec}`}`, namespace);

const short = (filters: readonly HttpFilterInit[]): string[] => filters.map(({ name = '' }) => name.replace('extenstions.istio.io/wasmplugin/', ''));
const on = (context: Context, side: 'CLIENT' | 'SERVER'): string[] => short(pluginPlan(context, side).map(({ filter }) => filter));

for (const [what, objects, who, expected] of [
  ['of the root namespace and of its own', [file('a', '', 'istio-system'), file('b'), file('c', '', 'other')], {}, ['istio-system.a', 'default.b']],
  ['that a selector picks', [file('a', 'selector: {matchLabels: {app: web}}'), file('b', 'selector: {matchLabels: {app: other}}')], { labels: { app: 'web' } }, ['default.a']],
  ['higher priority first, then of the root namespace, then the older', [file('a', 'priority: -1'), file('b'), file('c', 'priority: 5'), file('d', '', 'istio-system'), file('e')], {}, ['default.c', 'istio-system.d', 'default.b', 'default.e', 'default.a']],
  ['of a Gateway, by its name', [file('a', 'targetRefs: [{kind: Gateway, group: gateway.networking.k8s.io, name: edge}]'), file('b', 'targetRefs: [{kind: Gateway, group: gateway.networking.k8s.io, name: other}]'), file('c', 'targetRef: {kind: Gateway, group: gateway.networking.k8s.io, name: edge}')], { kind: 'router', labels: { 'gateway.networking.k8s.io/gateway-name': 'edge' } }, ['default.a', 'default.c']],
  ['none of a Service', [file('a', 'targetRefs: [{kind: Service, name: web}]')], {}, []],
  ['no images, and no network filters', [plugin('a', 'url: "oci://example.com/x"'), plugin('b', 'url: example.com/x'), file('c', 'type: NETWORK')], {}, []],
] as const satisfies readonly (readonly [string, readonly string[], TestProxy, readonly string[]])[]) {
  test(`a proxy gets plugins ${what}`, () => assert.deepEqual(on(contextFor(objects, who), 'CLIENT'), expected));
}

for (const [match, client, server] of [
  ['', ['*'], ['*']],
  ['match: [{mode: CLIENT}]', ['*'], []],
  ['match: [{mode: SERVER}]', [], ['*']],
  ['match: [{mode: CLIENT_AND_SERVER}]', ['*'], ['*']],
  ['match: [{ports: [{number: 80}, {number: 81}]}]', ['80,81'], ['80,81']],
  ['match: [{mode: CLIENT, ports: [{number: 80}]}, {mode: SERVER}]', ['80'], ['*']],
] as const) {
  test(`a plugin stands where it matches: ${match || 'everywhere'}`, () => {
    const context = contextFor(file('a', match));
    const ports = (side: 'CLIENT' | 'SERVER') => pluginPlan(context, side).map((p) => (p.ports ? [...p.ports].join() : '*'));
    assert.deepEqual([ports('CLIENT'), ports('SERVER')], [client, server]);
  });
}

test('plugins stand at their phase, and only on their ports', () => {
  const context = contextFor([file('last'), file('stats', 'phase: STATS'), file('authz', 'phase: AUTHZ'), file('authn', 'phase: AUTHN'), file('elsewhere', 'match: [{ports: [{number: 9}]}]')]);
  const step = (name: string): HttpFilterInit => ({ name });
  const names = (port?: number) => short(httpFilters(context, { position: 'inbound', security: { authn: [step('JWT')], authz: [step('RBAC')] }, plugins: pluginPlan(context, 'SERVER'), port })).filter((name) => !name.startsWith('envoy.'));
  assert.deepEqual(names(80), ['default.authn', 'JWT', 'default.authz', 'RBAC', 'default.stats', 'default.last']);
  assert.deepEqual(names(9), ['default.authn', 'JWT', 'default.authz', 'RBAC', 'default.stats', 'default.last', 'default.elsewhere']);
  assert.deepEqual(names(), names(80));
});

/** With what is known of a module. */
function fetched(yaml: string, modules: Readonly<Record<string, WasmModule>>): Context {
  return { ...contextFor(yaml), snapshot: snapshotOf({ ...yamlMesh(yaml), modules: new Map(Object.entries(modules)) }) };
}
const only = (context: Context): HttpFilterInit['configType'] => pluginPlan(context, 'CLIENT')[0]?.filter.configType;
const wasm = (context: Context) => {
  const configType = only(context);
  return configType?.case === 'typedConfig' ? anyUnpack(configType.value as never, WasmSchema)?.config : undefined;
};
const [URL, SHA] = ['http://modules.test:8080/a.wasm', 'a'.repeat(64)];

test('a plugin says what it runs, with what, and what happens when it fails', () => {
  const config = wasm(contextFor(file('a', 'pluginName: root, failStrategy: FAIL_OPEN, pluginConfig: {x: [1, "y"]}, vmConfig: {env: [{name: A, value: b}, {name: HOME, valueFrom: HOST}]}')));
  assert.deepEqual([config?.name, config?.rootId, config?.failOpen], ['default.a', 'root', true]);
  assert.equal(config?.configuration && anyUnpack(config.configuration, StringValueSchema)?.value, '{"x":[1,"y"]}');
  const vm = config?.vm.value;
  assert.deepEqual([vm?.runtime, vm?.code?.specifier.value && 'specifier' in vm.code.specifier.value && vm.code.specifier.value.specifier.value], ['envoy.wasm.runtime.v8', '/a.wasm']);
  assert.deepEqual([vm?.environmentVariables?.hostEnvKeys, vm?.environmentVariables?.keyValues], [['HOME'], { A: 'b' }]);
});

test('a module is fetched by a cluster of its own, and by its digest: of the object, or what the control plane has seen', () => {
  const remote = (context: Context) => {
    const specifier = wasm(context)?.vm.value?.code?.specifier;
    return specifier?.case === 'remote' ? [specifier.value.sha256, specifier.value.httpUri?.uri, specifier.value.httpUri?.httpUpstreamType.value] : undefined;
  };
  const given = contextFor(plugin('a', `url: "${URL}", sha256: ${SHA}`));
  assert.deepEqual(remote(given), [SHA, URL, 'wasm|8080||modules.test']);
  assert.deepEqual(pluginClusters(given).map((c) => [c.name, c.clusterDiscoveryType.value, c.transportSocket]), [['wasm|8080||modules.test', 1, undefined]]);
  const https = pluginClusters(contextFor(plugin('a', `url: "https://10.0.0.1/a.wasm", sha256: ${SHA}`)));
  assert.deepEqual(https.map((c) => [c.name, c.clusterDiscoveryType.value, c.transportSocket?.name]), [['wasm|443|tls|10.0.0.1', 0, 'envoy.transport_sockets.tls']]);
  assert.deepEqual(remote(fetched(plugin('a', `url: "${URL}"`), { [URL]: { sha256: SHA } })), [SHA, URL, 'wasm|8080||modules.test']);
});

test('a plugin whose module is not known yet is not there; one whose module cannot be had follows its failStrategy', () => {
  assert.equal(only(contextFor(plugin('a', `url: "${URL}"`))), undefined);
  const problem = { [URL]: { problem: 'gone' } };
  const closed = only(fetched(plugin('a', `url: "${URL}"`), problem));
  const fault = closed?.case === 'typedConfig' ? anyUnpack(closed.value as never, HTTPFaultSchema) : undefined;
  assert.deepEqual([fault?.abort?.errorType.value, fault?.abort?.percentage?.numerator], [503, 100]);
  assert.equal(only(fetched(plugin('a', `url: "${URL}", failStrategy: FAIL_OPEN`), problem)), undefined);
});

for (const [what, yaml, modules, expected] of [
  ['an image', plugin('a', 'url: "oci://example.com/x"'), {}, /^spec\.url images are not pulled.*http:\/\//],
  ['a network filter', file('a', 'type: NETWORK'), {}, /^spec\.type plugins are HTTP filters only/],
  ['a module that is being fetched', plugin('a', `url: "${URL}"`), {}, /^spec\.url the module is being fetched/],
  ['a module that cannot be fetched', plugin('a', `url: "${URL}"`), { [URL]: { problem: 'answers 404' } }, /^spec\.url .*answers 404; requests are answered 503/],
  ['the same, passed over', plugin('a', `url: "${URL}", failStrategy: FAIL_OPEN`), { [URL]: { problem: 'answers 404' } }, /answers 404; requests pass as if the plugin were not there/],
  ['another module than was meant', plugin('a', `url: "${URL}", sha256: ${SHA}`), { [URL]: { sha256: 'b'.repeat(64) } }, /^spec\.sha256 what http.* serves has the digest bbb/],
  ['a module that is not started anew', file('a', 'failStrategy: FAIL_RELOAD'), {}, /^spec\.failStrategy a module that has failed is not started anew/],
  ['a target without a proxy', file('a', 'targetRefs: [{kind: Service, name: web}]'), {}, /^spec\.targetRefs\[0\] Service web has no proxy of its own/],
  ['nothing', plugin('a', `url: "${URL}", sha256: ${SHA}`), { [URL]: { sha256: SHA } }, /^$/],
] as const) {
  test(`the status tells of ${what}`, () => {
    assert.match(fetched(yaml, modules).snapshot.leftOut.map(({ field, reason }) => `${field} ${reason}`).join(), expected);
  });
}
