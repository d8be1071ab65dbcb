/** Plugins of users: WebAssembly modules in the chain. Envoy: envoy.filters.http.wasm. What runs them is loaded with the first one. */
import { hash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Any } from '@bufbuild/protobuf/wkt';
import type { Clock } from '../../base/clock.ts';
import { errorText, MeshError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { AsyncDataSource } from '../../xds/generated/envoy/config/core/v3/base_pb.js';
import type { VmConfig } from '../../xds/generated/envoy/extensions/wasm/v3/wasm_pb.js';
import { messageType, unpack, type MessageOf } from '../config/decode.ts';
import { ConfigError } from '../errors.ts';
import { fetchThroughCluster } from '../http/fetch.ts';
import type { FilterContext, FilterStep, HttpFilter, LocalReply } from '../http/filter.ts';
import type { ClusterLookup } from '../http/services.ts';
import { durationMs } from '../route/numbers.ts';
import type { ProxyNode } from '../runtime-contract.ts';
import type { Engine, Plugin, PluginSettings } from '../wasm/engine.ts';

const MAX_MODULE_BYTES = 64 * 1024 * 1024;
/** Between tries to get a module. */
const FIRST_RETRY_MS = 250;
const RETRY_MS = 5000;

const UNAVAILABLE: LocalReply = { status: 503, details: 'wasm_fail_stream' };

export interface WasmDeps {
  readonly clock: Clock;
  readonly clusters: ClusterLookup;
  readonly log: Log;
  readonly node: ProxyNode;
  /** Of this process: modules may be given variables of it. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

class ModuleError extends MeshError<'MODULE'> {}

/** The plugins of a proxy. The same configuration in several listeners is one plugin. */
export class WasmPlugins {
  readonly #deps: WasmDeps;
  readonly #slots = new Map<string, WeakRef<PluginSlot>>();
  #engine: Promise<Engine> | undefined;

  constructor(deps: WasmDeps) {
    this.#deps = deps;
  }

  /** @throws ConfigError */
  filter(name: string, config: Any): HttpFilter {
    const key = `${name} ${Buffer.from(config.value).toString('latin1')}`;
    let slot = this.#slots.get(key)?.deref();
    if (!slot) {
      for (const [other, ref] of this.#slots) if (!ref.deref()) this.#slots.delete(other);
      slot = new PluginSlot(compile(unpack('wasm', config), this.#deps.env), { ...this.#deps, engine: () => this.#load() });
      this.#slots.set(key, new WeakRef(slot));
      void slot.fill();
    }
    return wasmFilter(name, slot);
  }

  #load(): Promise<Engine> {
    const { clock, clusters, log, node } = this.#deps;
    return (this.#engine ??= import('../wasm/engine.ts').then(({ Engine: Made }) => new Made({ clock, clusters, log, node: (path) => nodeText(node, path) })));
  }
}

function nodeText({ id, cluster, metadata }: ProxyNode, path: readonly string[]): string | undefined {
  const found = path.reduce<unknown>((at, name) => (typeof at === 'object' && at !== null && Object.hasOwn(at, name) ? Object.entries(at).find(([key]) => key === name)?.[1] : undefined), { id, cluster, metadata });
  return typeof found === 'string' ? found : undefined;
}

interface Compiled {
  readonly settings: PluginSettings;
  readonly code: AsyncDataSource;
}

function compile({ config }: MessageOf<'wasm'>, env: WasmDeps['env']): Compiled {
  if (config?.vm.case !== 'vmConfig') throw new ConfigError('wasm: vm_config is needed');
  const vm = config.vm.value;
  if (!vm.code?.specifier.case) throw new ConfigError('wasm: vm_config.code is needed');
  return {
    code: vm.code,
    settings: {
      name: config.name, rootId: config.rootId, vmId: vm.vmId, failOpen: config.failOpen, configuration: bytesOf(config.configuration), vmConfiguration: bytesOf(vm.configuration), environment: environmentOf(vm, env),
    },
  };
}

/** Modules get texts and bytes as they are, and everything else encoded. */
function bytesOf(any: Any | undefined): Buffer {
  if (!any) return Buffer.alloc(0);
  return messageType(any) === 'google.protobuf.StringValue' ? Buffer.from(unpack('stringValue', any).value, 'utf8') : Buffer.from(any.value);
}

function environmentOf({ environmentVariables }: VmConfig, env: WasmDeps['env']): Map<string, string> {
  const host = (environmentVariables?.hostEnvKeys ?? []).flatMap((name): [string, string][] => (env[name] === undefined ? [] : [[name, env[name]]]));
  return new Map([...host, ...Object.entries(environmentVariables?.keyValues ?? {})]);
}

interface SlotDeps extends WasmDeps {
  engine(): Promise<Engine>;
}

/** The place of a plugin, whose module may still have to come. */
class PluginSlot {
  readonly failOpen: boolean;
  readonly #compiled: Compiled;
  readonly #deps: SlotDeps;
  #waiting: (() => void)[] | undefined = [];
  plugin: Plugin | undefined;

  constructor(compiled: Compiled, deps: SlotDeps) {
    this.#compiled = compiled;
    this.#deps = deps;
    this.failOpen = compiled.settings.failOpen;
  }

  /** Calls back when it is known whether there is a plugin. @returns false when that is known */
  wait(run: () => void): boolean {
    this.#waiting?.push(run);
    return this.#waiting !== undefined;
  }

  /** Tries for as long as it takes; requests wait for the first seconds of that. */
  async fill(): Promise<void> {
    const { clock, log } = this.#deps;
    const { settings } = this.#compiled;
    const patience = clock.monotonic() + this.#timeoutMs;
    for (;;) {
      try {
        await this.#start();
        return this.#settle();
      } catch (error) {
        const isHopeless = !(error instanceof ModuleError);
        const isLate = isHopeless || clock.monotonic() >= patience;
        if (isLate) {
          log.error('a plugin cannot run', { plugin: settings.name, error: errorText(error), requests: this.failOpen ? 'pass without it' : 'are answered 503' });
          this.#settle();
        }
        if (isHopeless) return;
        const { promise, resolve } = Promise.withResolvers<void>();
        clock.after(isLate ? RETRY_MS : FIRST_RETRY_MS, resolve).unref();
        await promise;
      }
    }
  }

  #settle(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const run of waiting) run();
  }

  async #start(): Promise<void> {
    const { settings, code } = this.#compiled;
    const [bytes, engine] = await Promise.all([this.#read(code), this.#deps.engine()]);
    const digest = hash('sha256', bytes);
    const wanted = code.specifier.case === 'remote' ? code.specifier.value.sha256 : digest;
    if (digest !== wanted) throw new ModuleError('MODULE', `the module has the digest ${digest}, not ${wanted}`);
    this.plugin = await engine.start(bytes, digest, settings);
  }

  get #timeoutMs(): number {
    const { specifier } = this.#compiled.code;
    return specifier.case === 'remote' ? (durationMs(specifier.value.httpUri?.timeout) ?? 10_000) : 0;
  }

  async #read({ specifier }: AsyncDataSource): Promise<Uint8Array> {
    const source = specifier.value && specifier.case === 'local' ? specifier.value.specifier : undefined;
    if (source?.case === 'inlineBytes') return source.value;
    if (source?.case === 'filename') return readFile(source.value).catch((error: unknown) => { throw new ModuleError('MODULE', errorText(error)); });
    if (specifier.case !== 'remote') throw new ConfigError(`wasm: code from ${source?.case ?? 'nowhere'} is not supported`);
    return this.#fetch(specifier.value.httpUri?.uri ?? '', specifier.value.httpUri?.httpUpstreamType.value ?? '');
  }

  async #fetch(url: string, cluster: string): Promise<Uint8Array> {
    const { clock, clusters } = this.#deps;
    const found = await fetchThroughCluster({ url, cluster, clusters, clock, timeoutMs: this.#timeoutMs, maxBytes: MAX_MODULE_BYTES }).catch((error: unknown) => { throw new ModuleError('MODULE', errorText(error)); });
    if (found.status !== 200) throw new ModuleError('MODULE', `${url} answers ${found.status}`);
    return found.body;
  }
}

function wasmFilter(name: string, slot: PluginSlot): HttpFilter {
  const told = new WeakMap<FilterContext, ReturnType<Plugin['begin']>>();
  const ask = (context: FilterContext): FilterStep => {
    const begun = slot.plugin?.begin(context);
    if (begun) {
      told.set(context, begun);
      return begun.onRequest();
    }
    if (slot.failOpen) return 'continue';
    context.reply(UNAVAILABLE);
    return 'done';
  };
  return {
    name,
    onRequest(context) {
      let isOver = false;
      const isWaiting = slot.wait(() => {
        if (!isOver && ask(context) === 'continue') context.resume();
      });
      if (!isWaiting) return ask(context);
      context.atEnd(() => (isOver = true));
      return 'stop';
    },
    onResponse(context, head) {
      told.get(context)?.onResponse(head);
    },
  };
}
