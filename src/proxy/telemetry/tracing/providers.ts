/** From the tracing provider in the resources to where spans go. */
import { fromBinary } from '@bufbuild/protobuf';
import { OpenTelemetryConfigSchema } from '../../../xds/generated/envoy/config/trace/v3/opentelemetry_pb.js';
import type { TracingSettings } from '../../tracing.ts';
import type { SpanTarget } from './exporter.ts';

export type ProviderResult = { readonly ok: true; readonly target: SpanTarget } | { readonly ok: false; readonly reason: string };

const OPENTELEMETRY = 'type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig';

/** Spans go straight to the collector's service, as Istio's agent traffic does: the proxy's own traffic is not captured.
 * @param service used when the provider names none */
export function spanTarget(provider: NonNullable<TracingSettings['provider']>, service: string): ProviderResult {
  if (provider.typeUrl !== OPENTELEMETRY) return { ok: false, reason: `tracing provider ${provider.name} (${provider.typeUrl}) is not supported; use opentelemetry over HTTP` };
  const config = fromBinary(OpenTelemetryConfigSchema, provider.value);
  const http = config.httpService?.httpUri;
  if (!http) return { ok: false, reason: 'the opentelemetry tracing provider has no http_service; spans over gRPC are not supported' };
  const cluster = http.httpUpstreamType.case === 'cluster' ? http.httpUpstreamType.value : '';
  const address = clusterAddress(cluster) ?? uriAddress(http.uri);
  if (!address) return { ok: false, reason: `the collector's address is neither in cluster "${cluster}" nor in uri "${http.uri}"` };
  const headers = Object.fromEntries((config.httpService?.requestHeadersToAdd ?? []).flatMap((option) => (option.header ? [[option.header.key.toLowerCase(), option.header.value]] : [])));
  return { ok: true, target: { ...address, path: pathOf(http.uri), headers, service: config.serviceName || service } };
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
