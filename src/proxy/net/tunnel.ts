/** A connection through a proxy: CONNECT (or POST) by HTTP, and then bytes. To the session that asked for it, it looks like a bare
 * connection. Envoy: `TcpProxy.TunnelingConfig`. */
import { Duplex } from 'node:stream';
import { Headers } from '../../codec/headers.ts';
import type { RequestHead, ResetReason, ResponseHead, ResponseSink, UpstreamStream, UpstreamConnectionFacts } from '../../codec/stream.ts';
import type { Connecting, ConnectListener } from '../upstream/connect-attempt.ts';
import type { HostPool } from '../upstream/host-pool.ts';
import type { PoolWaiter } from '../upstream/pool-settings.ts';

export interface TunnelSettings {
  /** `host:port` that the proxy is asked for. */
  readonly target: string;
  readonly usePost: boolean;
}

/** The request by which a proxy is asked. */
export function tunnelHead({ target, usePost }: TunnelSettings): RequestHead {
  return { method: usePost ? 'POST' : 'CONNECT', path: usePost ? '/' : '', authority: target, scheme: usePost ? 'http' : '', protocol: 'HTTP/1.1', headers: new Headers(), bodyLength: -1 };
}

export function openTunnel(pool: HostPool, settings: TunnelSettings, listener: ConnectListener): Connecting {
  const tunnel = new Tunnel(settings, listener);
  pool.acquire(tunnel);
  return {
    cancel() {
      pool.cancel(tunnel);
      tunnel.destroy();
    },
  };
}

class Tunnel extends Duplex implements PoolWaiter, ResponseSink {
  readonly sink: ResponseSink = this;
  readonly isRepeatable = false;
  readonly #settings: TunnelSettings;
  #listener: ConnectListener | undefined;
  #stream: UpstreamStream | undefined;
  #facts: UpstreamConnectionFacts | undefined;
  #blocked: (() => void) | undefined;
  #isOver = false;

  constructor(settings: TunnelSettings, listener: ConnectListener) {
    super({ allowHalfOpen: true });
    this.#settings = settings;
    this.#listener = listener;
  }

  onStream(stream: UpstreamStream, facts: UpstreamConnectionFacts): void {
    this.#stream = stream;
    this.#facts = facts;
    if (this.destroyed) return stream.abort();
    stream.sendHead(tunnelHead(this.#settings), false, false);
  }

  onPoolFailure(reason: string, detail: string | undefined, timedOut: boolean): void {
    this.#refused(detail ?? (reason === 'overflow' ? reason : undefined), timedOut);
  }

  onInterim(): void {}

  onHead(head: ResponseHead): void {
    const listener = this.#listener;
    if (head.status < 200 || head.status >= 300 || !this.#facts) return this.#refused(undefined, false);
    this.#listener = undefined;
    listener?.onConnected(this, this.#facts);
    if (head.bodyLength === 0 && this.#settings.usePost) this.#ended();
  }

  onData(chunk: Buffer, end: boolean): void {
    // Codecs may only lend what they give.
    if (!this.push(Buffer.from(chunk))) this.#stream?.pause();
    if (end) this.#ended();
  }

  onEnd(): void {
    this.#ended();
  }

  onReset(_reason: ResetReason): void {
    this.#isOver = true;
    if (this.#listener) this.#refused(undefined, false);
    else this.destroy();
  }

  onDrain(): void {
    const next = this.#blocked;
    this.#blocked = undefined;
    next?.();
  }

  override _read(): void {
    this.#stream?.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, written: () => void): void {
    if (this.#isOver || this.#stream?.sendData(chunk, false) !== false) written();
    else this.#blocked = written;
  }

  override _final(done: () => void): void {
    if (!this.#isOver) this.#stream?.sendEnd(undefined);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (!this.#isOver) this.#stream?.abort();
    this.#isOver = true;
    done(error);
  }

  #ended(): void {
    this.push(null);
  }

  #refused(reason: string | undefined, timedOut: boolean): void {
    const listener = this.#listener;
    this.#listener = undefined;
    this.destroy();
    listener?.onFailed(reason, timedOut);
  }
}
