import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import type { ProxyConfigObject, ProxyConfigSpec } from '../proxy-config.ts';
import { defaultInjectConfig } from './config.ts';
import { podSettings } from './pod-settings.ts';
import { proxyConfigsFor } from './proxy-configs.ts';

const at = (namespace: string, spec: string, created = '2026-01-01'): ProxyConfigObject => ({ metadata: { name: 'x', namespace, creationTimestamp: created }, spec: parse(spec) as ProxyConfigSpec });
const place = { namespace: 'default', labels: { app: 'web' }, rootNamespace: 'istio-system' };

test('the workload’s object wins over the namespace’s, and that over the mesh’s', () => {
  const objects = [
    at('default', '{selector: {matchLabels: {app: web}}, concurrency: 3}'),
    at('istio-system', '{concurrency: 1, environmentVariables: {A: mesh, B: mesh}}'),
    at('default', '{concurrency: 2, environmentVariables: {B: namespace}}'),
    at('default', '{selector: {matchLabels: {app: other}}, concurrency: 9}'),
    at('elsewhere', '{concurrency: 8}'),
  ];
  assert.deepEqual(proxyConfigsFor(objects, place), { concurrency: 3, proxyMetadata: { A: 'mesh', B: 'namespace' } });
});

test('of two objects for the same workloads the oldest wins', () => {
  const objects = [at('default', '{concurrency: 1}', '2026-01-01'), at('default', '{concurrency: 2}', '2026-02-01')];
  assert.equal(proxyConfigsFor(objects, place).concurrency, 1);
  assert.equal(proxyConfigsFor(objects.toReversed(), place).concurrency, 1);
});

test('the annotation of a pod wins over every object', () => {
  const config = defaultInjectConfig({ proxyConfigs: [at('default', '{concurrency: 2, environmentVariables: {A: object}}')] });
  const pod = { metadata: { annotations: { 'proxy.istio.io/config': 'concurrency: 5' } }, spec: { containers: [] } };
  const { proxy, proxyDiff } = podSettings(pod, 'default', config);
  assert.equal(proxy.concurrency, 5);
  assert.deepEqual(proxy.proxyMetadata, { A: 'object' });
  assert.deepEqual(proxyDiff, { concurrency: 5, proxyMetadata: { A: 'object' } });
});
