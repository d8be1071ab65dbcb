/** One HTTP/2 connection, either side: settings, header compression, flow control, streams and their end. RFC 9113.
 * What breaks the protocol ends the connection with a reason that names the rule; what costs us more than the sender does so too. */
import type { Duplex } from 'node:stream';
import { systemClock, type Clock } from '../../base/clock.ts';
import { DEFAULT_CLOSE_DELAY_MS, dismiss, type Dismissal } from '../socket/ending.ts';
import { MESSAGE_READ_BYTES, readLent } from '../socket/lent-reads.ts';
import { remoteAddress } from '../socket/remote-address.ts';
import { FloodGuard } from './flood-guard.ts';
import { FrameReader, type FrameSink } from './frame-reader.ts';
import {
  DEFAULT_WINDOW, ErrorCode, Flag, FrameType, goAwayFrame, MAX_WINDOW, numberFrame, pingFrame, readStreamId, Setting, SETTINGS_ACK, settingsFrame,
} from './frames.ts';
import { HeaderBlock } from './header-block.ts';
import { HeaderSection, type SectionStep } from './header-section.ts';
import { HpackDecoder } from './hpack-decoder.ts';
import { DEFAULT_TABLE_BYTES } from './hpack-table.ts';
import { DEFAULT_HTTP2_LIMITS, type Http2Limits } from './limits.ts';
import { applySettings } from './peer-settings.ts';
import { RecentIds } from './recent-ids.ts';
import { Http2Sender } from './sender.ts';
import type { Http2Stream } from './stream.ts';

const PROVOKED: ReadonlySet<ErrorCode> = new Set([ErrorCode.Protocol, ErrorCode.FlowControl, ErrorCode.StreamClosed, ErrorCode.FrameSize]);

export interface Http2ConnectionDeps {
  readonly socket: Duplex;
  readonly limits?: Partial<Http2Limits>;
  readonly clock?: Clock;
  /** How it ends when the other side breaks a rule; default as any other end. */
  readonly failure?: Omit<Dismissal, 'clock'>;
}

const USUAL_END: Omit<Dismissal, 'clock'> = { patienceMs: DEFAULT_CLOSE_DELAY_MS };

export abstract class Http2Connection<Stream extends Http2Stream = Http2Stream> implements FrameSink {
  protected readonly clock: Clock;
  protected readonly limits: Http2Limits;
  readonly sender: Http2Sender;
  protected readonly streams = new Map<number, Stream>();
  /** Highest stream that the other side opened. */
  protected lastRemoteId = 0;
  readonly flood: FloodGuard;
  readonly #socket: Duplex;
  readonly #reader: FrameReader;
  readonly #decoder: HpackDecoder;
  readonly #ownReset = new RecentIds();
  /** Streams whose sender waits for a window or the socket. */
  readonly #waiting = new Set<Http2Stream>();
  #receiveWindow: number;
  #consumed = 0;
  #sawSettings = false;
  #closed = false;
  #finishing = false;
  readonly #failure: Omit<Dismissal, 'clock'>;
  readonly #section: HeaderSection;
  #dataStream: Stream | undefined;
  #feeding = false;

  constructor(deps: Http2ConnectionDeps) {
    const { socket } = deps;
    this.#socket = socket;
    this.clock = deps.clock ?? systemClock;
    this.#failure = deps.failure ?? USUAL_END;
    this.limits = { ...DEFAULT_HTTP2_LIMITS, ...deps.limits };
    this.flood = new FloodGuard(this.limits.flood, this.clock);
    this.sender = new Http2Sender(socket, this.flood, this.limits.tableBytes);
    this.#decoder = new HpackDecoder(Math.max(DEFAULT_TABLE_BYTES, this.limits.tableBytes));
    this.#reader = new FrameReader(this);
    this.#receiveWindow = this.limits.connectionWindow;
    // Compressed, a section is hardly longer than what it says.
    this.#section = new HeaderSection(this.flood, this.limits.maxHeadBytes * 2);
  }

  /** A header section on a stream that the map does not have. */
  protected abstract onUnknownStream(streamId: number, block: HeaderBlock, end: boolean): void;
  protected abstract onGoAway(lastStreamId: number, code: number): void;
  protected abstract onSettled(): void;
  protected abstract onPong(payload: Buffer): void;
  /** A stream ended, however. */
  protected abstract onStreamOver(stream: Stream): void;
  /** The connection is gone; streams have been told. Called once. */
  protected abstract onGone(): void;

  get streamWindow(): number {
    return this.limits.streamWindow;
  }

  /** A header section has begun, and the rest of it has not come. */
  protected get hasOpenSection(): boolean {
    return this.#section.openStream !== undefined;
  }

  /** Ended or ending: nothing is read any more. */
  get closed(): boolean {
    return this.#closed || this.#finishing;
  }

  /** Listens, and sends what opens the connection. @param preface comes before the settings */
  protected open(settings: readonly (readonly [id: number, value: number])[], preface?: Buffer): void {
    const socket = this.#socket;
    const { tableBytes } = this.limits;
    if (preface) this.sender.outbox.push(preface);
    this.sender.outbox.push(settingsFrame(tableBytes === DEFAULT_TABLE_BYTES ? settings : [...settings, [Setting.HeaderTableSize, tableBytes]]));
    const extra = this.limits.connectionWindow - DEFAULT_WINDOW;
    if (extra > 0) this.sender.outbox.push(numberFrame(FrameType.WindowUpdate, 0, extra));
    readLent(socket, MESSAGE_READ_BYTES, (chunk) => this.receive(chunk));
    socket.on('end', () => this.#lost());
    socket.on('drain', () => this.#onDrain());
    socket.on('error', () => this.#lost());
    socket.on('close', () => this.#lost());
    socket.resume();
  }

  /** Bytes from the socket. */
  protected receive(chunk: Buffer): void {
    this.feed(chunk, 0);
  }

  protected feed(chunk: Buffer, from: number): void {
    if (this.#closed) return;
    this.#feeding = true;
    this.#reader.feed(chunk, from);
    this.onFed();
    this.#feeding = false;
    this.sender.outbox.flush();
  }

  /** All frames of a read have been seen. */
  protected onFed(): void {}

  /** The address of the other side. */
  get source(): string | undefined {
    return remoteAddress(this.#socket);
  }

  /** Ends it now, without a word. */
  destroy(): void {
    this.#socket.destroy();
    this.#lost();
  }

  /** Ends it with a reason; streams in progress are lost. */
  protected fail(code: ErrorCode, reason: string): void {
    if (this.closed) return;
    this.sender.outbox.push(goAwayFrame(this.lastRemoteId, code, reason));
    this.finish(this.#failure);
    this.#breakStreams(code);
  }

  /** Writes what is left and ends the connection; no frame is read any more. */
  protected finish(how = USUAL_END): void {
    if (this.#finishing) return;
    this.#finishing = true;
    this.#reader.stop();
    this.sender.outbox.close();
    dismiss(this.#socket, { clock: this.clock, ...how });
  }

  // For streams

  writeReset(streamId: number, code: ErrorCode): void {
    this.#ownReset.add(streamId);
    this.#control(numberFrame(FrameType.RstStream, streamId, code));
  }

  /** A reset that the other side made us send costs us what one of its own would. */
  provoked(code: ErrorCode, openedAt: number): void {
    if (PROVOKED.has(code)) this.charge(openedAt);
  }

  /** As if the other side had given a stream up. */
  protected charge(openedAt: number): void {
    if (!this.flood.streamReset(openedAt)) this.fail(ErrorCode.EnhanceYourCalm, 'too many streams had to be reset');
  }

  /** Body octets that need no more room here. */
  consumed(octets: number): void {
    this.#consumed += octets;
    if (this.#consumed * 2 < this.limits.connectionWindow || this.#closed) return;
    this.sender.writeWindowUpdate(0, this.#consumed);
    this.#receiveWindow += this.#consumed;
    this.#consumed = 0;
  }

  wait(stream: Http2Stream): void {
    this.#waiting.add(stream);
  }

  unwait(stream: Http2Stream): void {
    this.#waiting.delete(stream);
  }

  forget(stream: Http2Stream): void {
    this.#waiting.delete(stream);
    const own = this.streams.get(stream.id);
    if (own === undefined || !this.streams.delete(stream.id)) return;
    if (this.#dataStream === own) this.#dataStream = undefined;
    this.onStreamOver(own);
  }

  // Frames

  onFrameError(code: ErrorCode, reason: string): void {
    this.fail(code, reason);
  }

  onFrame(type: number, flags: number, streamId: number, payload: Buffer): void {
    const { openStream } = this.#section;
    if (openStream !== undefined && (type !== FrameType.Continuation || streamId !== openStream)) return this.fail(ErrorCode.Protocol, 'a header section was interrupted');
    if (!this.#sawSettings && type !== FrameType.Settings) return this.fail(ErrorCode.Protocol, 'the first frame is not SETTINGS');
    switch (type) {
      case FrameType.Headers:
        return this.#onSection(this.#section.begin(flags, streamId, payload));
      case FrameType.Continuation:
        return this.#onSection(this.#section.proceed(flags, payload));
      case FrameType.Priority:
        return this.#onPriority(streamId, payload);
      case FrameType.RstStream:
        return this.#onReset(streamId, payload);
      case FrameType.Settings:
        return this.#onSettings(flags, streamId, payload);
      case FrameType.Ping:
        return this.#onPing(flags, streamId, payload);
      case FrameType.GoAway:
        return this.#onGoAway(streamId, payload);
      case FrameType.WindowUpdate:
        return this.#onWindowUpdate(streamId, payload);
      case FrameType.PushPromise:
        // Clients must not, and servers are told not to.
        return this.fail(ErrorCode.Protocol, 'PUSH_PROMISE');
      default:
      // RFC 9113 §4.1: unknown types are ignored.
    }
  }

  onDataHead(streamId: number, flags: number, length: number, dataLength: number): void {
    const end = (flags & Flag.EndStream) !== 0;
    if (this.#section.openStream !== undefined) return this.fail(ErrorCode.Protocol, 'a header section was interrupted');
    if (!this.#sawSettings) return this.fail(ErrorCode.Protocol, 'the first frame is not SETTINGS');
    if (streamId === 0) return this.fail(ErrorCode.Protocol, 'DATA on stream 0');
    if (!this.flood.frame(dataLength === 0 && !end)) return this.fail(ErrorCode.EnhanceYourCalm, 'too many empty frames');
    if (length > this.#receiveWindow) return this.fail(ErrorCode.FlowControl, 'more than the window of the connection');
    this.#receiveWindow -= length;
    this.consumed(length - dataLength);
    const stream = this.streams.get(streamId);
    if (stream === undefined || stream.remoteEnded) return this.#onDataTooLate(streamId, stream);
    this.#dataStream = stream;
    if (!stream.dataHead(length, dataLength, end)) this.fail(ErrorCode.FlowControl, 'more than the window of the stream');
  }

  onDataPiece(_streamId: number, chunk: Buffer): void {
    if (this.#dataStream) this.#dataStream.dataPiece(chunk);
    else this.consumed(chunk.length);
  }

  onDataEnd(): void {
    this.#dataStream = undefined;
  }

  #onDataTooLate(streamId: number, stream: Stream | undefined): void {
    this.#dataStream = undefined;
    if (stream) return stream.reset(ErrorCode.StreamClosed);
    if (this.isIdle(streamId)) return this.fail(ErrorCode.Protocol, 'DATA on an idle stream');
    if (!this.#ownReset.has(streamId)) this.#control(numberFrame(FrameType.RstStream, streamId, ErrorCode.StreamClosed));
  }

  /** Never opened. */
  protected abstract isIdle(streamId: number): boolean;

  #onSection(step: SectionStep): void {
    if (step === undefined) return;
    if ('code' in step) return this.fail(step.code, step.reason);
    const { streamId, endStream, bytes } = step;
    const block = new HeaderBlock({ maxBytes: this.limits.maxHeadBytes, maxFields: this.limits.maxHeaders });
    if (!this.#decoder.decode(bytes, block)) return this.fail(ErrorCode.Compression, 'a header section cannot be decompressed');
    if (block.hostile) return this.fail(ErrorCode.EnhanceYourCalm, 'a header section many times larger than allowed');
    const stream = this.streams.get(streamId);
    if (!stream) {
      if (!this.#ownReset.has(streamId)) this.onUnknownStream(streamId, block, endStream);
      return;
    }
    if (stream.remoteEnded) return stream.reset(ErrorCode.StreamClosed);
    stream.onBlock(block, endStream);
  }

  #onPriority(streamId: number, payload: Buffer): void {
    if (streamId === 0) return this.fail(ErrorCode.Protocol, 'PRIORITY on stream 0');
    if (!this.flood.priorityFrame()) return this.fail(ErrorCode.EnhanceYourCalm, 'too many PRIORITY frames');
    if (payload.length !== 5) return this.#streamError(streamId, ErrorCode.FrameSize);
    if (readStreamId(payload, 0) === streamId) this.#streamError(streamId, ErrorCode.Protocol);
  }

  #streamError(streamId: number, code: ErrorCode): void {
    const stream = this.streams.get(streamId);
    if (stream) stream.reset(code);
    else this.writeReset(streamId, code);
  }

  #onReset(streamId: number, payload: Buffer): void {
    if (streamId === 0 || this.isIdle(streamId)) return this.fail(ErrorCode.Protocol, 'RST_STREAM on a stream that was not opened');
    if (payload.length !== 4) return this.fail(ErrorCode.FrameSize, 'RST_STREAM of a wrong size');
    const stream = this.streams.get(streamId);
    if (!stream) return;
    const { openedAt, begun } = stream;
    // Any number may come; unknown ones are like INTERNAL_ERROR (RFC 9113 §7).
    stream.broken(payload.readUInt32BE(0) as ErrorCode, true);
    if (!this.flood.streamReset(openedAt, begun)) this.fail(ErrorCode.EnhanceYourCalm, 'too many streams were reset at once');
  }

  #onSettings(flags: number, streamId: number, payload: Buffer): void {
    this.#sawSettings = true;
    if (streamId !== 0) return this.fail(ErrorCode.Protocol, 'SETTINGS on a stream');
    if ((flags & Flag.Ack) !== 0) {
      if (payload.length > 0) this.fail(ErrorCode.FrameSize, 'an acknowledgement with a payload');
      return this.#decoder.limit(this.limits.tableBytes);
    }
    const before = this.sender.peer;
    const result = applySettings(before, payload);
    if ('error' in result) return this.fail(result.error, result.reason);
    this.sender.adopt(result.peer);
    const change = result.peer.initialWindow - before.initialWindow;
    for (const stream of change === 0 ? [] : this.streams.values()) {
      stream.sendWindow += change;
      if (stream.sendWindow > MAX_WINDOW) return this.fail(ErrorCode.FlowControl, 'SETTINGS_INITIAL_WINDOW_SIZE makes a window too large');
    }
    if (!this.flood.answeredFrame()) return this.fail(ErrorCode.EnhanceYourCalm, 'too many SETTINGS frames');
    this.#control(SETTINGS_ACK);
    if (change > 0) this.#pumpAll();
    this.onSettled();
  }

  #onPing(flags: number, streamId: number, payload: Buffer): void {
    if (streamId !== 0) return this.fail(ErrorCode.Protocol, 'PING on a stream');
    if (payload.length !== 8) return this.fail(ErrorCode.FrameSize, 'PING of a wrong size');
    if ((flags & Flag.Ack) !== 0) return this.onPong(payload);
    if (!this.flood.answeredFrame()) return this.fail(ErrorCode.EnhanceYourCalm, 'too many PING frames');
    this.#control(pingFrame(payload, true));
  }

  #onGoAway(streamId: number, payload: Buffer): void {
    if (streamId !== 0) return this.fail(ErrorCode.Protocol, 'GOAWAY on a stream');
    if (payload.length < 8) return this.fail(ErrorCode.FrameSize, 'GOAWAY of a wrong size');
    this.onGoAway(readStreamId(payload, 0), payload.readUInt32BE(4));
  }

  #onWindowUpdate(streamId: number, payload: Buffer): void {
    if (payload.length !== 4) return this.fail(ErrorCode.FrameSize, 'WINDOW_UPDATE of a wrong size');
    if (!this.flood.windowUpdate()) return this.fail(ErrorCode.EnhanceYourCalm, 'too many WINDOW_UPDATE frames');
    const increment = readStreamId(payload, 0);
    if (streamId === 0) {
      if (increment === 0) return this.fail(ErrorCode.Protocol, 'WINDOW_UPDATE by 0');
      if (!this.sender.widen(increment)) return this.fail(ErrorCode.FlowControl, 'the window of the connection becomes too large');
      return this.#pumpAll();
    }
    if (this.isIdle(streamId)) return this.fail(ErrorCode.Protocol, 'WINDOW_UPDATE on an idle stream');
    const stream = this.streams.get(streamId);
    if (!stream) return;
    stream.sendWindow += increment;
    if (increment === 0) return stream.reset(ErrorCode.Protocol);
    if (stream.sendWindow > MAX_WINDOW) return stream.reset(ErrorCode.FlowControl);
    stream.pump();
  }

  /** An answer that the other side makes us send. */
  #control(frame: Buffer): void {
    this.sender.outbox.push(frame);
    if (!this.sender.outbox.blocked) return;
    this.sender.outbox.controlFrames++;
    if (!this.flood.controlFrames(this.sender.outbox.controlFrames)) this.destroy();
  }

  #onDrain(): void {
    this.sender.outbox.controlFrames = 0;
    this.#pumpAll();
  }

  #pumpAll(): void {
    for (const stream of Array.from(this.#waiting)) {
      if (this.sender.blocked) return;
      stream.pump();
    }
    if (!this.#feeding) this.sender.outbox.flush();
  }

  /** @param code undefined: the connection is lost */
  #breakStreams(code: ErrorCode | undefined): void {
    for (const stream of Array.from(this.streams.values())) stream.broken(code, false);
  }

  #lost(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#reader.stop();
    this.#breakStreams(undefined);
    this.sender.outbox.close();
    this.#socket.end();
    this.onGone();
  }
}
