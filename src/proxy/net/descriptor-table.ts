/** Room in the process's table of descriptors, made before it is needed. The kernel enlarges the table when the next descriptor finds no place, and in a process of several
 * threads, as Node's is, whoever asked for that one waits until all processors have let go of the old table (RCU): 6 to 14 ms for each doubling, in which a proxy that
 * accepts a connection serves nobody. A thread of libuv's pool waits in its place. */
import { close } from 'node:fs';
import { loadCLibrary } from '../../codec/socket/c-library.ts';

/** Duplicates a descriptor. @param least that the copy may be; the kernel makes room for it @param onDone -1: it could not */
export type Duplicate = (least: number, onDone: (copy: number) => void) => void;

const F_DUPFD_CLOEXEC = 1030;
const STDIN = 0;
/** Of every process, before any connection has come. */
const ROOM_AT_START = 128;
/** A place takes 8 bytes: no more than 0.5 MB until tens of thousands are connected. */
const GROWTH = 8;

export class DescriptorTable {
  readonly #duplicate: Duplicate;
  #room = ROOM_AT_START;

  constructor(duplicate: Duplicate = duplicateStdin) {
    this.#duplicate = duplicate;
  }

  /** @param fd the latest descriptor; the kernel gives the lowest that is free */
  makeRoomAfter(fd: number): void {
    if (fd * 2 < this.#room) return;
    while (fd * 2 >= this.#room) this.#room *= GROWTH;
    this.#makeRoom(this.#room, fd);
  }

  /** Or half as much, where the limit on open files is lower. */
  #makeRoom(places: number, used: number): void {
    this.#duplicate(places - 1, (copy) => {
      if (copy >= 0) close(copy, () => {});
      else if (places > used * 2) this.#makeRoom(places / 2, used);
    });
  }
}

/** Without foreign functions, the kernel makes room when it must. */
function duplicateStdin(least: number, onDone: (copy: number) => void): void {
  try {
    const fcntl = loadCLibrary().func<{ async(...parameters: unknown[]): void }>('int fcntl(int fd, int command, int argument)');
    fcntl.async(STDIN, F_DUPFD_CLOEXEC, least, (error: Error | null, copy: number) => onDone(error ? -1 : copy));
  } catch {
    onDone(-1);
  }
}

export const descriptorTable = new DescriptorTable();
