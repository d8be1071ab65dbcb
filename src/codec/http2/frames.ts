/** Frames of HTTP/2: their numbers, and the bytes of those that are small. RFC 9113 §4, §6. */

export const FRAME_HEAD_BYTES = 9;
/** SETTINGS_MAX_FRAME_SIZE that we keep to: its lowest value. */
export const MAX_FRAME_BYTES = 16_384;
export const DEFAULT_WINDOW = 65_535;
export const MAX_WINDOW = 0x7fffffff;
export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

export const FrameType = {
  Data: 0, Headers: 1, Priority: 2, RstStream: 3, Settings: 4, PushPromise: 5, Ping: 6, GoAway: 7, WindowUpdate: 8, Continuation: 9,
} as const;

export const Flag = { EndStream: 0x1, Ack: 0x1, EndHeaders: 0x4, Padded: 0x8, Priority: 0x20 } as const;

/** RFC 9113 §7. */
export const ErrorCode = {
  None: 0, Protocol: 1, Internal: 2, FlowControl: 3, StreamClosed: 5, FrameSize: 6, RefusedStream: 7, Cancel: 8, Compression: 9, Connect: 10, EnhanceYourCalm: 11, Http11Required: 13,
} as const;
export type ErrorCode = (typeof ErrorCode)[keyof typeof ErrorCode];

/** RFC 9113 §6.5.2; the last one is RFC 8441. */
export const Setting = { HeaderTableSize: 1, EnablePush: 2, MaxConcurrentStreams: 3, InitialWindowSize: 4, MaxFrameSize: 5, MaxHeaderListSize: 6, EnableConnectProtocol: 8 } as const;

/** A frame with room for its payload after the head. */
export function newFrame(payloadBytes: number, type: number, flags: number, streamId: number): Buffer {
  const frame = Buffer.allocUnsafe(FRAME_HEAD_BYTES + payloadBytes);
  writeHead(frame, 0, { length: payloadBytes, type, flags, streamId });
  return frame;
}

export function writeHead(into: Buffer, at: number, head: { length: number; type: number; flags: number; streamId: number }): void {
  const { length, type, flags, streamId } = head;
  into[at] = length >>> 16;
  into[at + 1] = length >>> 8;
  into[at + 2] = length;
  into[at + 3] = type;
  into[at + 4] = flags;
  into[at + 5] = streamId >>> 24;
  into[at + 6] = streamId >>> 16;
  into[at + 7] = streamId >>> 8;
  into[at + 8] = streamId;
}

export function settingsFrame(settings: readonly (readonly [id: number, value: number])[]): Buffer {
  const frame = newFrame(settings.length * 6, FrameType.Settings, 0, 0);
  for (const [i, [id, value]] of settings.entries()) {
    frame.writeUInt16BE(id, FRAME_HEAD_BYTES + i * 6);
    frame.writeUInt32BE(value, FRAME_HEAD_BYTES + i * 6 + 2);
  }
  return frame;
}

/** RST_STREAM and WINDOW_UPDATE. */
export function numberFrame(type: number, streamId: number, value: number): Buffer {
  const frame = newFrame(4, type, 0, streamId);
  frame.writeUInt32BE(value, FRAME_HEAD_BYTES);
  return frame;
}

export function goAwayFrame(lastStreamId: number, code: number, debug = ''): Buffer {
  const frame = newFrame(8 + debug.length, FrameType.GoAway, 0, 0);
  frame.writeUInt32BE(lastStreamId, FRAME_HEAD_BYTES);
  frame.writeUInt32BE(code, FRAME_HEAD_BYTES + 4);
  if (debug !== '') frame.write(debug, FRAME_HEAD_BYTES + 8, 'latin1');
  return frame;
}

/** @param payload eight octets */
export function pingFrame(payload: Buffer, isAck: boolean): Buffer {
  const frame = newFrame(8, FrameType.Ping, isAck ? Flag.Ack : 0, 0);
  payload.copy(frame, FRAME_HEAD_BYTES);
  return frame;
}

export const SETTINGS_ACK: Buffer = newFrame(0, FrameType.Settings, Flag.Ack, 0);

export const readStreamId = (bytes: Buffer, at: number): number => bytes.readUInt32BE(at) & 0x7fffffff;
