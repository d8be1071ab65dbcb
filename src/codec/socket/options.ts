/** What the kernel knows of a socket and Node does not ask for: getsockopt and setsockopt on its descriptor. */
import { loadCLibrary, type CLibrary } from './c-library.ts';

export interface SocketOptions {
  /** @param value filled by the kernel @returns whether it did */
  get(fd: number, level: number, option: number, value: Buffer): boolean;
  /** @returns whether the kernel took it */
  set(fd: number, level: number, option: number, value: Buffer): boolean;
}

// The C library decides how many parameters it has.
// oxlint-disable-next-line max-params
type Foreign = (fd: number, level: number, option: number, value: Buffer, length: Buffer | number) => number;

let loaded: SocketOptions | undefined;

/** Throws where there is no module for this machine. */
export function loadSocketOptions(): SocketOptions {
  return (loaded ??= load(loadCLibrary()));
}

function load(library: CLibrary): SocketOptions {
  const getsockopt = library.func<Foreign>('int getsockopt(int fd, int level, int option, _Out_ uint8_t *value, _Inout_ uint8_t *length)');
  const setsockopt = library.func<Foreign>('int setsockopt(int fd, int level, int option, const uint8_t *value, uint32_t length)');
  return {
    get(fd, level, option, value) {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(value.length);
      return getsockopt(fd, level, option, value, length) === 0;
    },
    set: (fd, level, option, value) => setsockopt(fd, level, option, value, value.length) === 0,
  };
}
