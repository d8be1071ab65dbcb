/** As much of WebAssembly as is used here: the types of Node leave it to those of browsers. */

export interface WasmMemory {
  readonly buffer: ArrayBuffer;
}
export interface WasmModule {
  readonly [kind]: 'module';
}
export type WasmExports = Readonly<Record<string, unknown>>;
export type WasmImports = Record<string, Record<string, (...args: (number | bigint)[]) => unknown>>;

declare const kind: unique symbol;

interface Api {
  compile(bytes: Uint8Array): Promise<WasmModule>;
  readonly Instance: new (module: WasmModule, imports: WasmImports) => { readonly exports: WasmExports };
  readonly Memory: new (of: { initial: number; maximum?: number }) => WasmMemory;
  readonly Module: { imports(module: WasmModule): { readonly module: string; readonly name: string; readonly kind: string }[] };
}

// It is part of the language's run time, whatever the types say.
export const { WebAssembly } = globalThis as unknown as { readonly WebAssembly: Api };
