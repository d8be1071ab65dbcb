/** Zipkin v2 JSON: what Envoy's zipkin tracer and older libraries send. Spec: zipkin.io OpenAPI v2 `Span`. */
import { SPAN_KINDS, type Span, type Tag, spanIdOf, textTag, traceIdOf } from './span.ts';
import type { DecodedSpans } from './otlp.ts';

interface ZipkinEndpoint {
  serviceName?: string;
  ipv4?: string;
  ipv6?: string;
  port?: number;
}

interface ZipkinSpan {
  traceId?: string;
  id?: string;
  parentId?: string;
  name?: string;
  kind?: string;
  timestamp?: number;
  duration?: number;
  localEndpoint?: ZipkinEndpoint;
  remoteEndpoint?: ZipkinEndpoint;
  annotations?: { timestamp?: number; value?: string }[];
  tags?: Record<string, string>;
}

/** Undefined when the value is not a list of spans. */
export function spansOfZipkin(value: unknown): DecodedSpans | undefined {
  if (!Array.isArray(value)) return undefined;
  // Each field is checked where it is read.
  const spans = (value as ZipkinSpan[]).map(spanOf);
  const good = spans.filter((span) => span !== undefined);
  return { spans: good, rejected: spans.length - good.length };
}

function spanOf(raw: ZipkinSpan): Span | undefined {
  const traceId = traceIdOf(String(raw?.traceId ?? ''));
  const spanId = spanIdOf(String(raw?.id ?? ''));
  if (traceId === undefined || spanId === undefined) return undefined;
  const kind = SPAN_KINDS.find((known) => known === String(raw.kind ?? '').toLowerCase()) ?? '';
  const tags: Tag[] = Object.entries(raw.tags ?? {}).map(([key, text]) => (key === 'error' ? { key, type: 'bool', value: true } : textTag(key, String(text))));
  if (kind !== '') tags.push(textTag('span.kind', kind));
  return {
    traceId,
    spanId,
    parentId: spanIdOf(String(raw.parentId ?? '')),
    operation: String(raw.name ?? ''),
    kind,
    startUs: Number(raw.timestamp ?? 0),
    durationUs: Number(raw.duration ?? 0),
    process: { service: raw.localEndpoint?.serviceName || 'unknown', tags: endpointTags(raw.localEndpoint, '') },
    tags: [...tags, ...endpointTags(raw.remoteEndpoint, 'peer.')],
    logs: (Array.isArray(raw.annotations) ? raw.annotations : []).map((note) => ({ timeUs: Number(note.timestamp ?? 0), fields: [textTag('event', String(note.value ?? ''))] })),
    links: [],
  };
}

function endpointTags(endpoint: ZipkinEndpoint | undefined, prefix: '' | 'peer.'): Tag[] {
  const tags: Tag[] = [];
  const address = endpoint?.ipv4 ?? endpoint?.ipv6;
  if (prefix !== '' && endpoint?.serviceName) tags.push(textTag('peer.service', endpoint.serviceName));
  if (address) tags.push(textTag(prefix === '' ? 'ip' : 'peer.ipv4', address));
  if (endpoint?.port && prefix !== '') tags.push({ key: 'peer.port', type: 'int64', value: endpoint.port });
  return tags;
}
