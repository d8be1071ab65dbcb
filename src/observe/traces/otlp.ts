/** OTLP's trace messages in the shape of their JSON form, and how they become spans. Spec: opentelemetry-proto trace/v1. */
import { type Process, SPAN_KINDS, type Span, type Tag, type TagValue, spanIdOf, textTag, traceIdOf } from './span.ts';

export interface OtlpValue {
  stringValue?: string;
  boolValue?: boolean;
  intValue?: string | number;
  doubleValue?: number | string;
  bytesValue?: string;
  arrayValue?: { values?: OtlpValue[] };
  kvlistValue?: { values?: OtlpAttribute[] };
}

export interface OtlpAttribute {
  key?: string;
  value?: OtlpValue;
}

export interface OtlpSpan {
  traceId?: string;
  spanId?: string;
  parentSpanId?: string;
  name?: string;
  kind?: number | string;
  startTimeUnixNano?: string | number;
  endTimeUnixNano?: string | number;
  attributes?: OtlpAttribute[];
  events?: { timeUnixNano?: string | number; name?: string; attributes?: OtlpAttribute[] }[];
  links?: { traceId?: string; spanId?: string; attributes?: OtlpAttribute[] }[];
  status?: { code?: number | string; message?: string };
}

export interface OtlpTraces {
  resourceSpans?: {
    resource?: { attributes?: OtlpAttribute[] };
    scopeSpans?: { scope?: { name?: string; version?: string; attributes?: OtlpAttribute[] }; spans?: OtlpSpan[] }[];
  }[];
}

export interface DecodedSpans {
  readonly spans: Span[];
  /** Spans without a usable trace or span id. */
  readonly rejected: number;
}

const STATUS_CODES = ['UNSET', 'OK', 'ERROR'] as const;

export function spansOfOtlp(message: OtlpTraces): DecodedSpans {
  const spans: Span[] = [];
  let rejected = 0;
  for (const group of list(message.resourceSpans)) {
    const process = processOf(list(group.resource?.attributes));
    for (const scoped of list(group.scopeSpans)) {
      const scope = scopeTags(scoped.scope);
      for (const raw of list(scoped.spans)) {
        const span = spanOf(raw, process, scope);
        if (span) spans.push(span);
        else rejected++;
      }
    }
  }
  return { spans, rejected };
}

const list = <T>(value: readonly T[] | undefined): readonly T[] => (Array.isArray(value) ? value : []);

function processOf(attributes: readonly OtlpAttribute[]): Process {
  const tags = attributes.flatMap(tagOf);
  const service = tags.find((tag) => tag.key === 'service.name');
  return { service: service?.type === 'string' && service.value !== '' ? service.value : 'OTLPResourceNoServiceName', tags: tags.filter((tag) => tag.key !== 'service.name') };
}

function scopeTags(scope: { name?: string; version?: string; attributes?: OtlpAttribute[] } | undefined): Tag[] {
  const tags = list(scope?.attributes).flatMap(tagOf);
  if (scope?.name) tags.push(textTag('otel.scope.name', scope.name));
  if (scope?.version) tags.push(textTag('otel.scope.version', scope.version));
  return tags;
}

function spanOf(raw: OtlpSpan, process: Process, scope: readonly Tag[]): Span | undefined {
  const traceId = traceIdOf(String(raw.traceId ?? ''));
  const spanId = spanIdOf(String(raw.spanId ?? ''));
  if (traceId === undefined || spanId === undefined) return undefined;
  const start = microseconds(raw.startTimeUnixNano);
  const kind = kindOf(raw.kind);
  const tags = [...scope, ...list(raw.attributes).flatMap(tagOf)];
  if (kind !== '') tags.push(textTag('span.kind', kind));
  return {
    traceId,
    spanId,
    parentId: spanIdOf(String(raw.parentSpanId ?? '')),
    operation: String(raw.name ?? ''),
    kind,
    startUs: start,
    durationUs: Math.max(0, microseconds(raw.endTimeUnixNano) - start),
    process,
    tags: [...tags, ...statusTags(raw.status)],
    logs: list(raw.events).map((event) => ({
      timeUs: microseconds(event.timeUnixNano),
      fields: [...(event.name ? [textTag('event', event.name)] : []), ...list(event.attributes).flatMap(tagOf)],
    })),
    links: list(raw.links).flatMap((link) => {
      const [linkedTrace, linkedSpan] = [traceIdOf(String(link.traceId ?? '')), spanIdOf(String(link.spanId ?? ''))];
      return linkedTrace && linkedSpan ? [{ traceId: linkedTrace, spanId: linkedSpan, tags: list(link.attributes).flatMap(tagOf) }] : [];
    }),
  };
}

function statusTags(status: { code?: number | string; message?: string } | undefined): Tag[] {
  const code = typeof status?.code === 'string' ? status.code.replace('STATUS_CODE_', '') : STATUS_CODES[status?.code ?? 0];
  if (code !== 'OK' && code !== 'ERROR') return [];
  const tags: Tag[] = [textTag('otel.status_code', code)];
  if (status?.message) tags.push(textTag('otel.status_description', status.message));
  return code === 'ERROR' ? [...tags, { key: 'error', type: 'bool', value: true }] : tags;
}

function kindOf(kind: number | string | undefined): Span['kind'] {
  if (typeof kind === 'number') return SPAN_KINDS[kind - 1] ?? '';
  const word = String(kind ?? '').replace('SPAN_KIND_', '').toLowerCase();
  return SPAN_KINDS.find((known) => known === word) ?? '';
}

function tagOf(attribute: OtlpAttribute): Tag[] {
  const value = attribute.value && tagValue(attribute.value);
  return typeof attribute.key === 'string' && value ? [{ key: attribute.key, ...value }] : [];
}

function tagValue(value: OtlpValue): TagValue | undefined {
  if (value.stringValue !== undefined) return { type: 'string', value: String(value.stringValue) };
  if (value.boolValue !== undefined) return { type: 'bool', value: Boolean(value.boolValue) };
  if (value.intValue !== undefined) return { type: 'int64', value: Number(value.intValue) };
  if (value.doubleValue !== undefined) return { type: 'float64', value: Number(value.doubleValue) };
  if (value.bytesValue !== undefined) return { type: 'binary', value: String(value.bytesValue) };
  const nested = plainValue(value);
  return nested === undefined ? undefined : { type: 'string', value: JSON.stringify(nested) };
}

function plainValue(value: OtlpValue, depth = 0): unknown {
  if (depth > 16) return undefined;
  if (value.arrayValue) return list(value.arrayValue.values).map((item) => plainValue(item, depth + 1));
  if (value.kvlistValue) return Object.fromEntries(list(value.kvlistValue.values).map((item) => [item.key ?? '', item.value && plainValue(item.value, depth + 1)]));
  return tagValue(value)?.value;
}

/** Nanoseconds do not fit in a number; they arrive as text (JSON) or were made text (protobuf). */
function microseconds(nanos: string | number | undefined): number {
  if (typeof nanos === 'number') return Math.floor(nanos / 1000);
  return nanos !== undefined && /^\d{1,20}$/.test(nanos) ? Number(BigInt(nanos) / 1000n) : 0;
}
