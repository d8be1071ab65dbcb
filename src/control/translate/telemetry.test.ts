import assert from 'node:assert/strict';
import test from 'node:test';
import { Generator } from '../generate/generator.ts';
import { snapshotOf } from '../registry/snapshot-builder.ts';
import { yamlMesh } from '../registry/testing/yaml-mesh.ts';
import { TypeUrl } from '../../xds/type-urls.ts';
import { readProxy } from './proxy.ts';

const MESH = [
  '{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: default, labels: {app: a}}, spec: {containers: []}, status: {podIP: 10.0.0.1}}',
  '{apiVersion: telemetry.istio.io/v1, kind: Telemetry, metadata: {name: logs, namespace: default}, spec: {accessLogging: [{providers: [{name: envoy}], filter: {expression: "response.code >= 400"}}]}}',
];

/** What is said of the mesh's objects when such a proxy is connected. */
function said(userAgentName: string): string[] {
  const generator = new Generator(snapshotOf(yamlMesh(MESH)));
  const read = readProxy({ id: 'sidecar~10.0.0.1~a.default~default.svc.cluster.local', metadata: { NAMESPACE: 'default', LABELS: { app: 'a' } }, extensions: [], userAgentName });
  if ('error' in read) throw new Error(read.error);
  generator.resources(read.proxy, TypeUrl.Listener, 'all');
  return generator.leftOut.map(({ kind, name, field }) => `${kind} ${name} ${field}`);
}

test('which calls are logged by an expression is for Envoy, and the object says so where our own proxy is', () => {
  assert.deepEqual(said('envoy'), []);
  assert.deepEqual([...new Set(said('lateen'))], ['Telemetry logs spec.accessLogging[0].filter.expression']);
});
