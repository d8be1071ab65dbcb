/** A plugin as a whole, as its module sees it: its configuration, its clock, and the calls that it makes for nobody in particular. */
import { BufferType, MapType } from './abi.ts';
import type { CallContext, OutgoingCall } from './call-context.ts';
import type { HeaderMap } from './header-map.ts';
import type { CallAnswer } from './outgoing-calls.ts';

export interface RootDeps {
  readonly configuration: Buffer;
  readonly vmConfiguration: Buffer;
  /** Of the plugin and its proxy. */
  property(path: readonly string[]): Buffer | undefined;
  call(call: OutgoingCall): number | undefined;
}

export class RootContext implements CallContext {
  readonly id = 1;
  readonly #deps: RootDeps;
  readonly #own = new Map<string, Buffer>();
  /** What a call was answered, while the module is told. */
  answer: CallAnswer | undefined;

  constructor(deps: RootDeps) {
    this.#deps = deps;
  }

  map(type: number): HeaderMap | undefined {
    return type === MapType.callHeaders ? this.answer?.headers : type === MapType.callTrailers ? this.answer?.trailers : undefined;
  }

  buffer(type: number): Buffer | undefined {
    if (type === BufferType.callBody) return this.answer?.body;
    return type === BufferType.pluginConfiguration ? this.#deps.configuration : type === BufferType.vmConfiguration ? this.#deps.vmConfiguration : undefined;
  }

  setBuffer(): boolean {
    return false;
  }

  property(path: readonly string[]): Buffer | undefined {
    return this.#own.get(path.join('\0')) ?? this.#deps.property(path);
  }

  setProperty(path: readonly string[], value: Buffer): void {
    this.#own.set(path.join('\0'), value);
  }

  reply(): boolean {
    return false;
  }

  resume(): boolean {
    return false;
  }

  close(): boolean {
    return false;
  }

  call(call: OutgoingCall): number | undefined {
    return this.#deps.call(call);
  }

  done(): boolean {
    return false;
  }
}
