/** What the other side of an HTTP/2 connection has said about itself. RFC 9113 §6.5. */
import { DEFAULT_WINDOW, ErrorCode, MAX_FRAME_BYTES, MAX_WINDOW, Setting } from './frames.ts';
import { DEFAULT_TABLE_BYTES } from './hpack-table.ts';

export interface PeerSettings {
  readonly tableBytes: number;
  readonly initialWindow: number;
  readonly maxFrame: number;
  /** Streams that we may have open; 100 until it is said, so that a first burst is not refused. */
  readonly maxStreams: number;
  /** RFC 8441: takes CONNECT with `:protocol`. */
  readonly takesExtendedConnect: boolean;
}

export const initialPeer = (): PeerSettings => ({ tableBytes: DEFAULT_TABLE_BYTES, initialWindow: DEFAULT_WINDOW, maxFrame: MAX_FRAME_BYTES, maxStreams: 100, takesExtendedConnect: false });

export type Applied = { readonly peer: PeerSettings } | { readonly error: ErrorCode; readonly reason: string };

/** @param payload of a SETTINGS frame that is not an acknowledgement */
export function applySettings(before: PeerSettings, payload: Buffer): Applied {
  if (payload.length % 6 !== 0) return { error: ErrorCode.FrameSize, reason: 'SETTINGS of a wrong size' };
  let { tableBytes, initialWindow, maxFrame, maxStreams, takesExtendedConnect } = before;
  for (let at = 0; at < payload.length; at += 6) {
    const value = payload.readUInt32BE(at + 2);
    switch (payload.readUInt16BE(at)) {
      case Setting.HeaderTableSize:
        tableBytes = value;
        break;
      case Setting.EnablePush:
        if (value > 1) return { error: ErrorCode.Protocol, reason: 'SETTINGS_ENABLE_PUSH is neither 0 nor 1' };
        break;
      case Setting.MaxConcurrentStreams:
        maxStreams = value;
        break;
      case Setting.InitialWindowSize:
        if (value > MAX_WINDOW) return { error: ErrorCode.FlowControl, reason: 'SETTINGS_INITIAL_WINDOW_SIZE is too large' };
        initialWindow = value;
        break;
      case Setting.MaxFrameSize:
        if (value < MAX_FRAME_BYTES || value > 0xffffff) return { error: ErrorCode.Protocol, reason: 'SETTINGS_MAX_FRAME_SIZE is out of range' };
        maxFrame = value;
        break;
      case Setting.EnableConnectProtocol:
        if (value > 1) return { error: ErrorCode.Protocol, reason: 'SETTINGS_ENABLE_CONNECT_PROTOCOL is neither 0 nor 1' };
        takesExtendedConnect = value === 1;
        break;
      default:
      // Unknown ones are ignored, and our limits do not depend on SETTINGS_MAX_HEADER_LIST_SIZE.
    }
  }
  return { peer: { tableBytes, initialWindow, maxFrame, maxStreams, takesExtendedConnect } };
}
