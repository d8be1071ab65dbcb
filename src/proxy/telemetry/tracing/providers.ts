/** From the tracing provider in the resources to where spans go. */
import type { GrpcService } from '../../../xds/generated/envoy/config/core/v3/grpc_service_pb.js';
import { decode } from '../../config/decode.ts';
import type { TracingSettings } from '../../tracing.ts';
import type { SpanTarget } from './transport.ts';

export type ProviderResult = { readonly ok: true; readonly target: SpanTarget } | { readonly ok: false; readonly reason: string };

const ZIPKIN = 'type.googleapis.com/envoy.config.trace.v3.ZipkinConfig';
const OPENTELEMETRY = 'type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig';

/** Spans go straight to the collector's service, as Istio's agent traffic does: the proxy's own traffic is not captured.
 * @param service used when the provider names none */
export function spanTarget(provider: NonNullable<TracingSettings['provider']>, service: string): ProviderResult {
  if (provider.typeUrl === ZIPKIN) return zipkinTarget(provider.value, service);
  if (provider.typeUrl !== OPENTELEMETRY) return { ok: false, reason: `tracing provider ${provider.name} (${provider.typeUrl}) is not supported; use opentelemetry or zipkin` };
  const config = decode('openTelemetry', provider.value);
  const named = config.serviceName || service;
  if (!config.httpService?.httpUri) return grpcTarget(config.grpcService?.targetSpecifier, named);
  const http = config.httpService.httpUri;
  const cluster = http.httpUpstreamType.case === 'cluster' ? http.httpUpstreamType.value : '';
  const address = clusterAddress(cluster) ?? uriAddress(http.uri);
  if (!address) return { ok: false, reason: `the collector's address is neither in cluster "${cluster}" nor in uri "${http.uri}"` };
  const headers = Object.fromEntries(config.httpService.requestHeadersToAdd.flatMap((option) => (option.header ? [[option.header.key.toLowerCase(), option.header.value]] : [])));
  return { ok: true, target: { format: 'otlp-http', ...address, path: pathOf(http.uri), headers, service: named } };
}

function grpcTarget(target: GrpcService['targetSpecifier'] | undefined, service: string): ProviderResult {
  const cluster = target?.case === 'envoyGrpc' ? target.value.clusterName : '';
  const address = clusterAddress(cluster);
  if (!address) return { ok: false, reason: `the opentelemetry tracing provider has neither http_service nor a grpc_service with a cluster of the mesh ("${cluster}")` };
  return { ok: true, target: { format: 'otlp-grpc', ...address, path: '/opentelemetry.proto.collector.trace.v1.TraceService/Export', headers: {}, service } };
}

function zipkinTarget(value: Uint8Array, service: string): ProviderResult {
  const { collectorCluster, collectorEndpoint, collectorHostname } = decode('zipkin', value);
  const address = clusterAddress(collectorCluster) ?? uriAddress(collectorHostname);
  if (!address) return { ok: false, reason: `the collector's address is not in cluster "${collectorCluster}"` };
  return { ok: true, target: { format: 'zipkin', ...address, path: collectorEndpoint || '/api/v2/spans', headers: {}, service } };
}

/** `outbound|4318||jaeger-collector.istio-system.svc.cluster.local` */
function clusterAddress(cluster: string): { host: string; port: number } | undefined {
  const [direction, port, , host] = cluster.split('|');
  return direction === 'outbound' && host && Number(port) > 0 ? { host, port: Number(port) } : undefined;
}

const absolute = (uri: string): URL | undefined => (URL.canParse(uri) && /^https?:/.test(uri) ? new URL(uri) : URL.canParse(`http://${uri}`) && uri !== '' ? new URL(`http://${uri}`) : undefined);

function uriAddress(uri: string): { host: string; port: number } | undefined {
  const url = absolute(uri);
  return url ? { host: url.hostname, port: Number(url.port || 80) } : undefined;
}

function pathOf(uri: string): string {
  const path = uri.startsWith('/') ? uri : (absolute(uri)?.pathname ?? '/');
  return path === '/' ? '/v1/traces' : path;
}
