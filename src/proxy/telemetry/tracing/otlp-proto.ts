/** Spans as the protobuf of ExportTraceServiceRequest (OpenTelemetry protocol 1.x), for collectors that take gRPC. Field numbers:
 * opentelemetry/proto/trace/v1/trace.proto and its imports. */
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { FinishedSpan, TagValue } from './span.ts';

const SPAN_KIND = { server: 2, client: 3 } as const;
const STATUS_ERROR = 2;

export function encodeSpansProto(service: string, spans: readonly FinishedSpan[]): Uint8Array {
  const writer = new BinaryWriter();
  nested(writer, 1, () => {
    nested(writer, 1, () => attribute(writer, 1, ['service.name', service]));
    nested(writer, 2, () => {
      nested(writer, 1, () => text(writer, 1, 'lateen'));
      for (const span of spans) nested(writer, 2, () => writeSpan(writer, span));
    });
  });
  return writer.finish();
}

function writeSpan(writer: BinaryWriter, span: FinishedSpan): void {
  hexBytes(writer, 1, span.traceId);
  hexBytes(writer, 2, span.spanId);
  if (span.parentSpanId !== undefined) hexBytes(writer, 4, span.parentSpanId);
  text(writer, 5, span.name);
  writer.tag(6, WireType.Varint).int32(SPAN_KIND[span.kind]);
  writer.tag(7, WireType.Bit64).fixed64(nanoseconds(span.startMs));
  writer.tag(8, WireType.Bit64).fixed64(nanoseconds(span.endMs));
  for (const tag of span.tags) attribute(writer, 9, tag);
  if (!span.isError) return;
  attribute(writer, 9, ['error', true]);
  nested(writer, 15, () => writer.tag(3, WireType.Varint).int32(STATUS_ERROR));
}

function attribute(writer: BinaryWriter, field: number, [key, value]: readonly [string, TagValue]): void {
  nested(writer, field, () => {
    text(writer, 1, key);
    nested(writer, 2, () => {
      if (typeof value === 'string') text(writer, 1, value);
      else if (typeof value === 'boolean') writer.tag(2, WireType.Varint).bool(value);
      else writer.tag(4, WireType.Bit64).double(value);
    });
  });
}

function nested(writer: BinaryWriter, field: number, write: () => void): void {
  writer.tag(field, WireType.LengthDelimited).fork();
  write();
  writer.join();
}

const text = (writer: BinaryWriter, field: number, value: string) => writer.tag(field, WireType.LengthDelimited).string(value);
const hexBytes = (writer: BinaryWriter, field: number, hex: string) => writer.tag(field, WireType.LengthDelimited).bytes(Buffer.from(hex, 'hex'));
/** Whole microseconds are what the clock gives; more digits would be noise. */
const nanoseconds = (ms: number): bigint => BigInt(Math.round(ms * 1000)) * 1000n;
