/** The memory of a module, in which nothing that the module says is trusted. */

import type { WasmMemory } from './web-assembly.ts';

/** So much memory a module may have. Wasm memory cannot be shrunk, and growing cannot be forbidden: who has more is ended. */
export const MAX_MEMORY_BYTES = 256 * 1024 * 1024;

export class ModuleMemory {
  readonly #memory: WasmMemory;
  readonly #allocate: (size: number) => number;

  /** @param allocate the module's own: it knows what is free */
  constructor(memory: WasmMemory, allocate: (size: number) => number) {
    this.#memory = memory;
    this.#allocate = allocate;
  }

  get size(): number {
    return this.#memory.buffer.byteLength;
  }

  /** A copy of what is there, since the module may move it; undefined: it is not within the memory.
   * @param pointer @param length as WebAssembly passes them: 32 bits with a sign */
  read(pointer: number, length: number): Buffer | undefined {
    const view = this.#view(pointer, length);
    return view && Buffer.from(view);
  }

  /** @returns false when there is no such place */
  writeU32(pointer: number, value: number): boolean {
    const view = this.#view(pointer, 4);
    view?.writeUInt32LE(value >>> 0, 0);
    return view !== undefined;
  }

  writeU64(pointer: number, value: bigint): boolean {
    const view = this.#view(pointer, 8);
    view?.writeBigUInt64LE(BigInt.asUintN(64, value), 0);
    return view !== undefined;
  }

  write(pointer: number, bytes: Uint8Array): boolean {
    const view = this.#view(pointer, bytes.length);
    view?.set(bytes);
    return view !== undefined;
  }

  /** Puts bytes into memory that the module allocates, and tells it where.
   * @returns false when one of the places is none */
  give(bytes: Buffer, pointerAt: number, sizeAt: number): boolean {
    const pointer = bytes.length === 0 ? 0 : this.#allocate(bytes.length) >>> 0;
    if (bytes.length > 0 && (pointer === 0 || !this.write(pointer, bytes))) return false;
    return this.writeU32(pointerAt, pointer) && this.writeU32(sizeAt, bytes.length);
  }

  #view(signedPointer: number, signedLength: number): Buffer | undefined {
    const [pointer, length] = [signedPointer >>> 0, signedLength >>> 0];
    const { buffer } = this.#memory;
    return pointer + length <= buffer.byteLength ? Buffer.from(buffer, pointer, length) : undefined;
  }
}
