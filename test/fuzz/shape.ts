/** Formats of parts with lengths: a change inside a part, made to the bytes alone, would end every input at its length. */
import { FRAME_HEAD_BYTES, PREFACE } from '../../src/codec/http2/frames.ts';

export interface Part {
  /** What stands before the length. */
  readonly tag: Buffer;
  readonly body: Buffer | readonly Part[];
}

export interface Shape {
  /** @returns undefined for what has no such shape */
  parse(bytes: Buffer): readonly Part[] | undefined;
  write(parts: readonly Part[]): Buffer;
}

const bodyOf = (part: Part, write: (parts: readonly Part[]) => Buffer): Buffer => (Buffer.isBuffer(part.body) ? part.body : write(part.body as readonly Part[]));

/** Frames; what is no whole frame, and the preface, are parts without a tag. */
export const http2Frames: Shape = {
  parse(bytes) {
    const parts: Part[] = [];
    let at = 0;
    if (bytes.subarray(0, PREFACE.length).equals(PREFACE)) {
      parts.push({ tag: Buffer.alloc(0), body: PREFACE });
      at = PREFACE.length;
    }
    while (at + FRAME_HEAD_BYTES <= bytes.length) {
      const end = at + FRAME_HEAD_BYTES + bytes.readUIntBE(at, 3);
      parts.push({ tag: bytes.subarray(at + 3, at + FRAME_HEAD_BYTES), body: bytes.subarray(at + FRAME_HEAD_BYTES, end) });
      at = end;
    }
    if (at < bytes.length) parts.push({ tag: Buffer.alloc(0), body: bytes.subarray(at) });
    return parts;
  },
  write: (parts) => Buffer.concat(parts.flatMap((part) => {
    const body = bodyOf(part, http2Frames.write);
    if (part.tag.length === 0) return [body];
    const size = Buffer.alloc(3);
    size.writeUIntBE(Math.min(body.length, 0xffffff), 0, 3);
    return [size, part.tag, body];
  })),
};

function varint(bytes: Buffer, at: number): { value: number; end: number } | undefined {
  let value = 0;
  for (let i = 0; i < 5; i++) {
    const octet = bytes[at + i];
    if (octet === undefined) return undefined;
    value += (octet & 0x7f) * 2 ** (7 * i);
    if (octet < 0x80) return { value, end: at + i + 1 };
  }
  return undefined;
}

function writeVarint(value: number): Buffer {
  const octets: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) octets.push((rest & 0x7f) | 0x80);
  return Buffer.from([...octets, rest]);
}

const MAX_DEPTH = 24;
const WIRE_BYTES: Readonly<Record<number, number>> = { 1: 8, 5: 4 };

/** A field of bytes that reads as a message is taken for one. */
function protobufFields(bytes: Buffer, depth: number): Part[] | undefined {
  const parts: Part[] = [];
  let at = 0;
  while (at < bytes.length) {
    const tag = varint(bytes, at);
    if (!tag || tag.value < 8) return undefined;
    const head = bytes.subarray(at, tag.end);
    const wire = tag.value & 7;
    if (wire === 2) {
      const size = varint(bytes, tag.end);
      if (!size || size.end + size.value > bytes.length) return undefined;
      at = size.end + size.value;
      const body = bytes.subarray(size.end, at);
      parts.push({ tag: head, body: (depth < MAX_DEPTH && body.length > 1 ? protobufFields(body, depth + 1) : undefined) ?? body });
      continue;
    }
    const end = wire === 0 ? varint(bytes, tag.end)?.end : WIRE_BYTES[wire] === undefined ? undefined : tag.end + (WIRE_BYTES[wire] ?? 0);
    if (end === undefined || end > bytes.length) return undefined;
    // Without a length: all of it is the tag.
    parts.push({ tag: head, body: bytes.subarray(tag.end, end) });
    at = end;
  }
  return parts;
}

export const protobufMessage: Shape = {
  parse: (bytes) => protobufFields(bytes, 0),
  write: (parts) => Buffer.concat(parts.flatMap((part) => {
    const body = bodyOf(part, protobufMessage.write);
    return ((part.tag[0] ?? 0) & 7) === 2 ? [part.tag, writeVarint(body.length), body] : [part.tag, body];
  })),
};

function derParts(bytes: Buffer, depth: number): Part[] | undefined {
  const parts: Part[] = [];
  let at = 0;
  while (at < bytes.length) {
    const tag = bytes[at] ?? 0;
    const first = bytes[at + 1];
    if (first === undefined) return undefined;
    const more = first < 0x80 ? 0 : first & 0x7f;
    if (more > 3 || at + 2 + more > bytes.length || first === 0x80) return undefined;
    const size = more === 0 ? first : bytes.readUIntBE(at + 2, more);
    const start = at + 2 + more;
    at = start + size;
    if (at > bytes.length) return undefined;
    const body = bytes.subarray(start, at);
    parts.push({ tag: Buffer.from([tag]), body: ((tag & 0x20) !== 0 && depth < MAX_DEPTH ? derParts(body, depth + 1) : undefined) ?? body });
  }
  return parts;
}

function derLength(size: number): Buffer {
  if (size < 0x80) return Buffer.from([size]);
  return size < 0x100 ? Buffer.from([0x81, size]) : size < 0x10000 ? Buffer.from([0x82, size >> 8, size & 0xff]) : Buffer.from([0x83, size >> 16, (size >> 8) & 0xff, size & 0xff]);
}

export const derValues: Shape = {
  parse: (bytes) => derParts(bytes, 0),
  write: (parts) => Buffer.concat(parts.flatMap((part) => {
    const body = bodyOf(part, derValues.write);
    return [part.tag, derLength(body.length), body];
  })),
};
