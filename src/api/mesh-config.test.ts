import assert from 'node:assert/strict';
import { test } from 'node:test';
import { issueText } from './issue.ts';
import { decodeMeshConfig, defaultMeshConfig } from './mesh-config.ts';

test('an empty text gives the defaults', () => {
  assert.deepEqual(decodeMeshConfig(''), { value: defaultMeshConfig(), issues: [] });
});

test('given fields are laid over the defaults, level by level', () => {
  const { value, issues } = decodeMeshConfig('accessLogFile: /dev/stdout\ndefaultConfig:\n  tracing: {sampling: 100}\n  proxyMetadata: {A: b}\noutboundTrafficPolicy: {mode: REGISTRY_ONLY}\n');
  assert.deepEqual(issues, []);
  assert.equal(value.accessLogFile, '/dev/stdout');
  assert.equal(value.defaultConfig.tracing.sampling, 100);
  assert.deepEqual(value.defaultConfig.proxyMetadata, { A: 'b' });
  assert.equal(value.defaultConfig.drainDuration, '45s');
  assert.equal(value.outboundTrafficPolicy.mode, 'REGISTRY_ONLY');
});

test('an unknown field is a warning and the rest is taken', () => {
  const { value, issues } = decodeMeshConfig('enableTracng: false\nconnectTimeout: 3s\n');
  assert.deepEqual(issues.map(issueText), ['enableTracng: unknown field "enableTracng", did you mean enableTracing?']);
  assert.equal(value.connectTimeout, '3s');
});

const REFUSED: readonly (readonly [string, string, RegExp])[] = [
  ['a wrong type', 'enableTracing: "yes"', /^enableTracing: must be a boolean/],
  ['a duration that is none', 'connectTimeout: soon', /^connectTimeout: must be a duration such as 10s, not "soon"/],
  ['a duration of the proxy that is none', 'defaultConfig: {drainDuration: x}', /^defaultConfig.drainDuration: must be a duration/],
  ['a provider without what it needs', 'extensionProviders: [{name: a, opentelemetry: {port: 4318}}]', /^extensionProviders\[0\].opentelemetry.service: is required/],
  ['text that is no YAML', 'a: b: c', /^not valid YAML: /],
  ['an operator that is none', 'accessLogFormat: "%NONSENSE%"', /^accessLogFormat: there is no operator %NONSENSE%/],
  ['a percent sign in a JSON format', 'accessLogEncoding: JSON\naccessLogFormat: \'{"a": "%PROTOCOL%", "b": ["5%"]}\'', /^accessLogFormat.b\[0\]: a lone %/],
  ['an operator of a provider that is none', 'extensionProviders: [{name: a, envoyFileAccessLog: {path: /dev/stdout, logFormat: {labels: {x: "%REQ%"}}}}]', /^extensionProviders\[0\].envoyFileAccessLog.logFormat.labels.x: %REQ% needs an argument/],
  ['TLS of the mesh for hosts outside of it', 'outboundTrafficPolicy: {mode: ALLOW_ANY_DYNAMIC_DNS, tls: {mode: ISTIO_MUTUAL}}', /^outboundTrafficPolicy.tls.mode: must be SIMPLE, MUTUAL or DISABLE/],
  ['a certificate without its key', 'outboundTrafficPolicy: {mode: ALLOW_ANY_DYNAMIC_DNS, tls: {mode: MUTUAL, clientCertificate: /a}}', /^outboundTrafficPolicy.tls.privateKey: private key required/],
  ['a list', '[1]', /^must be an object, not a list/],
];
for (const [name, yaml, want] of REFUSED) {
  test(`${name} is refused, and the defaults are returned`, () => {
    const { value, issues } = decodeMeshConfig(yaml);
    assert.match(issues.map(issueText).join('\n'), want);
    assert.deepEqual(value, defaultMeshConfig());
  });
}

test('the root namespace is where the control plane is found', () => {
  assert.equal(defaultMeshConfig('mesh').defaultConfig.discoveryAddress, 'istiod.mesh.svc:15012');
});

test('a key __proto__ does not reach the prototype of objects', () => {
  decodeMeshConfig('defaultConfig: {proxyMetadata: {__proto__: x}}\n__proto__: {polluted: true}\n');
  assert.equal(({} as { polluted?: boolean }).polluted, undefined);
});

test('fields without effect are warnings that say why, and the rest is taken', () => {
  const { value, issues } = decodeMeshConfig('ingressClass: x\nconnectTimeout: 3s\nserviceSettings: [{settings: {clusterLocal: true}, hosts: [a]}]\ndefaultConfig: {runtimeValues: {a: b, overload.global_downstream_max_connections: "5"}}\nextensionProviders: [{name: d, datadog: {service: d, port: 1}}]\n');
  assert.deepEqual(issues.map(({ severity, path }) => `${severity} ${path}`), ['warning extensionProviders[0].datadog', 'warning ingressClass', 'warning serviceSettings', 'warning defaultConfig.runtimeValues.a']);
  assert.match(issues.map(issueText).join('\n'), /serviceSettings: has no effect: there is one cluster/);
  assert.equal(value.connectTimeout, '3s');
});
