/** One request and its answer, as a module sees them. */
import type { FilterContext, FilterStep, LocalReply } from '../http/filter.ts';
import type { ResponseHead } from '../../codec/stream.ts';
import { Action, BufferType, MapType, StreamType } from './abi.ts';
import { attributeOf } from './attributes.ts';
import { BodySide, type BodyCalls } from './body-side.ts';
import type { CallContext, OutgoingCall } from './call-context.ts';
import { plainMap, requestMap, responseMap, type HeaderMap } from './header-map.ts';
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
  #requestBody: BodySide | undefined;
  #responseBody: BodySide | undefined;
  #pipes: ReturnType<FilterContext['passBody']> | undefined;
  #trailers: { readonly side: 'request' | 'response'; readonly map: HeaderMap } | undefined;
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

  // What happens

  onRequest(): FilterStep {
    const exchange = this.#exchange;
    exchange.atEnd(() => this.#end());
    const { headers, bodyLength } = exchange.request;
    this.#openBodies();
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

  #openBodies(): void {
    const { vm } = this.#plugin;
    const has = (side: 'request' | 'response') => vm.has(`proxy_on_${side}_body`) || vm.has(`proxy_on_${side}_trailers`);
    if (has('request')) this.#requestBody = new BodySide(this.#bodyCalls('request'));
    if (has('response')) this.#responseBody = new BodySide(this.#bodyCalls('response'));
    if (this.#requestBody || this.#responseBody) this.#pipes = this.#exchange.passBody({ ...(this.#requestBody ? { request: this.#requestBody } : {}), ...(this.#responseBody ? { response: this.#responseBody } : {}) });
  }

  #bodyCalls(side: 'request' | 'response'): BodyCalls {
    const head = () => (side === 'request' ? this.#exchange.request : this.#response);
    return {
      onBody: (size, end) => {
        // Passed over: it is told of nothing any more.
        if (this.#plugin.vm.failure !== undefined) return this.#isOver ? undefined : Action.continue;
        const action = this.#tell(`proxy_on_${side}_body`, size, end ? 1 : 0);
        if (this.#isOver) return undefined;
        return action ?? Action.continue;
      },
      onTrailers: (trailers) => {
        this.#trailers = { side, map: plainMap(trailers) };
        this.#tell(`proxy_on_${side}_trailers`, trailers.list.length / 3);
        this.#trailers = undefined;
      },
      onTooMuch: () => this.#exchange.reply(side === 'request' ? { status: 413, body: 'Payload Too Large', details: 'request_payload_too_large' } : { status: 500, details: 'response_payload_too_large' }),
      release: (chunk, end) => {
        const stage = side === 'request' ? this.#requestBody : this.#responseBody;
        if (stage) this.#pipes?.[side]?.release(stage, chunk, end);
      },
      isLengthFixed: () => (head()?.bodyLength ?? 0) > 0,
    };
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
      this.#requestBody?.resume();
      this.#responseBody?.resume();
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
    if (type === MapType.requestTrailers) return this.#trailers?.side === 'request' ? this.#trailers.map : undefined;
    if (type === MapType.responseTrailers) return this.#trailers?.side === 'response' ? this.#trailers.map : undefined;
    return type === MapType.responseHeaders ? this.#responseHeaders : this.#root.map(type);
  }

  buffer(type: number): Buffer | undefined {
    if (type === BufferType.requestBody) return this.#requestBody?.bytes;
    if (type === BufferType.responseBody) return this.#responseBody?.bytes;
    // Configurations are told when the plugin begins, as in Envoy.
    return type === BufferType.callBody ? this.#root.buffer(type) : undefined;
  }

  setBuffer(type: number, bytes: Buffer): boolean {
    if (type === BufferType.requestBody) return this.#requestBody?.replace(bytes) ?? false;
    return type === BufferType.responseBody ? (this.#responseBody?.replace(bytes) ?? false) : false;
  }

  property(path: readonly string[]): Buffer | undefined {
    const exchanged = { context: this.#exchange, response: this.#response, startMs: this.#startMs };
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
    if (streamType === StreamType.response) this.#plugin.vm.later(() => this.#responseBody?.resume());
    if (streamType !== StreamType.request) return streamType === StreamType.response;
    if (this.#isAsked) this.#isHeld = true;
    else if (this.#isHeld) this.#plugin.vm.later(() => this.#goOn());
    else this.#plugin.vm.later(() => this.#requestBody?.resume());
    return true;
  }

  close(streamType: number): boolean {
    if (streamType !== StreamType.request && streamType !== StreamType.response) return false;
    return this.reply({ status: 503, details: 'wasm_close_stream' });
  }

  call(call: OutgoingCall): number | undefined {
    return this.#plugin.call(call);
  }

  done(): boolean {
    if (!this.#isOver || this.#isDone) return false;
    this.#isDone = true;
    this.#plugin.vm.later(() => this.#plugin.attempt(() => this.#finish()));
    return true;
  }
}

const FAILED: LocalReply = { status: 503, details: 'wasm_fail_stream' };
