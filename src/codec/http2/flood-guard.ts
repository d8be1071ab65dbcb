/** Counts what costs the receiver more than the sender. Envoy has the same bounds in its Http2ProtocolOptions, under the names below. */
import type { Clock } from '../../base/clock.ts';

export interface FloodLimits {
  /** Frames of any kind that wait because the other side does not read. Envoy: max_outbound_frames. */
  readonly maxOutboundFrames: number;
  /** Acknowledgements and resets that wait because the other side does not read. Envoy: max_outbound_control_frames. */
  readonly maxOutboundControlFrames: number;
  /** Envoy: max_consecutive_inbound_frames_with_empty_payload. */
  readonly maxConsecutiveEmptyFrames: number;
  /** Envoy: max_inbound_priority_frames_per_stream. */
  readonly maxPriorityFramesPerStream: number;
  /** Envoy: max_inbound_window_update_frames_per_data_frame_sent. */
  readonly maxWindowUpdatesPerDataFrame: number;
  /** Streams that may be reset before they are a second old; beyond, more than half of all must have lived longer. Envoy: overload.premature_reset_total_stream_count. */
  readonly maxPrematureResets: number;
  /** Streams that may be reset before anything was done for them; beyond, more than half of all must have lived longer. Envoy has no such bound. */
  readonly maxUnbegunResets: number;
  /** PING and SETTINGS frames, which have to be answered, in one second. Envoy has no such bound. */
  readonly maxAnsweredFramesPerSecond: number;
}

export const DEFAULT_FLOOD_LIMITS: FloodLimits = {
  maxOutboundFrames: 10_000, maxOutboundControlFrames: 1000, maxConsecutiveEmptyFrames: 1, maxPriorityFramesPerStream: 100, maxWindowUpdatesPerDataFrame: 10, maxPrematureResets: 500, maxUnbegunResets: 100, maxAnsweredFramesPerSecond: 1000,
};

/** Envoy: overload.premature_reset_min_stream_lifetime_seconds. */
const PREMATURE_MS = 1000;

export class FloodGuard {
  readonly #limits: FloodLimits;
  readonly #clock: Pick<Clock, 'monotonic'>;
  #emptyFrames = 0;
  #priorityFrames = 0;
  #windowUpdates = 0;
  #streamsOpened = 0;
  #dataFramesSent = 0;
  #prematureResets = 0;
  #unbegunResets = 0;
  #lastedStreams = 0;
  #answeredFrames = 0;
  #secondBegan = 0;

  constructor(limits: FloodLimits, clock: Pick<Clock, 'monotonic'>) {
    this.#limits = limits;
    this.#clock = clock;
    this.#secondBegan = clock.monotonic();
  }

  /** @returns the time to remember for `streamReset` */
  streamOpened(): number {
    this.#streamsOpened++;
    return this.#clock.monotonic();
  }

  dataFrameSent(): void {
    this.#dataFramesSent++;
  }

  /** Each of these @returns false when it was one too many. */
  frame(isEmpty: boolean): boolean {
    this.#emptyFrames = isEmpty ? this.#emptyFrames + 1 : 0;
    return this.#emptyFrames <= this.#limits.maxConsecutiveEmptyFrames;
  }

  priorityFrame(): boolean {
    this.#priorityFrames++;
    return this.#priorityFrames <= this.#limits.maxPriorityFramesPerStream * (1 + this.#streamsOpened);
  }

  windowUpdate(): boolean {
    this.#windowUpdates++;
    return this.#windowUpdates <= 5 + 2 * (this.#streamsOpened + this.#limits.maxWindowUpdatesPerDataFrame * this.#dataFramesSent);
  }

  answeredFrame(): boolean {
    if (++this.#answeredFrames <= this.#limits.maxAnsweredFramesPerSecond) return true;
    const now = this.#clock.monotonic();
    if (now - this.#secondBegan < 1000) return false;
    this.#secondBegan = now;
    this.#answeredFrames = 1;
    return true;
  }

  controlFrames(waiting: number): boolean {
    return waiting <= this.#limits.maxOutboundControlFrames;
  }

  frames(waiting: number): boolean {
    return waiting <= this.#limits.maxOutboundFrames;
  }

  /** The other side gave a stream up. @param begun something had been done for it */
  streamReset(openedAt: number, begun = true): boolean {
    if (!begun) this.#unbegunResets++;
    if (this.#clock.monotonic() - openedAt >= PREMATURE_MS) {
      this.#lastedStreams++;
      return true;
    }
    this.#prematureResets++;
    const total = this.#prematureResets + this.#lastedStreams;
    if (this.#prematureResets * 2 <= total) return true;
    return total < this.#limits.maxPrematureResets && this.#unbegunResets < this.#limits.maxUnbegunResets;
  }

  streamCompleted(): void {
    this.#lastedStreams++;
  }
}
