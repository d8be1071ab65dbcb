/** What the kernel holds for readers that do not read. It takes some megabytes of each connection before it says that a reader is slow, however little it has sent:
 * hundreds of those, who ask for much and read nothing, are a gigabyte that was read, copied and kept for nobody. With TCP_NOTSENT_LOWAT it takes this much beyond what is
 * on its way. For HTTP/1 messages in large pieces: of a stream of bytes between two who read fast it seemed to take a tenth of the throughput for each CPU second, or more. */
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { descriptor } from './descriptor.ts';
import { loadSocketOptions, type SocketOptions } from './options.ts';

const IPPROTO_TCP = 6;
const TCP_NOTSENT_LOWAT = 25;
const UNSENT_BYTES = 512 * 1024;

const value = Buffer.alloc(4);
value.writeInt32LE(UNSENT_BYTES);
const limited = new WeakSet<Duplex>();
let options: SocketOptions | 'none' | undefined;

/** Of a connection that is sent large pieces; may be asked for with each. Where the kernel cannot be told, it holds what it likes. */
export function limitUnsent(to: Duplex): void {
  if (limited.has(to)) return;
  limited.add(to);
  if (options === 'none' || !(to instanceof Socket)) return;
  try {
    options ??= loadSocketOptions();
  } catch {
    options = 'none';
    return;
  }
  const fd = descriptor(to);
  if (fd >= 0) options.set(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, value);
}
