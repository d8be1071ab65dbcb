/* oxlint-disable max-params -- the ABI says how many there are. */
/** The little of WASI that modules for proxies need: output, environment, clock, chance. There are no files and no sockets.
 * https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md */
import { randomFillSync } from 'node:crypto';
import type { HostDeps } from './host-functions.ts';
import { ModuleFailure, UNKNOWN, type Vm } from './vm.ts';

const Errno = { success: 0, badf: 8, fault: 21, inval: 28, nosys: 52 } as const;
const MAX_OUTPUT_BYTES = 64 * 1024;
const MAX_VECTORS = 1024;

export function wasiFunctions({ environment, now, log }: Pick<HostDeps, 'environment' | 'now' | 'log'>) {
  const entries = [...environment].map(([name, value]) => Buffer.from(`${name}=${value}\0`, 'utf8'));
  const sizes = (vm: Vm, countAt: number, sizeAt: number, items: readonly Buffer[]): number =>
    vm.memory.writeU32(countAt, items.length) && vm.memory.writeU32(sizeAt, items.reduce((sum, item) => sum + item.length, 0)) ? Errno.success : Errno.fault;
  return {
    fd_write(vm: Vm, fd: number, vectorsAt: number, count: number, writtenAt: number): number {
      if (fd !== 1 && fd !== 2) return Errno.badf;
      if (count < 0 || count > MAX_VECTORS) return Errno.inval;
      const vectors = vm.memory.read(vectorsAt, count * 8);
      if (!vectors) return Errno.fault;
      const parts: Buffer[] = [];
      let size = 0;
      for (let at = 0; at < vectors.length; at += 8) {
        const part = vm.memory.read(vectors.readUInt32LE(at), vectors.readUInt32LE(at + 4));
        if (!part) return Errno.fault;
        size += part.length;
        if (size > MAX_OUTPUT_BYTES) return Errno.inval;
        parts.push(part);
      }
      const line = Buffer.concat(parts).toString('utf8').trimEnd();
      if (line !== '') log(fd === 1 ? 'info' : 'error', line);
      return vm.memory.writeU32(writtenAt, size) ? Errno.success : Errno.fault;
    },
    environ_sizes_get: (vm: Vm, countAt: number, sizeAt: number): number => sizes(vm, countAt, sizeAt, entries),
    environ_get(vm: Vm, pointersAt: number, textAt: number): number {
      let at = textAt >>> 0;
      for (const [i, entry] of entries.entries()) {
        if (!vm.memory.writeU32((pointersAt >>> 0) + i * 4, at) || !vm.memory.write(at, entry)) return Errno.fault;
        at += entry.length;
      }
      return Errno.success;
    },
    args_sizes_get: (vm: Vm, countAt: number, sizeAt: number): number => sizes(vm, countAt, sizeAt, []),
    args_get: (): number => Errno.success,
    clock_time_get(vm: Vm, _clock: number, _precision: bigint, at: number): number {
      return vm.memory.writeU64(at, BigInt(Math.floor(now() * 1000)) * 1000n) ? Errno.success : Errno.fault;
    },
    random_get(vm: Vm, at: number, size: number): number {
      if (size >>> 0 > MAX_OUTPUT_BYTES) return Errno.inval;
      return vm.memory.write(at, randomFillSync(Buffer.alloc(size >>> 0))) ? Errno.success : Errno.fault;
    },
    fd_close: (): number => Errno.badf,
    fd_seek: (): number => Errno.badf,
    fd_read: (): number => Errno.badf,
    fd_fdstat_get: (_vm: Vm, fd: number): number => (fd === 1 || fd === 2 ? Errno.success : Errno.badf),
    fd_prestat_get: (): number => Errno.badf,
    sched_yield: (): number => Errno.success,
    proc_exit(_vm: Vm, code: number): never {
      throw new ModuleFailure(`the module ended itself with code ${code}`);
    },
    [UNKNOWN]: (): number => Errno.nosys,
  };
}
