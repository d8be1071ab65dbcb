import assert from 'node:assert/strict';
import test from 'node:test';
import { create } from '@bufbuild/protobuf';
import { anyUnpack, type Any } from '@bufbuild/protobuf/wkt';
import { OUTCOMES_METADATA } from '../../xds/agent-contract.ts';
import type { AccessLog } from '../../xds/generated/envoy/config/accesslog/v3/accesslog_pb.js';
import type { Listener } from '../../xds/generated/envoy/config/listener/v3/listener_pb.js';
import { VirtualHostSchema } from '../../xds/generated/envoy/config/route/v3/route_components_pb.js';
import { FileAccessLogSchema } from '../../xds/generated/envoy/extensions/access_loggers/file/v3/file_pb.js';
import { HttpConnectionManagerSchema } from '../../xds/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { TcpProxySchema } from '../../xds/generated/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js';
import { HttpProtocolOptionsSchema } from '../../xds/generated/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js';
import { buildInboundListener, inboundHost, inboundRoutePlans } from './inbound-listener.ts';
import { inboundPorts } from './inbound-services.ts';
import { buildOutboundCluster, planClusters } from './outbound-clusters.ts';
import { buildOutboundListener } from './outbound-listeners.ts';
import { planOutbound } from './outbound-plan.ts';
import { telemetryPlan } from './telemetry.ts';
import { contextFor } from './testing/context.ts';

const MESH = `
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: default}
spec: {selector: {app: reviews}, ports: [{name: http, port: 9080}, {name: tcp-db, port: 3306}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: reviews, namespace: default}
spec: {template: {metadata: {labels: {app: reviews}}, spec: {containers: []}}}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: outside, namespace: default}
spec: {hosts: [api.example.com], location: MESH_EXTERNAL, resolution: STATIC, ports: [{number: 80, name: http, protocol: HTTP}], endpoints: [{address: 192.0.2.1}]}
`;

const PIPE = '/etc/istio/proxy/outcomes';
const stock = (metadata: Record<string, string> = { [OUTCOMES_METADATA]: PIPE }) => contextFor(MESH, { workload: 'reviews', metadata }, { config: { accessLogFile: '/dev/stdout' } });

const configOf = (part: { configType: { case?: string; value?: unknown } }): Any => part.configType.value as Any;
const filters = (listener: Listener, type: string) => listener.filterChains.flatMap((c) => c.filters).filter((f) => f.name === `envoy.filters.network.${type}`).map(configOf);
const managers = (listener: Listener) => filters(listener, 'http_connection_manager').map((any) => anyUnpack(any, HttpConnectionManagerSchema) ?? assert.fail());
const paths = (logs: readonly AccessLog[]) => logs.map((log) => anyUnpack(configOf(log), FileAccessLogSchema)?.path);

function listeners(context = stock()) {
  const telemetry = telemetryPlan(context, 'CLIENT');
  const made = planOutbound(context).plans.map((plan) => buildOutboundListener(plan, context, telemetry));
  const outbound = (port: number) => made.find((l) => l.name.endsWith(`_${port}`)) ?? assert.fail();
  const inbound = buildInboundListener(inboundPorts(context), { context, telemetry: telemetryPlan(context, 'SERVER'), security: { authn: [], authz: [], tcp: [], guards: [] } });
  return { outbound, inbound };
}

test('a stock Envoy with an agent writes it a line of every request, beside people’s logs', () => {
  const { outbound, inbound } = listeners();
  for (const [listener, reporter] of [[outbound(9080), 'source'], [inbound, 'destination']] as const) {
    for (const manager of managers(listener)) {
      assert.deepEqual(paths(manager.accessLog), ['/dev/stdout', PIPE]);
      const format = anyUnpack(configOf(manager.accessLog[1] ?? assert.fail()), FileAccessLogSchema)?.accessLogFormat;
      assert.ok(format?.case === 'logFormat' && format.value.format.case === 'jsonFormat');
      assert.equal(format.value.format.value['reporter'], reporter);
    }
  }
});

test('connections are told of while they are open and when they end; people’s logs have them once', () => {
  const [proxy] = filters(listeners().outbound(3306), 'tcp_proxy').map((any) => anyUnpack(any, TcpProxySchema) ?? assert.fail());
  assert.equal(proxy?.accessLogOptions?.accessLogFlushInterval?.seconds, 5n);
  assert.deepEqual(paths(proxy.accessLog), ['/dev/stdout', PIPE]);
  assert.deepEqual(proxy.accessLog.map((log) => log.filter?.filterSpecifier.case), ['logTypeFilter', undefined]);
});

test('who calls is said to servers of the mesh only, and they answer only those who said it', () => {
  const context = stock();
  const told = (host: string) =>
    planClusters(context, context.scope.byHost.get(host) ?? assert.fail()).map((plan) => {
      const options = buildOutboundCluster(plan, context).typedExtensionProtocolOptions['envoy.extensions.upstreams.http.v3.HttpProtocolOptions'];
      return [plan.port.port, (options ? anyUnpack(options, HttpProtocolOptionsSchema) : undefined)?.httpFilters.map((f) => f.name) ?? []];
    });
  assert.deepEqual(told('reviews.default.svc.cluster.local'), [[9080, ['envoy.filters.http.header_mutation', 'envoy.filters.http.upstream_codec']], [3306, []]]);
  assert.deepEqual(told('api.example.com'), [[80, []]]);
  const plan = inboundRoutePlans(inboundPorts(context)).find(({ cluster }) => cluster === 'inbound|9080||') ?? assert.fail();
  const { routes } = create(VirtualHostSchema, inboundHost(plan, context));
  assert.deepEqual(routes.map((r) => [r.match?.headers.map((h) => h.name), r.requestHeadersToRemove, r.responseHeadersToAdd.length]), [
    [['x-envoy-peer-metadata'], ['x-envoy-peer-metadata', 'x-envoy-peer-metadata-id'], 2],
    [[], [], 0],
  ]);
});

test('a proxy without an agent gets none of it', () => {
  const { outbound, inbound } = listeners(stock({}));
  for (const manager of [...managers(outbound(9080)), ...managers(inbound)]) {
    assert.deepEqual(paths(manager.accessLog), ['/dev/stdout']);
    assert.ok(!manager.httpFilters.some((f) => f.name === 'envoy.filters.http.header_to_metadata'));
  }
});
