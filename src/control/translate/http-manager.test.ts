import assert from 'node:assert/strict';
import test from 'node:test';
import { fromBinary } from '@bufbuild/protobuf';
import type { MeshConfig } from '../../api/mesh-config.ts';
import { defaultMeshConfig } from '../../api/mesh-config.ts';
import { HttpConnectionManager_ForwardClientCertDetails as Xfcc, HttpConnectionManager_ServerHeaderTransformation as ServerHeader, HttpConnectionManagerSchema } from '../../xds/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { httpManager } from './http-manager.ts';
import { contextFor } from './testing/context.ts';

type Defaults = Partial<MeshConfig['defaultConfig']>;

function managerOf(position: 'inbound' | 'gateway', defaults: Defaults) {
  const context = contextFor('', {}, { config: { defaultConfig: { ...defaultMeshConfig().defaultConfig, ...defaults } } });
  const { configType } = httpManager({ position, statPrefix: 'x', routes: 'x', telemetry: { accessLog: [], outcomes: [], plugins: [], tracing: undefined } as never }, context);
  assert.equal(configType?.case, 'typedConfig');
  return fromBinary(HttpConnectionManagerSchema, (configType as { value: { value: Uint8Array } }).value.value);
}

test('what a gateway believes of a request’s way, and what it tells of the client’s certificate', () => {
  const plain = managerOf('gateway', {});
  assert.deepEqual([plain.useRemoteAddress, plain.xffNumTrustedHops, plain.forwardClientCertDetails, plain.setCurrentClientCertDetails?.cert], [true, 0, Xfcc.SANITIZE_SET, true]);
  const behind = managerOf('gateway', { gatewayTopology: { numTrustedProxies: 2, forwardClientCertDetails: 'APPEND_FORWARD' } });
  assert.deepEqual([behind.xffNumTrustedHops, behind.forwardClientCertDetails], [2, Xfcc.APPEND_FORWARD]);
  const inbound = managerOf('inbound', { proxyHeaders: { setCurrentClientCertDetails: { uri: true } } });
  assert.deepEqual([inbound.forwardClientCertDetails, inbound.setCurrentClientCertDetails?.uri, inbound.setCurrentClientCertDetails?.subject?.valueOf() ?? false], [Xfcc.APPEND_FORWARD, true, false]);
});

test('headers of the proxy’s own can be changed or left out, and HTTP/1.0 let in', () => {
  const plain = managerOf('inbound', {});
  assert.deepEqual([plain.serverName, plain.serverHeaderTransformation, plain.generateRequestId, plain.httpProtocolOptions?.acceptHttp10], ['istio-envoy', ServerHeader.OVERWRITE, undefined, false]);
  const other = managerOf('inbound', { proxyHeaders: { server: { disabled: true, value: 'mine' }, requestId: { disabled: true } }, proxyMetadata: { ISTIO_META_HTTP10: '1' } });
  assert.deepEqual([other.serverName, other.serverHeaderTransformation, other.generateRequestId, other.httpProtocolOptions?.acceptHttp10], ['mine', ServerHeader.PASS_THROUGH, false, true]);
});

test('what a pod says of its own proxy is laid over the mesh’s words, for that proxy only', () => {
  const config = { defaultConfig: { ...defaultMeshConfig().defaultConfig, gatewayTopology: { numTrustedProxies: 1 }, proxyHeaders: { server: { value: 'mesh' } } } };
  const own = 'gatewayTopology: {numTrustedProxies: 3}\nproxyHeaders: {xForwardedPort: {enabled: true}}';
  const of = (annotations: Record<string, string>) => {
    const context = contextFor('', { kind: 'router', metadata: { ANNOTATIONS: annotations as never } }, { config });
    const { configType } = httpManager({ position: 'gateway', statPrefix: 'x', routes: 'x', telemetry: { accessLog: [], tcpLog: [], refusals: [], outcomes: [], plugins: [] } }, context);
    const manager = fromBinary(HttpConnectionManagerSchema, (configType as { value: { value: Uint8Array } }).value.value);
    return [manager.xffNumTrustedHops, manager.serverName, manager.appendXForwardedPort];
  };
  assert.deepEqual(of({}), [1, 'mesh', false]);
  assert.deepEqual(of({ 'proxy.istio.io/config': own }), [3, 'mesh', true]);
  assert.deepEqual(of({ 'proxy.istio.io/config': 'gatewayTopology: 3' }), [1, 'mesh', false], 'what is no configuration changes nothing');
});
