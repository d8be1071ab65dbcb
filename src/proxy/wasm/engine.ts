/** Runs modules. Loaded when the first plugin is configured: a proxy without plugins does not know of it. */
import { Plugin, type PluginDeps, type PluginSettings } from './plugin.ts';
import { SharedState, type Metric } from './shared-state.ts';
import { WebAssembly, type WasmModule } from './web-assembly.ts';

export type { Plugin, PluginSettings };

export class Engine {
  readonly #deps: PluginDeps;
  /** By digest, as long as a plugin uses it. */
  readonly #modules = new Map<string, WeakRef<WasmModule>>();

  constructor(deps: Omit<PluginDeps, 'shared'>) {
    this.#deps = { ...deps, shared: new SharedState() };
  }

  get metrics(): readonly Metric[] {
    return this.#deps.shared.metrics;
  }

  /** Rejects when the bytes are no module, or none that can run here.
   * @param digest of the bytes */
  async start(bytes: Uint8Array, digest: string, settings: PluginSettings): Promise<Plugin> {
    const known = this.#modules.get(digest)?.deref();
    const module = known ?? await WebAssembly.compile(bytes);
    if (!known) this.#modules.set(digest, new WeakRef(module));
    return new Plugin(module, settings, this.#deps);
  }
}
