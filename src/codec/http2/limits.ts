/** What one HTTP/2 connection may ask of us. */
import { DEFAULT_FLOOD_LIMITS, type FloodLimits } from './flood-guard.ts';
import { DEFAULT_TABLE_BYTES } from './hpack-table.ts';

export interface Http2Limits {
  /** Of one header section, as RFC 9113 §6.5.2 counts. Default 60 KiB. */
  readonly maxHeadBytes: number;
  /** Default 100. */
  readonly maxHeaders: number;
  /** Octets of body that may be on their way to us, per stream and per connection. Envoy: initial_stream_window_size, initial_connection_window_size. */
  readonly streamWindow: number;
  readonly connectionWindow: number;
  /** Of header compression, in both directions. Envoy: hpack_table_size. */
  readonly tableBytes: number;
  readonly flood: FloodLimits;
}

export const DEFAULT_HTTP2_LIMITS: Http2Limits = {
  maxHeadBytes: 60 * 1024, maxHeaders: 100, streamWindow: 256 * 1024, connectionWindow: 1024 * 1024, tableBytes: DEFAULT_TABLE_BYTES, flood: DEFAULT_FLOOD_LIMITS,
};
