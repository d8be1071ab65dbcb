/** One instance of a module: calls into it, and what happens when it fails. */
import { errorText } from '../../base/errors.ts';
import { ABI_EXPORTS, type AbiExport } from './abi.ts';
import { MAX_MEMORY_BYTES, ModuleMemory } from './memory.ts';
import type { CallContext } from './call-context.ts';
import { WebAssembly, type WasmExports, type WasmImports, type WasmModule } from './web-assembly.ts';

/** The module broke off, or did what no module may. It is not called again. */
export class ModuleFailure extends Error {}

/** What a module imports: by module and name. The context is that for which it runs. */
export type HostFunctions = Readonly<Record<string, Readonly<Record<string, (vm: Vm, ...args: never[]) => number | bigint | void>>>>;

export class Vm {
  readonly abi: AbiExport;
  readonly memory: ModuleMemory;
  readonly #exports: WasmExports;
  /** The contexts that there are, by the number under which the module knows them. */
  readonly contexts = new Map<number, CallContext>();
  /** Whose business the module is about. */
  context: CallContext | undefined;
  failure: string | undefined;
  /** What waits until the module has returned: it must not be called while it runs. */
  readonly #later: (() => void)[] = [];
  #depth = 0;

  /** @throws ModuleFailure when the module cannot run here */
  constructor(module: WasmModule, host: HostFunctions) {
    let exports: WasmExports = {};
    try {
      exports = new WebAssembly.Instance(module, this.#imports(module, host)).exports;
    } catch (error) {
      throw new ModuleFailure(`the module cannot be instantiated: ${errorText(error)}`);
    }
    this.#exports = exports;
    const abi = ABI_EXPORTS.find((name) => name in exports);
    if (!abi) throw new ModuleFailure(`the module is none for proxies: it exports none of ${ABI_EXPORTS.join(', ')}`);
    const { memory } = exports;
    const allocate = exports['proxy_on_memory_allocate'] ?? exports['malloc'];
    if (!(memory instanceof WebAssembly.Memory) || typeof allocate !== 'function') throw new ModuleFailure('the module exports no memory, or neither proxy_on_memory_allocate nor malloc');
    this.abi = abi;
    // Exports are functions of numbers; what comes back is checked where it is used.
    this.memory = new ModuleMemory(memory, (size) => Number((allocate as (size: number) => unknown)(size)));
  }

  has(name: string): boolean {
    return typeof this.#exports[name] === 'function';
  }

  /** Calls an export on behalf of a context. What host functions have put off happens afterwards.
   * @returns undefined when there is no such export
   * @throws ModuleFailure */
  call(name: string, context: CallContext | undefined, ...args: number[]): number | undefined {
    const run = this.#exports[name];
    if (this.failure !== undefined) throw new ModuleFailure(this.failure);
    if (typeof run !== 'function') return undefined;
    const before = this.context;
    this.context = context;
    this.#depth++;
    try {
      const result: unknown = run(...args);
      if (this.memory.size > MAX_MEMORY_BYTES) throw new ModuleFailure(`the module has taken ${this.memory.size} bytes of memory, more than the ${MAX_MEMORY_BYTES} that it may have`);
      return Number(result ?? 0);
    } catch (error) {
      this.failure ??= `${name}: ${errorText(error)}`;
      throw new ModuleFailure(this.failure);
    } finally {
      this.context = before;
      this.#depth--;
    }
  }

  /** To be called by host functions. */
  later(run: () => void): void {
    this.#later.push(run);
  }

  /** Does what was put off, unless the module is running. */
  settle(): void {
    while (this.#depth === 0) {
      const run = this.#later.shift();
      if (!run) return;
      run();
    }
  }

  #imports(module: WasmModule, host: HostFunctions): WasmImports {
    const imports: WasmImports = {};
    for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
      const room = host[from];
      if (kind !== 'function' || !room) throw new ModuleFailure(`the module imports ${kind} ${from}.${name}, which there is not`);
      // A table of functions of numbers: the module's own signature decides how many come.
      const known = room[name] as ((vm: Vm, ...args: (number | bigint)[]) => number | bigint | undefined) | undefined;
      const run = known ?? room[UNKNOWN] as typeof known;
      (imports[from] ??= {})[name] = (...args: (number | bigint)[]) => run?.(this, ...args);
    }
    return imports;
  }
}

/** Stands in for functions that a room of host functions does not have. */
export const UNKNOWN = '*';
