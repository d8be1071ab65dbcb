/** Frames on their way to the socket: what is made in one turn leaves in one write. */
import type { Duplex } from 'node:stream';

const MERGE_LIMIT = 16 * 1024;

export class Outbox {
  readonly #socket: Duplex;
  #frames: Buffer[] = [];
  #bytes = 0;
  /** Something in it is not to be copied. */
  #isKept = false;
  #scheduled = false;
  #closed = false;
  /** Small frames that nobody asked for, since the socket last took everything. Envoy: max_outbound_control_frames. */
  controlFrames = 0;
  /** Frames of any kind since then. */
  #waiting = 0;
  readonly #onWaiting: (frames: number) => void;

  /** @param onWaiting told how many frames wait for a socket that takes no more */
  constructor(socket: Duplex, onWaiting: (frames: number) => void) {
    this.#socket = socket;
    this.#onWaiting = onWaiting;
  }

  /** True when the socket asks to wait. */
  get blocked(): boolean {
    return this.#socket.writableNeedDrain;
  }

  /** @param isKept the bytes stay as they are: they are written from where they are */
  push(frame: Buffer, isKept = false): void {
    if (this.#closed) return;
    this.#frames.push(frame);
    if (isKept) this.#isKept = true;
    this.#bytes += frame.length;
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.flush();
    });
  }

  flush(): void {
    const frames = this.#frames;
    const [first] = frames;
    if (first === undefined || this.#closed) return;
    const bytes = this.#bytes;
    this.#frames = [];
    this.#bytes = 0;
    const isKept = this.#isKept;
    this.#isKept = false;
    if (frames.length === 1) {
      this.#write(first);
    } else if (bytes <= MERGE_LIMIT && !isKept) {
      this.#write(Buffer.concat(frames, bytes));
    } else {
      this.#socket.cork();
      for (const frame of frames) this.#write(frame);
      this.#socket.uncork();
    }
    if (!this.#socket.writableNeedDrain) {
      this.controlFrames = 0;
      this.#waiting = 0;
      return;
    }
    this.#waiting += frames.length;
    this.#onWaiting(this.#waiting);
  }

  /** What is left is written, then nothing more. */
  close(): void {
    this.flush();
    this.#closed = true;
  }

  #write(frame: Buffer): void {
    this.#socket.write(frame);
  }
}
