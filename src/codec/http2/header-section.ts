/** Puts a header section together from HEADERS and the CONTINUATION frames after it. RFC 9113 §6.2, §6.10. */
import type { FloodGuard } from './flood-guard.ts';
import { ErrorCode, Flag, readStreamId } from './frames.ts';

/** What the frames have come to so far: a whole section, a fault of the connection, or undefined: more must follow. */
export type SectionStep = { readonly streamId: number; readonly endStream: boolean; readonly bytes: Buffer } | { readonly code: ErrorCode; readonly reason: string } | undefined;

/** CONTINUATION frames of one section; more only a flood needs. */
const MAX_CONTINUATIONS = 64;
const PRIORITY_BYTES = 5;

const fault = (code: ErrorCode, reason: string) => ({ code, reason });
const TOO_MANY_EMPTY = fault(ErrorCode.EnhanceYourCalm, 'too many empty frames');

export class HeaderSection {
  readonly #flood: FloodGuard;
  readonly #maxBytes: number;
  #open: { readonly streamId: number; readonly endStream: boolean; readonly parts: Buffer[]; bytes: number } | undefined;

  /** @param maxBytes compressed */
  constructor(flood: FloodGuard, maxBytes: number) {
    this.#flood = flood;
    this.#maxBytes = maxBytes;
  }

  /** The stream whose section is not complete: no other frame may come. */
  get openStream(): number | undefined {
    return this.#open?.streamId;
  }

  /** @param payload of a HEADERS frame; a whole section is a part of it */
  begin(flags: number, streamId: number, payload: Buffer): SectionStep {
    if (streamId === 0) return fault(ErrorCode.Protocol, 'HEADERS on stream 0');
    let start = 0;
    let end = payload.length;
    if ((flags & Flag.Padded) !== 0) {
      start = 1;
      end -= payload[0] ?? 0;
    }
    if ((flags & Flag.Priority) !== 0) {
      if (payload.length >= start + PRIORITY_BYTES && readStreamId(payload, start) === streamId) return fault(ErrorCode.Protocol, 'a stream depends on itself');
      start += PRIORITY_BYTES;
    }
    if (start > payload.length) return fault(ErrorCode.FrameSize, 'HEADERS without the fields that its flags announce');
    if (end < start) return fault(ErrorCode.Protocol, 'HEADERS with more padding than payload');
    const isWhole = (flags & Flag.EndHeaders) !== 0;
    if (!this.#flood.frame(end === start && !isWhole)) return TOO_MANY_EMPTY;
    const endStream = (flags & Flag.EndStream) !== 0;
    const bytes = payload.subarray(start, end);
    if (isWhole) return { streamId, endStream, bytes };
    this.#open = { streamId, endStream, parts: [Buffer.from(bytes)], bytes: bytes.length };
    return undefined;
  }

  /** @param payload of a CONTINUATION frame on the open stream */
  proceed(flags: number, payload: Buffer): SectionStep {
    const open = this.#open;
    if (!open) return fault(ErrorCode.Protocol, 'CONTINUATION without HEADERS');
    const isWhole = (flags & Flag.EndHeaders) !== 0;
    if (!this.#flood.frame(payload.length === 0 && !isWhole)) return TOO_MANY_EMPTY;
    open.parts.push(Buffer.from(payload));
    open.bytes += payload.length;
    if (open.parts.length > MAX_CONTINUATIONS || open.bytes > this.#maxBytes) return fault(ErrorCode.EnhanceYourCalm, 'a header section without end');
    if (!isWhole) return undefined;
    this.#open = undefined;
    return { streamId: open.streamId, endStream: open.endStream, bytes: Buffer.concat(open.parts, open.bytes) };
  }
}
