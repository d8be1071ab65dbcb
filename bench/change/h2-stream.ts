/** One gRPC stream on one HTTP/2 connection, with no more of HTTP/2 than that takes: thousands of clients must cost this
 * machine little, or they, and not the control plane, would be what is measured. RFC 9113; headers are never compressed. */
import { connect, type Socket } from 'node:net';

const Frame = { Data: 0, Headers: 1, RstStream: 3, Settings: 4, Ping: 6, GoAway: 7, WindowUpdate: 8 } as const;
const END_STREAM = 1;
const END_HEADERS = 4;
const ACK = 1;
const STREAM = 1;
const FRAME_HEAD = 9;
const GRPC_HEAD = 5;
const MAX_FRAME = 16_384;
/** Of what may be under way to us; given back when half is used. */
const WINDOW = 1 << 20;
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
/** Sockets are read one after the other, so they can share what they are read into, and where messages are put together that
 * are whole by the end of a read. */
const shared = Buffer.allocUnsafe(1 << 18);
const scratch = Buffer.allocUnsafe(1 << 18);

export interface StreamEvents {
  /** The bytes are good until it returns. */
  message(bytes: Buffer): void;
  ended(reason: string): void;
}

export class H2Stream {
  readonly #socket: Socket;
  readonly #events: StreamEvents;
  /** Bytes of an unfinished frame. */
  #rest: Buffer | undefined;
  /** An unfinished gRPC message, and how much of it is there. */
  #message: Buffer | undefined;
  #filled = 0;
  #head = Buffer.alloc(0);
  #unacknowledged = 0;
  #sendWindow = 65_535;
  #queue: Buffer[] = [];
  /** Frames of one read leave together. */
  #out: Buffer[] | undefined;
  #isOver = false;
  received = 0;

  constructor(to: { host: string; port: number; path: string }, events: StreamEvents) {
    this.#events = events;
    const take = (size: number) => {
      this.received += size;
      this.#read(shared.subarray(0, size));
      return true;
    };
    // `onread` spares a Buffer for each read.
    this.#socket = connect({ host: to.host, port: to.port, noDelay: true, onread: { buffer: shared, callback: take } });
    this.#socket.on('error', (error) => this.#end(error.message));
    this.#socket.on('close', () => this.#end('the connection was closed'));
    this.#socket.write(Buffer.concat([PREFACE, settings(), windowUpdate(0, WINDOW - 65_535), frame(Frame.Headers, END_HEADERS, requestHeaders(to.path, `${to.host}:${to.port}`))]));
  }

  send(message: Uint8Array): void {
    this.sendFrame(dataFrame(message));
  }

  /** @param whole from `dataFrame`; may be shared */
  sendFrame(whole: Buffer): void {
    const size = whole.length - FRAME_HEAD;
    if (this.#queue.length === 0 && size <= this.#sendWindow && size <= MAX_FRAME) {
      this.#sendWindow -= size;
      return this.#write(whole);
    }
    this.#queue.push(whole.subarray(FRAME_HEAD));
    this.#flush();
  }

  #write(bytes: Buffer): void {
    if (this.#out) this.#out.push(bytes);
    else this.#socket.write(bytes);
  }

  close(): void {
    this.#isOver = true;
    this.#socket.destroy();
  }

  #end(reason: string): void {
    if (this.#isOver) return;
    this.close();
    this.#events.ended(reason);
  }

  #flush(): void {
    for (let next = this.#queue[0]; next && this.#sendWindow > 0; next = this.#queue[0]) {
      const size = Math.min(next.length, this.#sendWindow, MAX_FRAME);
      this.#write(frame(Frame.Data, 0, next.subarray(0, size)));
      this.#sendWindow -= size;
      if (size === next.length) this.#queue.shift();
      else this.#queue[0] = next.subarray(size);
    }
  }

  #read(chunk: Buffer): void {
    this.#out = [];
    this.#frames(chunk);
    const out = this.#out;
    this.#out = undefined;
    const [first] = out;
    if (first && !this.#isOver) this.#socket.write(out.length === 1 ? first : Buffer.concat(out));
    // The next socket uses it.
    if (this.#message?.buffer === scratch.buffer) this.#message = Buffer.from(this.#message);
  }

  #frames(chunk: Buffer): void {
    let bytes = this.#rest ? Buffer.concat([this.#rest, chunk]) : chunk;
    this.#rest = undefined;
    while (bytes.length >= FRAME_HEAD) {
      const size = bytes.readUIntBE(0, 3);
      if (bytes.length < FRAME_HEAD + size) break;
      this.#frame(bytes[3] ?? 0, bytes[4] ?? 0, bytes.subarray(FRAME_HEAD, FRAME_HEAD + size));
      bytes = bytes.subarray(FRAME_HEAD + size);
      if (this.#isOver) return;
    }
    if (bytes.length > 0) this.#rest = Buffer.from(bytes);
  }

  #frame(type: number, flags: number, payload: Buffer): void {
    switch (type) {
      case Frame.Data:
        this.#grant(payload.length);
        this.#data(payload);
        break;
      case Frame.Settings:
        if ((flags & ACK) === 0) this.#write(frame(Frame.Settings, ACK, Buffer.alloc(0), 0));
        break;
      case Frame.Ping:
        if ((flags & ACK) === 0) this.#write(frame(Frame.Ping, ACK, Buffer.from(payload), 0));
        break;
      case Frame.WindowUpdate:
        this.#sendWindow += payload.readUInt32BE(0);
        this.#flush();
        break;
      case Frame.RstStream:
        this.#end(`the stream was reset, code ${payload.readUInt32BE(0)}`);
        break;
      case Frame.GoAway:
        this.#end(`the server goes away: ${payload.subarray(8).toString('latin1')}`);
        break;
      default:
    }
    if ((type === Frame.Data || type === Frame.Headers) && (flags & END_STREAM) !== 0) this.#end(`the server ended the stream: ${payload.toString('latin1')}`);
  }

  #grant(size: number): void {
    this.#unacknowledged += size;
    if (this.#unacknowledged < WINDOW / 2) return;
    this.#write(Buffer.concat([windowUpdate(0, this.#unacknowledged), windowUpdate(STREAM, this.#unacknowledged)]));
    this.#unacknowledged = 0;
  }

  #data(payload: Buffer): void {
    let bytes = payload;
    while (bytes.length > 0) {
      if (!this.#message) {
        const head = this.#head.length > 0 ? Buffer.concat([this.#head, bytes]) : bytes;
        if (head.length < GRPC_HEAD) {
          this.#head = Buffer.from(head);
          return;
        }
        const size = head.readUInt32BE(1);
        bytes = head.subarray(GRPC_HEAD);
        this.#head = Buffer.alloc(0);
        if (bytes.length >= size) {
          this.#events.message(bytes.subarray(0, size));
          bytes = bytes.subarray(size);
          continue;
        }
        this.#message = size <= scratch.length ? scratch.subarray(0, size) : Buffer.allocUnsafe(size);
        this.#filled = 0;
      }
      const part = bytes.subarray(0, this.#message.length - this.#filled);
      this.#message.set(part, this.#filled);
      this.#filled += part.length;
      bytes = bytes.subarray(part.length);
      if (this.#filled < this.#message.length) return;
      const whole = this.#message;
      this.#message = undefined;
      this.#events.message(whole);
    }
  }
}

/** A message of a request in one DATA frame. */
export function dataFrame(message: Uint8Array): Buffer {
  const body = Buffer.allocUnsafe(GRPC_HEAD + message.length);
  body[0] = 0;
  body.writeUInt32BE(message.length, 1);
  body.set(message, GRPC_HEAD);
  return frame(Frame.Data, 0, body);
}

function frame(type: number, flags: number, payload: Uint8Array, stream: number = STREAM): Buffer {
  const out = Buffer.allocUnsafe(FRAME_HEAD + payload.length);
  out.writeUIntBE(payload.length, 0, 3);
  out[3] = type;
  out[4] = flags;
  out.writeUInt32BE(stream, 5);
  out.set(payload, FRAME_HEAD);
  return out;
}

function settings(): Buffer {
  const payload = Buffer.alloc(18);
  const pairs = [[1, 0], [2, 0], [4, WINDOW]] as const;
  pairs.forEach(([id, value], i) => {
    payload.writeUInt16BE(id, i * 6);
    payload.writeUInt32BE(value, i * 6 + 2);
  });
  return frame(Frame.Settings, 0, payload, 0);
}

function windowUpdate(stream: number, size: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(size, 0);
  return frame(Frame.WindowUpdate, 0, payload, stream);
}

/** Literals that are not indexed (RFC 7541 6.2.2): names and values shorter than 127 bytes. */
function requestHeaders(path: string, authority: string): Buffer {
  const text = (value: string) => Buffer.concat([Buffer.from([Buffer.byteLength(value)]), Buffer.from(value, 'latin1')]);
  const pairs = [[':method', 'POST'], [':scheme', 'http'], [':path', path], [':authority', authority], ['content-type', 'application/grpc'], ['te', 'trailers']] as const;
  return Buffer.concat(pairs.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]));
}
