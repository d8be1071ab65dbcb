/** OTLP's protobuf encoding, for the few messages a trace needs. Field numbers: opentelemetry-proto v1 trace, common, resource. */
import { BinaryReader } from '@bufbuild/protobuf/wire';
import type { OtlpAttribute, OtlpSpan, OtlpTraces, OtlpValue } from './otlp.ts';

/** Reads one field into the message; false when the field is unknown and must be skipped. */
type FieldReader<T> = (message: T, field: number, reader: BinaryReader) => boolean;

/** Nesting of values (lists in lists) that is still read. */
const MAX_DEPTH = 16;

/** @throws when the bytes are not a protobuf message */
export function decodeOtlpProto(bytes: Uint8Array): OtlpTraces {
  return decode<OtlpTraces>({ resourceSpans: [] }, bytes, (message, field, reader) => {
    if (field !== 1) return false;
    message.resourceSpans?.push(decode({ scopeSpans: [] }, reader.bytes(), readResourceSpans));
    return true;
  });
}

function decode<T>(message: T, bytes: Uint8Array, read: FieldReader<T>): T {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (!read(message, field, reader)) reader.skip(wireType, field);
  }
  return message;
}

type ResourceSpans = NonNullable<OtlpTraces['resourceSpans']>[number];
type ScopeSpans = NonNullable<ResourceSpans['scopeSpans']>[number];

const readResourceSpans: FieldReader<ResourceSpans> = (message, field, reader) => {
  if (field === 1) message.resource = decode<{ attributes: OtlpAttribute[] }>({ attributes: [] }, reader.bytes(), (resource, inner, bytes) => inner === 1 && push(resource.attributes, readAttribute(bytes.bytes(), 0)));
  else if (field === 2) message.scopeSpans?.push(decode<ScopeSpans>({ spans: [] }, reader.bytes(), readScopeSpans));
  else return false;
  return true;
};

const readScopeSpans: FieldReader<ScopeSpans> = (message, field, reader) => {
  if (field === 1) {
    message.scope = decode<{ name?: string; version?: string; attributes: OtlpAttribute[] }>({ attributes: [] }, reader.bytes(), (scope, inner, bytes) => {
      if (inner === 1) scope.name = bytes.string();
      else if (inner === 2) scope.version = bytes.string();
      else return inner === 3 && push(scope.attributes, readAttribute(bytes.bytes(), 0));
      return true;
    });
  } else if (field === 2) message.spans?.push(decode<OtlpSpan>({ attributes: [], events: [], links: [] }, reader.bytes(), readSpan));
  else return false;
  return true;
};

const SPAN_FIELDS: Readonly<Record<number, (span: OtlpSpan, reader: BinaryReader) => void>> = {
  1: (span, reader) => (span.traceId = hex(reader.bytes())),
  2: (span, reader) => (span.spanId = hex(reader.bytes())),
  4: (span, reader) => (span.parentSpanId = hex(reader.bytes())),
  5: (span, reader) => (span.name = reader.string()),
  6: (span, reader) => (span.kind = reader.int32()),
  7: (span, reader) => (span.startTimeUnixNano = String(reader.fixed64())),
  8: (span, reader) => (span.endTimeUnixNano = String(reader.fixed64())),
  9: (span, reader) => span.attributes?.push(readAttribute(reader.bytes(), 0)),
  11: (span, reader) => span.events?.push(readEvent(reader.bytes())),
  13: (span, reader) => span.links?.push(readLink(reader.bytes())),
  15: (span, reader) => (span.status = readStatus(reader.bytes())),
};

const readSpan: FieldReader<OtlpSpan> = (span, field, reader) => {
  const read = SPAN_FIELDS[field];
  read?.(span, reader);
  return read !== undefined;
};

const readEvent = (bytes: Uint8Array) =>
  decode<{ timeUnixNano?: string; name?: string; attributes: OtlpAttribute[] }>({ attributes: [] }, bytes, (event, field, reader) => {
    if (field === 1) event.timeUnixNano = String(reader.fixed64());
    else if (field === 2) event.name = reader.string();
    else return field === 3 && push(event.attributes, readAttribute(reader.bytes(), 0));
    return true;
  });

const readLink = (bytes: Uint8Array) =>
  decode<{ traceId?: string; spanId?: string; attributes: OtlpAttribute[] }>({ attributes: [] }, bytes, (link, field, reader) => {
    if (field === 1) link.traceId = hex(reader.bytes());
    else if (field === 2) link.spanId = hex(reader.bytes());
    else return field === 4 && push(link.attributes, readAttribute(reader.bytes(), 0));
    return true;
  });

const readStatus = (bytes: Uint8Array) =>
  decode<{ message?: string; code?: number }>({}, bytes, (status, field, reader) => {
    if (field === 2) status.message = reader.string();
    else if (field === 3) status.code = reader.int32();
    else return false;
    return true;
  });

const readAttribute = (bytes: Uint8Array, depth: number): OtlpAttribute =>
  decode<OtlpAttribute>({}, bytes, (attribute, field, reader) => {
    if (field === 1) attribute.key = reader.string();
    else if (field === 2) attribute.value = readValue(reader.bytes(), depth);
    else return false;
    return true;
  });

function readValue(bytes: Uint8Array, depth: number): OtlpValue {
  if (depth > MAX_DEPTH) return {};
  return decode<OtlpValue>({}, bytes, (value, field, reader) => {
    if (field === 1) value.stringValue = reader.string();
    else if (field === 2) value.boolValue = reader.bool();
    else if (field === 3) value.intValue = String(reader.int64());
    else if (field === 4) value.doubleValue = reader.double();
    else if (field === 5) value.arrayValue = decode<{ values: OtlpValue[] }>({ values: [] }, reader.bytes(), (array, inner, items) => inner === 1 && push(array.values, readValue(items.bytes(), depth + 1)));
    else if (field === 6) value.kvlistValue = decode<{ values: OtlpAttribute[] }>({ values: [] }, reader.bytes(), (map, inner, items) => inner === 1 && push(map.values, readAttribute(items.bytes(), depth + 1)));
    else if (field === 7) value.bytesValue = Buffer.from(reader.bytes()).toString('base64');
    else return false;
    return true;
  });
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

function push<T>(items: T[], item: T): true {
  items.push(item);
  return true;
}
