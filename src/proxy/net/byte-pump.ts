/** Moves bytes one way between two connections: stops reading while the other side does not take them, passes the end on. */
import type { Duplex } from 'node:stream';
import { bulkReads } from '../../codec/socket/bulk-reads.ts';
import { isEncrypted } from '../../codec/socket/is-encrypted.ts';
import { ENCRYPTED_READ_BYTES, readLent, STREAM_READ_BYTES } from '../../codec/socket/lent-reads.ts';
import { writeLent } from '../../codec/socket/lent-writes.ts';

/** A full TLS record: more of the same will follow in this turn. */
const RECORD_BYTES = 16 * 1024;
/** What OpenSSL gets from one read; more is not faster. */
const GATHER_BYTES = 4 * RECORD_BYTES;
/** Buffers that are in use for the rest of a turn at most; this many are kept for the next. */
const MAX_SPARE = 4;

const spare: Buffer[] = [];

export class BytePump {
  readonly #from: Duplex;
  readonly #to: Duplex;
  readonly #count: (octets: number) => void;
  /** Writes that are not taken yet. */
  #waiting = 0;
  /** Full records of this turn: one write for all costs less than one for each. */
  #gathered: Buffer | undefined;
  #octets = 0;

  /** @param count hears of every piece that was read */
  constructor(from: Duplex, to: Duplex, count: (octets: number) => void) {
    this.#from = from;
    this.#to = to;
    this.#count = count;
    const encrypts = isEncrypted(to);
    readLent(from, encrypts ? ENCRYPTED_READ_BYTES : STREAM_READ_BYTES, isEncrypted(from) && !encrypts ? this.#onRecord : this.#onBytes);
    from.on('end', () => {
      this.flush();
      to.end();
    });
    from.resume();
  }

  /** Writes what was gathered. */
  flush(): void {
    const gathered = this.#gathered;
    if (gathered === undefined) return;
    this.#gathered = undefined;
    this.#write(gathered.subarray(0, this.#octets));
    this.#octets = 0;
    if (spare.length < MAX_SPARE) spare.push(gathered);
  }

  readonly #onBytes = (chunk: Buffer): void => {
    this.#count(chunk.length);
    this.#write(chunk);
  };

  readonly #onRecord = (chunk: Buffer): void => {
    this.#count(chunk.length);
    const isFull = chunk.length === RECORD_BYTES;
    if (!isFull && this.#gathered === undefined) return this.#write(chunk);
    if (this.#octets + chunk.length > GATHER_BYTES) this.flush();
    if (this.#gathered === undefined) {
      this.#gathered = spare.pop() ?? Buffer.allocUnsafeSlow(GATHER_BYTES);
      setImmediate(() => this.flush());
    }
    this.#gathered.set(chunk, this.#octets);
    this.#octets += chunk.length;
    if (!isFull) this.flush();
  };

  #write(chunk: Buffer): void {
    if (this.#to.destroyed || writeLent(this.#to, [chunk], this.#onTaken)) return;
    this.#waiting++;
    bulkReads.pause(this.#from);
  }

  readonly #onTaken = (): void => {
    if (--this.#waiting === 0) bulkReads.resume(this.#from);
  };
}
