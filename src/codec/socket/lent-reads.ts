/** Reads into memory that all connections share: what is read is lent for the time of the call. A read then costs no allocation and
 * nothing for the garbage collector, and connections that are idle hold no buffer. Node gives this (`onread`) to sockets that it
 * connects itself; accepted and TLS sockets get it here, through the fields in which net.Socket keeps it. */
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { systemClock } from '../../base/clock.ts';
import { bulkReads, LARGE_BYTES } from './bulk-reads.ts';

/** Large pieces save system calls where only bytes are moved. */
export const STREAM_READ_BYTES = 256 * 1024;
/** What Node encrypts and hands to the kernel at once: ten of OpenSSL's pieces of 16 KB. */
export const ENCRYPTED_READ_BYTES = 128 * 1024;
/** Pieces of messages may have to be kept by somebody. */
export const MESSAGE_READ_BYTES = 64 * 1024;

interface UserBufferHandle {
  useUserBuffer(buffer: Buffer): void;
}

/** Where net.Socket keeps its `onread`; undefined when this Node keeps it elsewhere. */
interface Fields {
  readonly buffer: symbol;
  readonly callback: symbol;
}

/** Memory that every connection reads into: each read is consumed before the next one begins. */
class LentMemory {
  readonly whole: Buffer;
  /** Of the read before: the next one is often as long, and a view costs two hundred octets of garbage. */
  #view: Buffer;

  constructor(bytes: number) {
    this.whole = Buffer.allocUnsafeSlow(bytes);
    this.#view = this.whole;
  }

  first(octets: number): Buffer {
    if (octets !== this.#view.length) this.#view = this.whole.subarray(0, octets);
    return this.#view;
  }
}

/** By size. */
const shared = new Map<number, LentMemory>();
let known: Fields | 'none' | undefined;

/** Begins to read. What was put back into the socket comes first. Where Node's insides are not as expected, the bytes come by
 * `data` events: dearer, and the same to the receiver.
 * @param bytes read at once, at most
 * @param receive keeps nothing of the chunk after it returns */
export function readLent(socket: Duplex, bytes: number, receive: (chunk: Buffer) => void): void {
  socket.on('data', receive);
  const handle = handleOf(socket);
  if (handle === undefined) return;
  known ??= findFields(socket) ?? 'none';
  if (known === 'none') return;
  const memory = shared.getOrInsertComputed(bytes, () => new LentMemory(bytes));
  Object.assign(socket, {
    [known.buffer]: memory.whole,
    [known.callback]: (length: number): boolean => {
      if (length < LARGE_BYTES) {
        bulkReads.countSmall(socket);
        receive(memory.first(length));
        return true;
      }
      const since = systemClock.monotonic();
      receive(memory.first(length));
      return bulkReads.mayGoOn(socket, length, systemClock.monotonic() - since);
    },
  });
  handle.useUserBuffer(memory.whole);
}

/** What a read costs, however little it brings, in octets. */
const READ_COST = 16 * 1024;

/** Whoever read this connection reads no more; what still comes is dropped.
 * @param most octets; beyond them nothing is taken from the kernel any more. A read counts for 16 KB at least */
export function readAway(socket: Duplex, most: number): void {
  let left = most;
  const drop = (length: number): boolean => {
    left -= Math.max(length, READ_COST);
    if (left <= 0) socket.pause();
    return left > 0;
  };
  socket.removeAllListeners('data');
  socket.on('data', ({ length }: Buffer) => void drop(length));
  if (typeof known === 'object' && known.callback in socket) Object.assign(socket, { [known.callback]: drop });
  socket.resume();
}

function findFields(socket: Duplex): Fields | undefined {
  const find = (name: string) => Object.getOwnPropertySymbols(socket).find(({ description }) => description === name);
  const buffer = find('kBuffer');
  const callback = find('kBufferCb');
  return buffer && callback && { buffer, callback };
}

/** The native side of a TCP or TLS socket. */
function handleOf(socket: Duplex): UserBufferHandle | undefined {
  if (!(socket instanceof Socket)) return undefined;
  // Node has no public name for it.
  const { _handle: handle } = socket as Socket & { _handle?: Partial<UserBufferHandle> | null };
  return typeof handle?.useUserBuffer === 'function' ? (handle as UserBufferHandle) : undefined;
}
