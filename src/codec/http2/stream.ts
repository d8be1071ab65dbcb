/** One stream of an HTTP/2 connection: its two halves, its windows, and the data that waits for either. RFC 9113 §5. */
import type { Headers } from '../headers.ts';
import type { Http2Connection } from './connection.ts';
import { ErrorCode } from './frames.ts';
import type { HeaderBlock } from './header-block.ts';

export abstract class Http2Stream {
  readonly id: number;
  /** Monotonic ms. */
  readonly openedAt: number;
  readonly #connection: Http2Connection;
  /** Octets that the other side still takes on this stream; can be negative after it lowered its window. */
  sendWindow: number;
  #localEnded = false;
  #remoteEnded = false;
  #over = false;
  /** Body that no window takes yet. */
  #waiting: Buffer[] = [];
  #waitingEnd: { trailers: Headers | undefined } | undefined;
  #owesDrain = false;
  #receiveWindow: number;
  /** Read by the sink and not yet given back to the sender. */
  #consumed = 0;
  #paused = false;
  /** What came while paused. */
  #held: Buffer[] = [];
  #heldEnd: { trailers: Headers | undefined } | undefined;
  /** Of the DATA frame in progress. */
  #frameLeft = 0;
  #frameEnds = false;
  /** Body octets that Content-Length promises; -1: it does not. */
  #expected = -1;

  constructor(connection: Http2Connection, id: number) {
    this.#connection = connection;
    this.id = id;
    this.openedAt = connection.flood.streamOpened();
    this.sendWindow = connection.sender.peer.initialWindow;
    this.#receiveWindow = connection.streamWindow;
  }

  /** A header section that is neither malformed nor too large. */
  abstract onBlock(block: HeaderBlock, end: boolean): void;
  /** @param chunk only lent */
  protected abstract onBody(chunk: Buffer, end: boolean): void;
  protected abstract onBodyEnd(trailers: Headers | undefined): void;
  protected abstract onDrain(): void;
  /** It ended before it was complete. @param code undefined: the connection is lost */
  protected abstract onBroken(code: ErrorCode | undefined, byPeer: boolean): void;

  get remoteEnded(): boolean {
    return this.#remoteEnded;
  }

  get localEnded(): boolean {
    return this.#localEnded;
  }

  get over(): boolean {
    return this.#over;
  }

  expectBody(length: number): void {
    this.#expected = length;
  }

  // Receiving; called by the connection

  /** @returns false when the sender did not keep to the window */
  dataHead(length: number, dataLength: number, end: boolean): boolean {
    if (length > this.#receiveWindow) return false;
    this.#receiveWindow -= length;
    this.#frameLeft = dataLength;
    this.#frameEnds = end;
    this.#credit(length - dataLength);
    if (dataLength === 0 && end) this.endRemote(undefined);
    return true;
  }

  dataPiece(chunk: Buffer): void {
    this.#frameLeft -= chunk.length;
    const end = this.#frameEnds && this.#frameLeft === 0;
    if (this.#expected >= 0) {
      this.#expected -= chunk.length;
      if (this.#expected < 0 || (end && this.#expected > 0)) return this.reset(ErrorCode.Protocol);
    }
    if (end) this.#remoteEnded = true;
    if (this.#paused) {
      this.#held.push(Buffer.from(chunk));
      if (end) this.#heldEnd = { trailers: undefined };
    } else {
      this.onBody(chunk, end);
      this.#taken(chunk.length);
    }
    if (end) this.#closeIfDone();
  }

  /** END_STREAM without data. */
  endRemote(trailers: Headers | undefined): void {
    if (this.#expected > 0) return this.reset(ErrorCode.Protocol);
    this.#remoteEnded = true;
    if (this.#paused) this.#heldEnd = { trailers };
    else this.onBodyEnd(trailers);
    this.#closeIfDone();
  }

  /** The head had END_STREAM; `completed` follows when the head has been passed on. */
  headEnded(): void {
    this.#remoteEnded = true;
  }

  completed(): void {
    this.#closeIfDone();
  }

  /** The other side gave it up, or the connection did. */
  broken(code: ErrorCode | undefined, byPeer: boolean): void {
    if (this.#over) return;
    this.#finish();
    this.onBroken(code, byPeer);
  }

  /** Somebody is there for it. A server's stream may wait for that. */
  get begun(): boolean {
    return true;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.deliverHeld();
  }

  /** `start` may pause it again. What was held until now follows. */
  protected beginAfter(start: () => void): void {
    this.#paused = false;
    start();
    this.deliverHeld();
  }

  protected deliverHeld(): void {
    while (!this.#paused && this.#held.length > 0) {
      const chunk = this.#held.shift();
      if (chunk === undefined) break;
      const isLast = this.#held.length === 0 && this.#heldEnd !== undefined && this.#heldEnd.trailers === undefined;
      if (isLast) this.#heldEnd = undefined;
      this.onBody(chunk, isLast);
      this.#taken(chunk.length);
    }
    const end = this.#heldEnd;
    if (this.#paused || end === undefined) return;
    this.#heldEnd = undefined;
    this.onBodyEnd(end.trailers);
  }

  // Sending; called by the subclass

  protected writeHead(fill: () => void, end: boolean): void {
    if (this.#over) return;
    this.#connection.sender.writeHead(this.id, fill, end);
    if (end) this.#endLocal();
  }

  /** @returns false when the caller should wait for `onDrain` */
  protected writeData(chunk: Buffer, end: boolean, isKept = false): boolean {
    if (this.#over || this.#localEnded) return true;
    if (this.#waiting.length > 0) {
      this.#waiting.push(isKept ? chunk : Buffer.from(chunk));
      if (end) this.#waitingEnd = { trailers: undefined };
      return this.#wait();
    }
    const sent = this.#connection.sender.writeData(this, chunk, end, isKept);
    if (sent === chunk.length) {
      if (end) this.#endLocal();
      return this.#connection.sender.blocked ? this.#wait() : true;
    }
    const rest = chunk.subarray(sent);
    this.#waiting.push(isKept ? rest : Buffer.from(rest));
    if (end) this.#waitingEnd = { trailers: undefined };
    return this.#wait();
  }

  protected writeEnd(trailers: Headers | undefined): void {
    if (this.#over || this.#localEnded) return;
    if (this.#waiting.length > 0) {
      this.#waitingEnd = { trailers };
      return;
    }
    this.#connection.sender.writeEnd(this.id, trailers);
    this.#endLocal();
  }

  /** Gives the stream up and says so. */
  reset(code: ErrorCode): void {
    if (this.#over) return;
    this.#connection.writeReset(this.id, code);
    this.#finish();
    this.onBroken(code, false);
    this.#connection.provoked(code, this.openedAt);
  }

  /** The same, but nobody here wants to hear of it. */
  protected abandon(code: ErrorCode): void {
    if (this.#over) return;
    this.#connection.writeReset(this.id, code);
    this.#finish();
  }

  /** A window opened or the socket takes more. */
  pump(): void {
    while (this.#waiting.length > 0) {
      const [chunk] = this.#waiting;
      if (chunk === undefined) break;
      const isLast = this.#waiting.length === 1 && this.#waitingEnd !== undefined && this.#waitingEnd.trailers === undefined;
      const sent = this.#connection.sender.writeData(this, chunk, isLast, true);
      if (sent < chunk.length) {
        if (sent > 0) this.#waiting[0] = chunk.subarray(sent);
        return;
      }
      this.#waiting.shift();
      if (isLast) return this.#endLocal();
    }
    if (this.#waitingEnd) {
      this.#connection.sender.writeEnd(this.id, this.#waitingEnd.trailers);
      return this.#endLocal();
    }
    if (!this.#owesDrain || this.#connection.sender.blocked) return;
    this.#owesDrain = false;
    this.#connection.unwait(this);
    this.onDrain();
  }

  #wait(): false {
    this.#owesDrain = true;
    this.#connection.wait(this);
    return false;
  }

  #endLocal(): void {
    this.#localEnded = true;
    // A window that opens later finds nothing to do.
    this.#waitingEnd = undefined;
    this.#connection.unwait(this);
    this.#closeIfDone();
  }

  #closeIfDone(): void {
    if (!this.#localEnded || !this.#remoteEnded || this.#over) return;
    this.#connection.flood.streamCompleted();
    this.#finish();
  }

  #finish(): void {
    this.#over = true;
    // What is held of a complete message is still to be delivered, if there is somebody.
    if (!this.#remoteEnded || !this.begun) {
      for (const chunk of this.#held) this.#connection.consumed(chunk.length);
      this.#held = [];
    }
    this.#waiting = [];
    this.#connection.forget(this);
  }

  #taken(octets: number): void {
    this.#connection.consumed(octets);
    this.#credit(octets);
  }

  #credit(octets: number): void {
    this.#consumed += octets;
    if (this.#remoteEnded || this.#over || this.#consumed * 2 < this.#connection.streamWindow) return;
    this.#connection.sender.writeWindowUpdate(this.id, this.#consumed);
    this.#receiveWindow += this.#consumed;
    this.#consumed = 0;
  }
}
