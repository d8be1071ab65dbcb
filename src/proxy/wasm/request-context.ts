/** One request and its answer, as a module sees them. */
import type { FilterContext, FilterStep, LocalReply } from '../http/filter.ts';
import type { ResponseHead } from '../http/stream.ts';
import { Action, BufferType, MapType, StreamType } from './abi.ts';
import { attributeOf } from './attributes.ts';
import type { CallContext, OutgoingCall } from './call-context.ts';
import { requestMap, responseMap, type HeaderMap } from './header-map.ts';
import type { Plugin } from './plugin.ts';
import type { RootContext } from './root-context.ts';
import { ModuleFailure } from './vm.ts';

export class RequestContext implements CallContext {
  readonly id: number;
  readonly #plugin: Plugin;
  readonly #root: RootContext;
  readonly #exchange: FilterContext;
  readonly #startMs: number;
  readonly #requestHeaders: HeaderMap;
  readonly #properties = new Map<string, Buffer>();
  #response: ResponseHead | undefined;
  #responseHeaders: HeaderMap | undefined;
  /** The request waits for the module. */
  #isHeld = false;
  /** The module is in the middle of the request's head. */
  #isAsked = false;
  #reply: LocalReply | undefined;
  #isOver = false;
  #isDone = false;

  constructor(id: number, exchange: FilterContext, of: { plugin: Plugin; root: RootContext }) {
    this.id = id;
    this.#exchange = exchange;
    this.#plugin = of.plugin;
    this.#root = of.root;
    this.#startMs = exchange.clock.now();
    this.#requestHeaders = requestMap(exchange.request);
  }

  get answer(): RootContext['answer'] {
    return this.#root.answer;
  }

  set answer(answer: RootContext['answer']) {
    this.#root.answer = answer;
  }

  // What happens

  onRequest(): FilterStep {
    const exchange = this.#exchange;
    exchange.atEnd(() => this.#end());
    const { headers, bodyLength } = exchange.request;
    this.#isAsked = true;
    const action = this.#tell('proxy_on_request_headers', headers.list.length / 3 + 4, bodyLength === 0 ? 1 : 0);
    this.#isAsked = false;
    if (this.#reply) {
      exchange.reply(this.#reply);
      return 'done';
    }
    if (this.#isOver) return 'done';
    if (action !== Action.continue && action !== undefined && !this.#isHeld) {
      this.#isHeld = true;
      return 'stop';
    }
    // It has said already that it goes on.
    this.#isHeld = false;
    return 'continue';
  }

  onResponse(head: ResponseHead): void {
    if (this.#isOver) return;
    this.#response = head;
    this.#responseHeaders = responseMap(head);
    this.#tell('proxy_on_response_headers', head.headers.list.length / 3 + 1, head.bodyLength === 0 ? 1 : 0);
  }

  #end(): void {
    this.#isOver = true;
    this.#plugin.attempt(() => {
      const { vm } = this.#plugin;
      const isDone = vm.call('proxy_on_done', this, this.id) ?? 1;
      if (isDone !== 0 || this.#isDone) this.#finish();
    });
    if (this.#plugin.vm.failure !== undefined) this.#plugin.vm.contexts.delete(this.id);
  }

  #finish(): void {
    const { vm } = this.#plugin;
    if (!vm.contexts.has(this.id)) return;
    vm.call('proxy_on_log', this, this.id);
    vm.call('proxy_on_delete', this, this.id);
    vm.contexts.delete(this.id);
  }

  /** A call into the module about this request.
   * @returns undefined when it has no such callback, or when it failed and its failures are to be passed over */
  #tell(callback: string, ...args: number[]): number | undefined {
    const { plugin, exchange } = { plugin: this.#plugin, exchange: this.#exchange };
    try {
      const action = plugin.vm.call(callback, this, this.id, ...args);
      plugin.vm.settle();
      return action;
    } catch (error) {
      if (!(error instanceof ModuleFailure)) throw error;
      plugin.failed();
      this.fail(exchange);
      return undefined;
    }
  }

  /** The module can say nothing more about it. */
  fail(exchange: FilterContext = this.#exchange): void {
    this.#plugin.vm.contexts.delete(this.id);
    if (this.#isOver) return;
    if (this.#plugin.settings.failOpen) {
      if (this.#isHeld) this.#goOn();
      return;
    }
    this.#isOver = true;
    exchange.reply(FAILED);
  }

  #goOn(): void {
    this.#isHeld = false;
    this.#exchange.resume();
  }

  // What the module asks for

  map(type: number): HeaderMap | undefined {
    if (type === MapType.requestHeaders) return this.#requestHeaders;
    return type === MapType.responseHeaders ? this.#responseHeaders : this.#root.map(type);
  }

  buffer(type: number): Buffer | undefined {
    return type === BufferType.requestBody || type === BufferType.responseBody ? undefined : this.#root.buffer(type);
  }

  setBuffer(): boolean {
    return false;
  }

  property(path: readonly string[]): Buffer | undefined {
    const exchanged = { context: this.#exchange, response: this.#response, startMs: this.#startMs, requestBytes: 0, responseBytes: 0 };
    return this.#properties.get(path.join('\0')) ?? attributeOf(path, exchanged) ?? this.#root.property(path);
  }

  setProperty(path: readonly string[], value: Buffer): void {
    this.#properties.set(path.join('\0'), value);
  }

  reply(reply: LocalReply): boolean {
    if (this.#isOver || this.#reply) return false;
    this.#reply = reply;
    if (!this.#isAsked) this.#plugin.vm.later(() => this.#exchange.reply(reply));
    return true;
  }

  resume(streamType: number): boolean {
    if (streamType !== StreamType.request) return streamType === StreamType.response;
    if (this.#isAsked) this.#isHeld = true;
    else if (this.#isHeld) this.#plugin.vm.later(() => this.#goOn());
    return true;
  }

  close(streamType: number): boolean {
    if (streamType !== StreamType.request && streamType !== StreamType.response) return false;
    return this.reply({ status: 503, details: 'wasm_close_stream' });
  }

  call(call: OutgoingCall): number | undefined {
    return this.#plugin.call(this, call);
  }

  done(): boolean {
    if (!this.#isOver || this.#isDone) return false;
    this.#isDone = true;
    this.#plugin.vm.later(() => this.#plugin.attempt(() => this.#finish()));
    return true;
  }
}

export const FAILED: LocalReply = { status: 503, details: 'wasm_fail_stream' };
