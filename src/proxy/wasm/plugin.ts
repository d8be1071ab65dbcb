/** One plugin that runs: a module, what it was configured with, and the requests that it has been told of. */
import type { Clock, Timer } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { FilterContext } from '../http/filter.ts';
import type { ClusterLookup } from '../http/services.ts';
import type { OutgoingCall } from './call-context.ts';
import { encodeAttribute } from './attributes.ts';
import { hostFunctions } from './host-functions.ts';
import { OutgoingCalls } from './outgoing-calls.ts';
import { RequestContext } from './request-context.ts';
import { RootContext } from './root-context.ts';
import type { SharedState } from './shared-state.ts';
import { ModuleFailure, Vm } from './vm.ts';
import type { WasmModule } from './web-assembly.ts';

export interface PluginSettings {
  readonly name: string;
  readonly rootId: string;
  readonly vmId: string;
  readonly failOpen: boolean;
  readonly configuration: Buffer;
  readonly vmConfiguration: Buffer;
  readonly environment: ReadonlyMap<string, string>;
}

export interface PluginDeps {
  readonly clock: Clock;
  readonly clusters: ClusterLookup;
  readonly log: Log;
  readonly shared: SharedState;
  /** Of the proxy: `node.id`, `node.metadata.NAME`. */
  node(path: readonly string[]): string | undefined;
}

/** Numbers of contexts stay positive in 32 bits. */
const MAX_ID = 0x7fff_fffe;

export class Plugin {
  readonly settings: PluginSettings;
  readonly vm: Vm;
  readonly #root: RootContext;
  readonly #calls: OutgoingCalls;
  readonly #deps: PluginDeps;
  #tickMs = 0;
  #timer: Timer | undefined;
  #lastId = 1;
  #isTold = false;

  /** @throws ModuleFailure when the module does not want to, or cannot */
  constructor(module: WasmModule, settings: PluginSettings, deps: PluginDeps) {
    this.settings = settings;
    this.#deps = deps;
    const { clock, log, shared } = deps;
    this.vm = new Vm(module, hostFunctions({
      shared, environment: settings.environment, now: () => clock.now(), isLogged: (level) => log.enabled(level), tickEvery: (ms) => this.#tickEvery(ms),
      log: (level, message) => log[level](message, { plugin: settings.name }),
    }));
    this.#calls = new OutgoingCalls(deps);
    this.#root = new RootContext({ configuration: settings.configuration, vmConfiguration: settings.vmConfiguration, property: (path) => this.#property(path), call: (call) => this.call(call) });
    this.#start();
  }

  #start(): void {
    const { vm } = this;
    const root = this.#root;
    vm.contexts.set(root.id, root);
    vm.call(vm.has('_initialize') ? '_initialize' : '_start', root);
    vm.call('main', root, 0, 0);
    vm.call('proxy_on_context_create', root, root.id, 0);
    const says = (callback: string, size: number): void => {
      if (vm.has(callback) && vm.call(callback, root, root.id, size) === 0) throw new ModuleFailure(`${callback} answers that it cannot go on`);
    };
    says('proxy_on_vm_start', this.settings.vmConfiguration.length);
    says('proxy_on_configure', this.settings.configuration.length);
    vm.settle();
  }

  /** Begins with a request. @returns undefined when the module has failed */
  begin(exchange: FilterContext): RequestContext | undefined {
    const id = this.#nextId();
    const context = new RequestContext(id, exchange, { plugin: this, root: this.#root });
    this.vm.contexts.set(id, context);
    return this.attempt(() => void this.vm.call('proxy_on_context_create', context, id, this.#root.id)) ? context : undefined;
  }

  #nextId(): number {
    do this.#lastId = this.#lastId >= MAX_ID ? 2 : this.#lastId + 1;
    while (this.vm.contexts.has(this.#lastId));
    return this.#lastId;
  }

  /** @returns false when the module has failed, now or before */
  attempt(run: () => void): boolean {
    if (this.vm.failure !== undefined) return false;
    try {
      run();
      this.vm.settle();
      return true;
    } catch (error) {
      if (!(error instanceof ModuleFailure)) throw error;
      this.failed();
      return false;
    }
  }

  /** The module is given up, and with it the requests that wait for it. */
  failed(): void {
    if (this.#isTold) return;
    this.#isTold = true;
    this.#timer?.cancel();
    const { name, failOpen } = this.settings;
    this.#deps.log.error('a plugin has failed', { plugin: name, error: this.vm.failure ?? '', requests: failOpen ? 'pass without it' : 'are answered 503' });
    for (const context of this.vm.contexts.values()) if (context instanceof RequestContext) context.fail();
    this.vm.contexts.clear();
  }

  /** The answer is told to the plugin as a whole, as by Envoy: the module knows for which request it has asked. */
  call(call: OutgoingCall): number | undefined {
    return this.#calls.begin(call, (token, answer) => {
      this.attempt(() => {
        this.#root.answer = answer;
        try {
          this.vm.call('proxy_on_http_call_response', this.#root, this.#root.id, token, ...answer.counts);
        } finally {
          this.#root.answer = undefined;
        }
      });
    });
  }

  #tickEvery(ms: number): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#tickMs = ms;
    if (ms > 0) this.#timer = nextTick(new WeakRef(this), this.#deps.clock, ms);
  }

  /** @internal */
  tick(): void {
    if (!this.attempt(() => void this.vm.call('proxy_on_tick', this.#root, this.#root.id))) return;
    this.#tickEvery(this.#tickMs);
  }

  #property([group = '', ...rest]: readonly string[]): Buffer | undefined {
    const { name, rootId, vmId } = this.settings;
    const own = new Map([['plugin_name', name], ['plugin_root_id', rootId], ['plugin_vm_id', vmId]]);
    if (rest.length === 0) return encodeAttribute(own.get(group));
    return group === 'node' || (group === 'xds' && rest[0] === 'node') ? encodeAttribute(this.#deps.node(group === 'xds' ? rest.slice(1) : rest)) : undefined;
  }
}

/** A plugin that no listener has any more is no longer told the time. */
function nextTick(plugin: WeakRef<Plugin>, clock: Clock, ms: number): Timer {
  const timer = clock.after(ms, () => plugin.deref()?.tick());
  timer.unref();
  return timer;
}
