/** The part of SPDY/3.1 that port forwarding needs: streams with headers, data, ping, reset. Without flow control, which the
 * peers of this protocol (client-go's spdystream) do not use either. Spec: SPDY Protocol draft 3.1. */
import { constants, createDeflate, createInflate, type Deflate, type Inflate } from 'node:zlib';
import { SPDY_DICTIONARY } from './spdy-dictionary.ts';

const Type = { SynStream: 1, SynReply: 2, RstStream: 3, Ping: 6, Goaway: 7 } as const;
const FIN = 0x01;
const VERSION = 3;
const HEADER_BYTES = 8;

export interface SpdyStream {
  readonly id: number;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  onData: (chunk: Buffer, isLast: boolean) => void;
  accept(): void;
  send(chunk: Uint8Array): Promise<void>;
  /** Ends our direction. */
  end(): void;
}

export interface SpdyOptions {
  /** Sends bytes; resolves when the peer can take more. */
  write(bytes: Buffer): Promise<void>;
  onStream(stream: SpdyStream): void;
}

/** The server's end of a connection. */
export class SpdyConnection {
  readonly #options: SpdyOptions;
  readonly #streams = new Map<number, SpdyStream>();
  readonly #inflate: Inflate = createInflate({ dictionary: SPDY_DICTIONARY, finishFlush: constants.Z_SYNC_FLUSH });
  readonly #deflate: Deflate = createDeflate({ dictionary: SPDY_DICTIONARY, flush: constants.Z_SYNC_FLUSH });
  #buffered: Buffer = Buffer.alloc(0);
  /** Frames are handled one after the other, because header blocks share one compression state. */
  #incoming: Promise<void> = Promise.resolve();
  #outgoing: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(options: SpdyOptions) {
    this.#options = options;
  }

  receive(bytes: Buffer): void {
    this.#buffered = this.#buffered.length === 0 ? bytes : Buffer.concat([this.#buffered, bytes]);
    while (this.#buffered.length >= HEADER_BYTES) {
      const length = this.#buffered.readUIntBE(5, 3);
      if (this.#buffered.length < HEADER_BYTES + length) return;
      const frame = this.#buffered.subarray(0, HEADER_BYTES + length);
      this.#buffered = this.#buffered.subarray(HEADER_BYTES + length);
      this.#incoming = this.#incoming.then(() => (this.#isClosed ? undefined : this.#handle(frame))).catch(() => this.close());
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#inflate.close();
    this.#deflate.close();
    this.#streams.clear();
  }

  async #handle(frame: Buffer): Promise<void> {
    const flags = frame[4] ?? 0;
    const body = frame.subarray(HEADER_BYTES);
    if ((frame.readUInt32BE(0) & 0x80000000) === 0) {
      this.#streams.get(frame.readUInt32BE(0))?.onData(body, (flags & FIN) !== 0);
      return;
    }
    switch (frame.readUInt16BE(2)) {
      case Type.SynStream: {
        const id = body.readUInt32BE(0) & 0x7fffffff;
        const headers = parseHeaders(await this.#transform(this.#inflate, body.subarray(10)));
        const stream = this.#createStream(id, headers);
        this.#streams.set(id, stream);
        this.#options.onStream(stream);
        if (flags & FIN) stream.onData(Buffer.alloc(0), true);
        return;
      }
      case Type.Ping: return void this.#write(frame);
      case Type.RstStream: {
        const id = body.readUInt32BE(0) & 0x7fffffff;
        this.#streams.get(id)?.onData(Buffer.alloc(0), true);
        this.#streams.delete(id);
      }
    }
  }

  #createStream(id: number, headers: ReadonlyMap<string, string>): SpdyStream {
    return {
      id, headers, onData: () => {},
      accept: () => {
        const block = Buffer.alloc(4); // no headers
        this.#outgoing = this.#outgoing.then(async () => this.#options.write(control(Type.SynReply, Buffer.concat([uint32(id), await this.#transform(this.#deflate, block)])))).catch(() => this.close());
      },
      send: (chunk) => this.#write(data(id, chunk, 0)),
      end: () => {
        void this.#write(data(id, Buffer.alloc(0), FIN));
      },
    };
  }

  #write(bytes: Buffer): Promise<void> {
    this.#outgoing = this.#outgoing.then(() => (this.#isClosed ? undefined : this.#options.write(bytes))).catch(() => this.close());
    return this.#outgoing;
  }

  #transform(stream: Inflate | Deflate, input: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      const onData = (chunk: Buffer) => void chunks.push(chunk);
      stream.on('data', onData);
      stream.once('error', reject);
      stream.write(input);
      stream.flush(constants.Z_SYNC_FLUSH, () => {
        stream.off('data', onData);
        stream.off('error', reject);
        resolve(Buffer.concat(chunks));
      });
    });
  }
}

function parseHeaders(block: Buffer): Map<string, string> {
  const headers = new Map<string, string>();
  let at = 4;
  const text = () => {
    const length = block.readUInt32BE(at);
    at += 4 + length;
    return block.toString('utf8', at - length, at);
  };
  for (let count = block.length >= 4 ? block.readUInt32BE(0) : 0; count > 0; count--) {
    const name = text();
    headers.set(name.toLowerCase(), text());
  }
  return headers;
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function control(type: number, body: Buffer): Buffer {
  const head = Buffer.alloc(HEADER_BYTES);
  head.writeUInt16BE(0x8000 | VERSION, 0);
  head.writeUInt16BE(type, 2);
  head.writeUIntBE(body.length, 5, 3);
  return Buffer.concat([head, body]);
}

function data(id: number, chunk: Uint8Array, flags: number): Buffer {
  const head = Buffer.alloc(HEADER_BYTES);
  head.writeUInt32BE(id, 0);
  head[4] = flags;
  head.writeUIntBE(chunk.length, 5, 3);
  return Buffer.concat([head, chunk]);
}
